package main

import "github.com/spf13/cobra"

// completionCommand stands in for cobra's own, which answers a shell that it
// does not know with its help and exit status 0: a package would then carry
// the help as a completion.
func (in *invocation) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what makes a shell complete kextwatch's commands",
		Long: `completion prints a script for bash, zsh or fish. Once read by the shell, it
completes kextwatch's commands and flags with the Tab key.`,
		Example: `  source <(kextwatch completion bash)
  kextwatch completion zsh >"${fpath[1]}/_kextwatch"
  kextwatch completion fish >~/.config/fish/completions/kextwatch.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || cobra.OnlyValidArgs(cmd, args) != nil {
				return usage("it is: kextwatch completion bash, zsh or fish", "completion takes one shell")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(in.stdout)
			case "fish":
				return root.GenFishCompletion(in.stdout, true)
			default:
				return root.GenBashCompletionV2(in.stdout, true)
			}
		},
	}
}

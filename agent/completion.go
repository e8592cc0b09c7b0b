package main

import (
	"io"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
)

// completionCommand replaces cobra's own command, which prints its help and exits
// with 0 for an unknown shell. A package would install that help as a completion.
func completionCommand(out io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a completion script for a shell",
		Long: `completion prints a script for bash, zsh or fish. With it, the Tab key completes
kextwatch's commands and flags.`,
		Example: `  source <(kextwatch completion bash)
  kextwatch completion zsh >"${fpath[1]}/_kextwatch"
  kextwatch completion fish >~/.config/fish/completions/kextwatch.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args: func(cmd *cobra.Command, args []string) error {
			const hint = "name one of bash, zsh and fish"
			if len(args) != 1 {
				return cli.Usage(hint, "completion takes one argument, the name of a shell")
			}
			if cobra.OnlyValidArgs(cmd, args) != nil {
				return cli.Usage(hint, "unknown shell %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			default:
				return root.GenBashCompletionV2(out, true)
			}
		},
	}
}

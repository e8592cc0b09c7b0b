package main

import (
	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
)

func (in *invocation) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the current status",
		Long:  `status takes one snapshot and shows the current status.`,
		Example: `  kextwatch status
  kextwatch status --json
  sudo kextwatch status                          reads what only root may read
  kextwatch status --volume "/Volumes/Old Mac"   another Mac's disk`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := in.target.examineWith(cmd.Context(), statusLimit, in.out.Stderr)
			if err != nil {
				return err
			}
			in.exit = statusCode(st)
			return writeStatus(in.out, st, view.Text(st))
		},
	}
}

func (in *invocation) explainCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Show the status with every fact and every rule that applied",
		Example: `  kextwatch explain
  kextwatch explain --all`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := in.target.examineWith(cmd.Context(), statusLimit, in.out.Stderr)
			if err != nil {
				return err
			}
			return writeStatus(in.out, st, view.Explain(st, all))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also show the rules that did not apply")
	return cmd
}

// writeStatus writes a status as JSON, or its text.
func writeStatus(out cli.Output, st approval.Status, text view.Lines) error {
	if out.JSON {
		out.Document(view.NewDocument(st))
		return nil
	}
	return terminal.Write(out.Stdout, text)
}

// statusCode returns 0 for nothing to do, 1 for something to do, 2 for unknown.
// Without a fact that the verdict depends on, nothing to do is unknown, too.
func statusCode(st approval.Status) int {
	switch {
	case st.Verdict.NeedsAction():
		return 1
	case !view.Certain(st):
		return 2
	}
	return 0
}

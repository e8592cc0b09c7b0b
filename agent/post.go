package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
)

func postCommand(in io.Reader) *cobra.Command {
	var urgent bool
	cmd := &cobra.Command{
		Use:   "post",
		Short: "Post one notification with the text from standard input",
		Long: `post shows one notification and exits. The first line of standard input is
the title, the rest is the text. The agent starts post for each alert, so that a
notification service that never answers cannot block the agent.`,
		Example: `  printf 'Title\nText\n' | kextwatch post`,
		Args:    noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return post(cmd.Context(), in, urgent)
		},
	}
	cmd.Flags().BoolVar(&urgent, "urgent", false, "with a sound")
	return cmd
}

// post posts the alert that in holds.
func post(ctx context.Context, in io.Reader, urgent bool) error {
	desktop.Connect()
	alert, err := untilDone(ctx, func() (notify.Alert, error) { return desktop.ReadAlert(in, urgent) })
	if errors.Is(err, errDone) {
		return cli.Interrupted()
	}
	if err != nil {
		return cli.Usage("write a title, a line break and the text to standard input", "%w", err)
	}
	if err := desktop.Send(alert); err != nil {
		return cli.Unavailable(err, "check that notifications are allowed and not silenced")
	}
	return nil
}

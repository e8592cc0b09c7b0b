package main

import (
	"context"
	"runtime"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

func (in *invocation) notifyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "notify-test",
		Short: "Post one test notification and explain what to do if it does not appear",
		Long: `notify-test posts one notification in the same way as the agent and explains
what to check if it does not appear. The system does not report whether anyone
saw it.`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return notifyTest(cmd.Context(), in.target.mac, in.newPoster, in.out)
		},
	}
}

// notifyTest posts one notification in the way the agent does.
func notifyTest(ctx context.Context, m root.FS, newPoster func(toolsRoot string) (notify.Poster, error), out cli.Output) error {
	if m.NoTools {
		return cli.Usage("leave --volume out to try the desktop of this machine", "another Mac's disk shows no notifications")
	}
	poster, err := newPoster(m.Root)
	if err != nil {
		return err
	}
	if err := poster.Post(ctx, view.TestAlert()); err != nil {
		return cli.Unavailable(err, "the icon in the menu bar and kextwatch status report the same as the notifications")
	}
	done, next := view.TestPosted(mac.ReadScreen(m), runtime.GOOS == "darwin")
	if out.JSON {
		out.Document(map[string]any{"schema": 1, "posted": true, "text": done, "next": next})
		return nil
	}
	out.Say("%s\n%s", done, next)
	return nil
}

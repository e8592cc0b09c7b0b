package main

import (
	"context"
	"runtime"

	"github.com/spf13/cobra"

	"kextwatch/agent/view"
	"kextwatch/probe/mac"
)

func (in *invocation) notifyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "notify-test",
		Short: "Post one test notification, and say what to do when none appears",
		Long: `notify-test posts one notification in the way the agent does, and says what to
look at when it does not appear. Whether a person saw it, no system tells.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.notifyTest(cmd.Context()) },
	}
}

func (in *invocation) notifyTest(ctx context.Context) error {
	if in.mac.NoTools {
		return usage("leave --volume out to try the desktop of this machine", "another Mac's disk shows no notifications")
	}
	poster, err := in.newPoster(in.mac.Root)
	if err != nil {
		return err
	}
	if err := poster.Post(ctx, view.TestAlert()); err != nil {
		return unavailable(err, "the icon in the menu bar and kextwatch status say the same as the notifications")
	}
	os, _ := mac.ReadOS(in.mac) // not known: the words for the newer macOS
	done, next := view.TestPosted(os, runtime.GOOS == "darwin")
	if in.speaker.json {
		in.document(map[string]any{"schema": 1, "posted": true, "text": done, "next": next})
		return nil
	}
	in.say("%s\n%s", done, next)
	return nil
}

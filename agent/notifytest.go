package main

import (
	"context"
	"runtime"

	"github.com/spf13/cobra"

	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

func (in *invocation) notifyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "notify-test",
		Short: "Post one test notification, and say what to do when none appears",
		Long: `notify-test posts one notification in the way the agent does, and says what to
look at when it does not appear. Whether a person saw it, no system tells.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return notifyTest(cmd.Context(), in.mac, in.newPoster, in.speaker)
		},
	}
}

// notifyTest posts one notification in the way the agent does.
func notifyTest(ctx context.Context, m root.FS, newPoster func(toolsRoot string) (notify.Poster, error), s speaker) error {
	if m.NoTools {
		return usage("leave --volume out to try the desktop of this machine", "another Mac's disk shows no notifications")
	}
	poster, err := newPoster(m.Root)
	if err != nil {
		return err
	}
	if err := poster.Post(ctx, view.TestAlert()); err != nil {
		return unavailable(err, "the icon in the menu bar and kextwatch status say the same as the notifications")
	}
	os, _ := mac.ReadOS(m) // not known: the words for the newer macOS
	done, next := view.TestPosted(os, runtime.GOOS == "darwin")
	if s.json {
		s.document(map[string]any{"schema": 1, "posted": true, "text": done, "next": next})
		return nil
	}
	s.say("%s\n%s", done, next)
	return nil
}

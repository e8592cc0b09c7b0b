package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"kextwatch/agent/view"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

func (in *invocation) openCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Open the pane with the Allow button, and say which it is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pane, err := openPane(cmd.Context(), in.mac)
			if err != nil {
				return unavailable(err, "open it yourself: "+pane.Path)
			}
			if in.speaker.json {
				in.document(map[string]any{"schema": 1, "opened": pane.URL, "pane": pane.Path})
				return nil
			}
			in.say("Opened %s.", pane.Path)
			return nil
		},
	}
}

// openPane opens the pane of this macOS: by its address, by the older one, or
// at least the application that has it.
func openPane(ctx context.Context, m root.FS) (view.Pane, error) {
	os, _ := mac.ReadOS(m) // not known: the pane of the older macOS, which both understand
	pane := view.PaneFor(os)
	var err error
	for _, url := range pane.URLs {
		if err = mac.OpenURL(ctx, m, url); err == nil {
			pane.URL = url
			return pane, nil
		}
	}
	if mac.OpenSettings(ctx, m) == nil {
		return pane, nil // the application at least; the words say where to go in it
	}
	return pane, fmt.Errorf("opening %s: %w", pane.Name, err)
}

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

func (in *invocation) openCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Open the pane with the Allow button and print its name",
		Long: `open opens the pane in which macOS shows the Allow button. If nothing waits
there, it says so and names what helps instead.`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pane, err := openPane(cmd.Context(), in.target.mac)
			if err != nil {
				return cli.Unavailable(err, "open it yourself: "+pane.Path)
			}
			if !in.out.JSON {
				in.out.Say("Opened %s.", pane.Path) // before slow tools are queried
			}
			st, err := in.target.examineWith(cmd.Context(), statusLimit, in.out.Stderr)
			empty := err == nil && !view.PaneHelps(st)
			why, next := "", ""
			if empty {
				why, next = view.PaneIsEmpty(st)
			}
			if in.out.JSON {
				in.out.Document(map[string]any{"schema": 1, "opened": pane.URL, "pane": pane.Path, "empty": empty, "why": why, "next": next})
				return nil
			}
			if empty {
				in.out.Say("%s", why)
			}
			if next != "" {
				in.out.Say("Next: %s", next)
			}
			return nil
		},
	}
}

// openPane opens the pane of this macOS by its URL, then by the older URL. The
// fallback is the application that contains the pane.
func openPane(ctx context.Context, m root.FS) (view.Pane, error) {
	pane := view.PaneFor(mac.ReadScreen(m)) // if macOS is unknown, the older pane: newer versions open it, too
	var err error
	for _, url := range pane.URLs {
		if err = mac.OpenURL(ctx, m, url); err == nil {
			pane.URL = url
			return pane, nil
		}
	}
	if mac.OpenSettings(ctx, m) == nil {
		return pane, nil // the pane's path tells the user where to go in the application
	}
	return pane, fmt.Errorf("opening %s: %w", pane.Name, err)
}

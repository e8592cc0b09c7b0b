package main

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/store"
	"kextwatch/agent/view"
)

func (in *invocation) historyCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show the recorded events, newest last",
		Example: `  kextwatch history --since 48h
  kextwatch history --since 2026-05-01 --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			from, err := parseSince(since, in.clock.Now())
			if err != nil {
				return err
			}
			home, err := in.home()
			if err != nil {
				return err
			}
			events, err := store.PlacesIn(home).Journal().Read(from)
			if err != nil {
				return unavailable(fmt.Errorf("reading the history: %w", err), "run this as the user whose agent it is")
			}
			in.writeHistory(events)
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "show only events since `WHEN`: 48h, 2026-05-01 or 2026-05-01T12:00:00Z")
	return cmd
}

func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return t, nil
	}
	return time.Time{}, usage("write it like 48h, 2026-05-01 or 2026-05-01T12:00:00Z", "invalid time for --since: %q", s)
}

func (s speaker) writeHistory(events []store.Event) {
	if s.json {
		if events == nil {
			events = []store.Event{}
		}
		s.document(map[string]any{"schema": 1, "events": events})
		return
	}
	w := bufio.NewWriter(s.out)
	defer w.Flush()
	writeHistory(w, events)
}

// writeHistory writes the events for people, one a line, oldest first.
func writeHistory(w io.Writer, events []store.Event) {
	if len(events) == 0 {
		fmt.Fprintln(w, "Nothing has happened yet. The agent writes the history: kextwatch install starts it.")
	}
	for _, e := range events {
		fmt.Fprintf(w, "%s  %-18s %s\n", e.At.Local().Format("2006-01-02 15:04:05"), e.Event, view.Clean(e.Text))
	}
}

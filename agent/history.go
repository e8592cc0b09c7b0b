package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/store"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
)

func (in *invocation) historyCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show the recorded events, newest last",
		Example: `  kextwatch history --since 48h
  kextwatch history --since 2026-05-01 --json`,
		Args: noArgs(""),
		RunE: func(*cobra.Command, []string) error {
			from, err := parseSince(since, in.clock.Now())
			if err != nil {
				return err
			}
			home, err := in.target.home()
			if err != nil {
				return err
			}
			events, err := store.PlacesIn(home).Journal().Read(from)
			if err != nil {
				return cli.Unavailable(fmt.Errorf("reading the history: %w", err), "run this as the user whose agent it is")
			}
			return writeHistory(in.out, events)
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
	return time.Time{}, cli.Usage("write it like 48h, 2026-05-01 or 2026-05-01T12:00:00Z", "invalid time for --since: %q", s)
}

func writeHistory(out cli.Output, events []store.Event) error {
	if out.JSON {
		if events == nil {
			events = []store.Event{}
		}
		out.Document(map[string]any{"schema": 1, "events": events})
		return nil
	}
	return terminal.Write(out.Stdout, historyText(events))
}

// historyText returns the events for people, one a line, oldest first.
func historyText(events []store.Event) view.Lines {
	if len(events) == 0 {
		return view.Untoned("Nothing has happened yet. The agent writes the history: kextwatch install starts it.")
	}
	var b strings.Builder
	for i, e := range events {
		if redundant(e, events[max(0, i-batch):min(len(events), i+batch)]) {
			continue
		}
		text := view.Clean(e.Text)
		if e.Error != "" { // what helps is in doctor, and the rest in the log
			why, _, _ := strings.Cut(strings.TrimPrefix(view.Clean(e.Error), "posting a notification: "), "; ")
			text = strings.TrimSuffix(text, ".") + ": " + why
		}
		fmt.Fprintf(&b, "%s  %s\n", e.At.Local().Format("2006-01-02 15:04:05"), text)
	}
	return view.Untoned(b.String())
}

// batch is how many events around one can be of the same moment.
const batch = 8

// redundant reports whether an event only says that the verdict of a product changed, and
// another event of the same moment says more.
func redundant(e store.Event, others []store.Event) bool {
	return e.Event == approval.VerdictChanged && slices.ContainsFunc(others, func(o store.Event) bool {
		return o.Event != approval.VerdictChanged && o.TeamID == e.TeamID && o.Product == e.Product && o.At.Sub(e.At).Abs() < time.Second
	})
}

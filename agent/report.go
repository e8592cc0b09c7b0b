package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/assets"
	"kextwatch/probe/mac"
)

// reportDays is how far back the history of a report goes.
const reportDays = 14

func (in *invocation) reportCommand() *cobra.Command {
	var file string
	var full bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Everything on one page, for a person or a help desk",
		Long: `report writes one HTML file that needs nothing else: where things stand and what
to do, a picture of the last two weeks, every check, every fact, what could not
be read, and the history. Names of users, computers and virtual machines are
left out, unless --full is given. Nothing is sent anywhere.`,
		Example: `  kextwatch report
  kextwatch report -o /tmp/kextwatch.html --full`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := in.lookOnce(cmd.Context())
			if err != nil {
				return err
			}
			page, err := in.report(cmd.Context(), st, full)
			if err != nil {
				return err
			}
			return in.handOutReport(file, page, full)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "kextwatch-report.html", "write it to `FILE`, or - for standard output")
	cmd.Flags().BoolVar(&full, "full", false, "leave no name out")
	return cmd
}

func (in *invocation) handOutReport(file string, page []byte, full bool) error {
	if file == "-" {
		_, err := in.out.Write(page)
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, page, 0o600); err != nil {
		return unavailable(fmt.Errorf("writing the report: %w", err), "name a file you may write to, with -o")
	}
	if in.speaker.json {
		in.document(map[string]any{"schema": 1, "file": path, "redacted": !full})
		return nil
	}
	in.say("The report is in %s", path)
	return nil
}

// report is the page about a status.
func (in *invocation) report(ctx context.Context, st approval.Status, full bool) ([]byte, error) {
	redact := func(text string) string { return text }
	if !full {
		var names []private
		for _, vm := range st.Facts.Machines.List {
			names = append(names, private{view.Clean(vm.Name), "virtual machine"})
		}
		r, err := in.redactor(ctx, in.mac, names...)
		if err != nil {
			return nil, err
		}
		redact = r.redact
	}
	report := view.NewReport(st, view.Checks(st, in.own()), in.happenings(st.At), version, redact)
	report.Redacted = !full
	report.Icon = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(assets.App))
	return report.HTML()
}

// happenings are the events of the last days. Where the history cannot be
// read the report has none.
func (in *invocation) happenings(now time.Time) []view.Happening {
	home, err := in.home()
	if err != nil {
		return nil
	}
	events, err := store.PlacesIn(home).Journal().Read(now.Add(-reportDays * 24 * time.Hour))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		in.log.Warn("the history cannot be read", "error", err)
	}
	var all []view.Happening
	for _, e := range events {
		if e.Event == approval.VerdictChanged && len(events) > 1 {
			continue // another event says it
		}
		h := view.Happening{At: e.At, Event: e.Event, Text: e.Text}
		if e.OpenedAt != nil && e.ClosesAt != nil {
			h.OpenedAt, h.ClosesAt = *e.OpenedAt, *e.ClosesAt
		}
		all = append(all, h)
	}
	return all
}

// showReport writes the page beside the agent's files and opens it.
func (in *invocation) showReport(ctx context.Context, file string, st approval.Status) error {
	page, err := in.report(ctx, st, false)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(file, page, 0o600); err != nil {
		return err
	}
	return mac.OpenFile(ctx, in.mac, file)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/notify/tray"
)

// reportDays is how far back the history of a report goes.
const reportDays = 14

func (in *invocation) reportCommand() *cobra.Command {
	var file string
	var full bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a report on one page, for a person or a help desk",
		Long: `report writes one self-contained HTML file: the status and the next step, a
picture of the last two weeks, every check, every fact, every missing fact, and
the history. Names of users, computers and virtual machines are
left out, unless --full is given. Nothing is sent anywhere.`,
		Example: `  kextwatch report
  kextwatch report -o /tmp/kextwatch.html --full`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := reporter{&in.target, in.newTray, in.logging.text(in.out.Stderr)}
			st, err := r.target.examineWith(cmd.Context(), doctorLimit, in.out.Stderr)
			if err != nil {
				return err
			}
			page, err := r.page(cmd.Context(), st, full)
			if err != nil {
				return err
			}
			return writePage(in.out, "report", file, page, map[string]any{"schema": 1, "redacted": !full})
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "kextwatch-report.html", "write it to `FILE`, or - for standard output")
	cmd.Flags().BoolVar(&full, "full", false, "keep all names")
	return cmd
}

// writePage writes a page to a file, or to standard output for "-". document is the answer
// with --json; writePage adds the file.
func writePage(out cli.Output, what, file string, page []byte, document map[string]any) error {
	if file == "-" {
		if out.JSON {
			return cli.Usage("name a file", "the page and the JSON document cannot both be written to standard output")
		}
		_, err := out.Stdout.Write(page)
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, page, 0o600); err != nil {
		return notWritten(what, path, err)
	}
	if out.JSON {
		document["file"] = path
		out.Document(document)
		return nil
	}
	out.Say("The %s is in %s", what, path)
	return nil
}

// notWritten is the error for a file that was named with -o. It names that file, and not the
// temporary one beside it.
func notWritten(what, path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return cli.Unavailable(fmt.Errorf("writing the %s to %s: %w", what, path, err), "use -o with a file you can write to")
}

// reporter makes reports about one Mac.
type reporter struct {
	target  *target
	newTray func() (notify.Tray, error)
	log     *slog.Logger
}

// page returns the report about a status.
func (r reporter) page(ctx context.Context, st approval.Status, full bool) ([]byte, error) {
	redact := func(text string) string { return text }
	if !full {
		var names []private
		for _, vm := range st.Facts.Machines.List {
			names = append(names, private{view.Clean(vm.Name), "virtual machine"})
		}
		withoutNames, err := r.target.redactor(ctx, names...)
		if err != nil {
			return nil, err
		}
		redact = withoutNames.redact
	}
	report := view.NewReport(st, view.ChecksOnPage(st, r.target.own(r.newTray)), r.happenings(st), version, redact)
	report.Head.Icon = tray.Badge(report.Head.Shape)
	if !full {
		report.Head.About = "Names of people, computers and virtual machines are left out"
	}
	return report.HTML(), nil
}

// happenings returns the events of the last days and the starts of the Mac, in
// order of time. A history or memory that cannot be read has none.
func (r reporter) happenings(st approval.Status) []view.Happening {
	events, err := r.target.events(st.At.Add(-reportDays * 24 * time.Hour))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("cannot read the history", "error", err)
	}
	mem, _ := r.target.memory() // the status already reports a memory that cannot be read
	boots := mem.BootsUntil(st)
	var all []view.Happening
	bootsUntil := func(at time.Time) {
		for len(boots) > 0 && !boots[0].At.After(at) {
			all, boots = append(all, view.MacStarted(boots[0].At)), boots[1:]
		}
	}
	for i, e := range events {
		if redundant(e, events[max(0, i-batch):min(len(events), i+batch)]) {
			continue
		}
		bootsUntil(e.At)
		h := view.Happening{At: e.At, Event: e.Event, Text: e.Text, Product: e.Product, TeamID: e.TeamID, Verdict: e.Verdict}
		if e.OpenedAt != nil && e.ClosesAt != nil {
			h.OpenedAt, h.ClosesAt = *e.OpenedAt, *e.ClosesAt
		}
		all = append(all, h)
	}
	bootsUntil(st.At)
	return all
}

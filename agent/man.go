package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// manCommand writes the manual from what the commands say of themselves, so
// that it is never behind them.
func (in *invocation) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page",
		Example: "  kextwatch man >kextwatch.1 && man ./kextwatch.1",
		Args:    cobra.NoArgs,
		Hidden:  true, // who makes a package needs it, once
		RunE: func(cmd *cobra.Command, _ []string) error {
			date := in.clock.now()
			// The same text on any day, for who builds it anew: reproducible-builds.org.
			if seconds, err := strconv.ParseInt(in.env("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
				date = time.Unix(seconds, 0)
			}
			_, err := io.WriteString(in.stdout, manual(cmd.Root(), date.UTC()))
			return err
		},
	}
}

// manual is the manual page of all commands, in the macros of man(7).
func manual(root *cobra.Command, date time.Time) string {
	var m page
	m.line(`.TH KEXTWATCH 1 %s "kextwatch %s"`, date.Format(time.DateOnly), roff(version))
	m.line(".SH NAME")
	m.line(`kextwatch \- %s`, roff(lowerFirst(root.Short)))
	m.line(".SH SYNOPSIS")
	m.line(`.B kextwatch`)
	m.line(`.I command`)
	m.line(`[\fIflags\fR]`)
	m.line(".SH DESCRIPTION")
	m.text(root.Long)
	m.text(root.Example)
	m.line(".SH COMMANDS")
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			m.command(cmd)
		}
	}
	m.line(".SH GLOBAL FLAGS")
	m.text("Every command takes them.\n" + root.PersistentFlags().FlagUsagesWrapped(width))
	m.line(".SH EXIT STATUS")
	m.text(exitStatus)
	m.line(".SH FILES")
	p := placesIn("~")
	for _, file := range []struct{ path, meaning string }{
		{p.state, "what the agent remembers and what happened; removed by kextwatch uninstall"},
		{p.log, "its log"},
	} {
		m.line(".TP\n.I %s\n%s", roff(file.path), roff(file.meaning))
	}
	return m.String()
}

const exitStatus = `status answers 0 where there is nothing to do, 1 where there is something
to do, and 2 where kextwatch cannot tell.

Every other command ends with 0, or 64 for wrong usage, 69 where a tool, a
permission or a source is missing, 70 for a defect.`

// width is what a terminal of 80 letters has, less the margin.
const width = 72

// page is a manual page as it grows.
type page struct{ strings.Builder }

func (m *page) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *page) command(cmd *cobra.Command) {
	m.line(".SS %s", roff(strings.TrimSuffix(strings.TrimPrefix(cmd.UseLine(), "kextwatch "), " [flags]")))
	m.text(cmp.Or(cmd.Long, cmd.Short+"."))
	m.text(cmd.LocalNonPersistentFlags().FlagUsagesWrapped(width))
	m.text(cmd.Example)
}

// text writes paragraphs; lines that begin with a blank stay as they are.
func (m *page) text(text string) {
	literal, gap := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			gap = true
			continue
		}
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if literal && !indented {
			m.line(".EE")
		}
		if gap || indented && !literal {
			m.line(".PP")
		}
		if indented && !literal {
			m.line(".EX")
		}
		m.line("%s", roff(line))
		literal, gap = indented, false
	}
	if literal {
		m.line(".EE")
	}
}

// roff writes text so that man prints it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

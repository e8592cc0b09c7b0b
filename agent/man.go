package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// manCommand prints the manual page, which is made from the command
// definitions. It is our own code: github.com/muesli/mango-cobra leaves out the
// long descriptions, the value names and the defaults of flags, and breaks
// lines into paragraphs; cobra/doc writes one page per command, and links a
// Markdown parser that adds 580 KiB to the program.
func manCommand(out io.Writer, env func(string) string, clock probe.Clock) *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page",
		Example: "  kextwatch man >kextwatch.1 && man ./kextwatch.1",
		Args:    noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			date := clock.Now()
			// A rebuilt package must be identical: reproducible-builds.org.
			if seconds, err := strconv.ParseInt(env("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
				date = time.Unix(seconds, 0)
			}
			_, err := io.WriteString(out, manual(cmd.Root(), date.UTC()))
			return err
		},
	}
}

// manual is one page for all commands, in the macros of man(7).
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
	m.text("Every command accepts these flags.\n" + root.PersistentFlags().FlagUsagesWrapped(width))
	m.line(".SH EXIT STATUS")
	m.text(exitStatuses(root))
	m.line(".SH FILES")
	p := store.PlacesIn("~")
	for _, file := range []struct{ path, meaning string }{
		{p.State, "the state and the history of the agent; kextwatch uninstall removes them"},
		{p.Log, "the log of the agent"},
	} {
		m.line(".TP\n.I %s\n%s", roff(file.path), roff(file.meaning))
	}
	return m.String()
}

// exitStatuses says what the exit statuses of all commands mean.
func exitStatuses(root *cobra.Command) string {
	var b strings.Builder
	for _, cmd := range root.Commands() {
		if words := exitOf(cmd.Name()); words != "" {
			fmt.Fprintf(&b, "%s: %s.\n\n", cmd.Name(), strings.ReplaceAll(words, "\n", " "))
		}
	}
	return b.String() + "Every command: " + strings.ReplaceAll(exitOthers, "\n", " ") + ". Otherwise it exits with 0."
}

// width is the width of a terminal with 80 columns, without the margin.
const width = 72

// page collects a manual page.
type page struct{ strings.Builder }

func (m *page) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *page) command(cmd *cobra.Command) {
	m.line(".SS %s", roff(strings.TrimSuffix(strings.TrimPrefix(cmd.UseLine(), "kextwatch "), " [flags]")))
	m.text(view.Untoned(cmp.Or(cmd.Long, cmd.Short+".")).Broken(width).String())
	m.text(cmd.LocalNonPersistentFlags().FlagUsagesWrapped(width))
	m.text(cmd.Example)
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			m.command(sub)
		}
	}
}

// text writes paragraphs. Indented lines keep their line breaks.
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

// roff escapes text so that man prints it unchanged.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

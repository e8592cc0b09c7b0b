package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
)

// jsonFollowed writes one document for each change.
type jsonFollowed struct {
	output cli.Output
	begun  bool // the first document is written
}

func (j *jsonFollowed) Show(st approval.Status, news []approval.Notice) {
	if !j.begun || len(news) > 0 {
		j.output.Document(view.NewDocument(st))
	}
	j.begun = true
}

func (*jsonFollowed) Resized() {}
func (*jsonFollowed) Close()   {}

// plainFollowed writes one line for each change, with the time.
type plainFollowed struct {
	out   io.Writer
	begun bool
}

func (p *plainFollowed) Show(st approval.Status, news []approval.Notice) {
	lines := view.PlainChange(news, st)
	if !p.begun {
		lines = view.PlainState(st)
	}
	p.begun = true
	for _, line := range lines {
		fmt.Fprintf(p.out, "%s  %s\n", st.At.Local().Format("2006-01-02 15:04:05"), line)
	}
}

func (*plainFollowed) Resized() {}
func (*plainFollowed) Close()   {}

// terminalFollowed redraws the whole status at each change. It uses the
// terminal's alternate screen, so that the terminal looks as before afterwards.
type terminalFollowed struct {
	out     *os.File
	colors  bool
	past    []view.Past
	st      approval.Status
	entered bool
	keys    bool   // the terminal delivers single keys
	said    string // the result of the last key
}

func (t *terminalFollowed) Show(st approval.Status, news []approval.Notice) {
	for _, n := range view.Named(news) {
		t.past = append(t.past, view.Past{At: st.At, Text: view.EventText(n, st.Mac)})
	}
	const most = 200 // lines; more than a terminal has
	t.past = t.past[max(0, len(t.past)-most):]
	t.st = st
	t.draw()
}

func (t *terminalFollowed) Resized() {
	if t.entered {
		t.draw()
	}
}

// say shows the result of a key.
func (t *terminalFollowed) say(format string, args ...any) {
	t.said = fmt.Sprintf(format, args...)
	t.Resized()
}

// leave shows what was on the terminal before, until the next Show.
func (t *terminalFollowed) leave() {
	if t.entered {
		io.WriteString(t.out, terminal.LeaveScreen)
	}
	t.entered, t.said = false, ""
}

func (t *terminalFollowed) draw() {
	columns, rows := terminal.Size(t.out)
	var b strings.Builder
	if !t.entered {
		b.WriteString(terminal.EnterScreen)
		t.entered = true
	}
	b.WriteString(terminal.Home)
	live := view.Live{Status: t.st, Past: t.past, Keys: t.keys, Said: t.said}
	for i, line := range live.Screen(columns, rows) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(terminal.EraseLine + t.colored(line))
	}
	b.WriteString("\r\n" + terminal.EraseRest)
	io.WriteString(t.out, b.String())
}

// colored emphasizes the headlines.
func (t *terminalFollowed) colored(line view.Line) string {
	if !t.colors {
		return line.Text
	}
	return terminal.Emphasized(line)
}

// Close restores the terminal and leaves the last state on it in plain text.
func (t *terminalFollowed) Close() {
	if !t.entered {
		return
	}
	t.leave()
	last := plainFollowed{out: t.out}
	last.Show(t.st, nil)
}

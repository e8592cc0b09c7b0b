package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/vbauerster/cupwriter"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
)

// jsonFollowed writes a document for each change.
type jsonFollowed struct {
	speaker speaker
	begun   bool
}

func (j *jsonFollowed) show(st approval.Status, news []approval.Notice) {
	if !j.begun || len(news) > 0 {
		j.speaker.document(newDocument(st))
	}
	j.begun = true
}

func (*jsonFollowed) resized() {}
func (*jsonFollowed) close()   {}

// plainFollowed writes a line for each change, with the time.
type plainFollowed struct {
	out   io.Writer
	begun bool
}

func (p *plainFollowed) show(st approval.Status, news []approval.Notice) {
	lines := view.PlainChange(news, st)
	if !p.begun {
		lines = view.PlainState(st)
	}
	p.begun = true
	for _, line := range lines {
		fmt.Fprintf(p.out, "%s  %s\n", st.At.Local().Format("2006-01-02 15:04:05"), line)
	}
}

func (*plainFollowed) resized() {}
func (*plainFollowed) close()   {}

// What a terminal is told (ECMA-48, and the private modes of xterm that every
// terminal of today has).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // a screen of its own, no cursor, long lines are cut
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseLine   = "\x1b[K" // from here on; at the end of a full line it would take the last character
	eraseRest   = "\x1b[J"
	plainText   = "\x1b[0m"
	boldText    = "\x1b[1m"
	boldYellow  = "\x1b[1;33m"
	boldGreen   = "\x1b[1;32m"
)

// terminalFollowed draws the whole status anew at each change, on a screen of
// its own, so that the terminal is afterwards as it was.
type terminalFollowed struct {
	out     *os.File
	colours bool
	past    []view.Past
	st      approval.Status
	entered bool
}

func (t *terminalFollowed) show(st approval.Status, news []approval.Notice) {
	for _, n := range view.Named(news) {
		t.past = append(t.past, view.Past{At: st.At, Text: view.EventText(n)})
	}
	const most = 200 // higher than any terminal
	t.past = t.past[max(0, len(t.past)-most):]
	t.st = st
	t.draw()
}

func (t *terminalFollowed) resized() {
	if t.entered {
		t.draw()
	}
}

func (t *terminalFollowed) draw() {
	columns, rows, err := cupwriter.New(t.out, false).GetTermSize()
	if err != nil || columns < 1 || rows < 1 {
		columns, rows = 80, 24
	}
	var b strings.Builder
	if !t.entered {
		b.WriteString(enterScreen)
		t.entered = true
	}
	b.WriteString(home)
	for i, line := range view.Screen(t.st, t.past, columns, rows) {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(eraseLine + t.coloured(line))
	}
	b.WriteString("\n" + eraseRest)
	io.WriteString(t.out, b.String())
}

// coloured makes the headlines stand out. They say in words what the colour
// says.
func (t *terminalFollowed) coloured(line view.Line) string {
	switch {
	case !t.colours || line.Verdict == "":
		return line.Text
	case line.Verdict.NeedsAction():
		return boldYellow + line.Text + plainText
	case line.Verdict == approval.Approved:
		return boldGreen + line.Text + plainText
	}
	return boldText + line.Text + plainText
}

// close gives the terminal back, with the last word on it.
func (t *terminalFollowed) close() {
	if !t.entered {
		return
	}
	io.WriteString(t.out, leaveScreen)
	last := plainFollowed{out: t.out}
	last.show(t.st, nil)
}

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"kextwatch/agent/view"
)

// barWidth is the width of a bar in the last line, in characters.
const barWidth = 30

// lastLine keeps a line at the end of a terminal's output. Other lines are
// written above it. The zero value has no terminal and shows nothing.
type lastLine struct {
	terminal *os.File
	text     string // what is shown; empty: nothing
}

// set replaces the line. It is cut to the terminal's width: a line that wraps
// could not be erased.
func (l *lastLine) set(text string) {
	if l.terminal == nil {
		return
	}
	columns, _ := terminalSize(l.terminal)
	if runes := []rune(text); len(runes) >= columns {
		text = string(runes[:columns-1])
	}
	if text != l.text {
		l.text = text
		io.WriteString(l.terminal, "\r"+eraseLine+text)
	}
}

// above writes whole lines above the line.
func (l *lastLine) above(out io.Writer, lines string) {
	if l.text != "" {
		lines = "\r" + eraseLine + lines + l.text
	}
	io.WriteString(out, lines)
}

// progress shows on a terminal how long a wait has lasted. Elsewhere it says
// once that it waits.
type progress struct {
	line  lastLine
	what  string
	limit time.Duration
}

func newProgress(out io.Writer, what string, limit time.Duration) *progress {
	p := &progress{what: what, limit: limit}
	if f, ok := canDraw(out); ok {
		p.line.terminal = f
		p.set(0)
	} else {
		fmt.Fprintf(out, "%s, up to %v.\n", what, limit)
	}
	return p
}

func (p *progress) set(waited time.Duration) {
	p.line.set(fmt.Sprintf("%s %s %s of %s", p.what, view.Bar(waited, p.limit, barWidth), minutes(waited), minutes(p.limit)))
}

// minutes writes a duration as minutes and seconds.
func minutes(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

// close removes the line.
func (p *progress) close() { p.line.set("") }

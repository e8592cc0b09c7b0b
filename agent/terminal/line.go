package terminal

import (
	"io"
	"os"
)

// LastLine keeps a line at the end of a terminal's output. Other lines are
// written above it. The zero value has no terminal and shows nothing.
type LastLine struct {
	terminal *os.File
	text     string // what is shown; empty: nothing
}

// NewLastLine shows the line on out, if out is a terminal that can redraw it.
func NewLastLine(out io.Writer) LastLine {
	f, _ := CanDraw(out)
	return LastLine{terminal: f}
}

// Set replaces the line. It cuts the line to the terminal's width: a line that
// wraps could not be erased.
func (l *LastLine) Set(text string) {
	if l.terminal == nil {
		return
	}
	columns, _ := Size(l.terminal)
	if runes := []rune(text); len(runes) >= columns {
		text = string(runes[:columns-1])
	}
	if text != l.text {
		l.text = text
		io.WriteString(l.terminal, "\r"+EraseLine+text)
	}
}

// Above writes whole lines above the line.
func (l *LastLine) Above(out io.Writer, lines string) {
	if l.text != "" {
		lines = "\r" + EraseLine + lines + l.text
	}
	io.WriteString(out, lines)
}

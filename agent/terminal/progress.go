package terminal

import (
	"fmt"
	"io"
	"time"

	"kextwatch/agent/view"
)

// BarWidth is the width of a bar in the last line, in characters.
const BarWidth = 30

// Progress shows on a terminal how long a wait has lasted. Elsewhere it writes
// one line when the wait begins.
type Progress struct {
	out   io.Writer
	line  LastLine
	what  string
	limit time.Duration
	begun bool
}

// NewProgress writes nothing before the first call of Set.
func NewProgress(out io.Writer, what string, limit time.Duration) *Progress {
	return &Progress{out: out, line: NewLastLine(out), what: what, limit: limit}
}

// Set shows how long the wait has lasted.
func (p *Progress) Set(waited time.Duration) {
	if p.line.terminal == nil && !p.begun {
		fmt.Fprintf(p.out, "%s, up to %v.\n", p.what, p.limit)
	}
	p.begun = true
	p.line.Set(fmt.Sprintf("%s %s %s of %s", p.what, view.Bar(waited, p.limit, BarWidth), minutes(waited), minutes(p.limit)))
}

// minutes writes a duration as minutes and seconds.
func minutes(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

// Close removes the line.
func (p *Progress) Close() { p.line.Set("") }

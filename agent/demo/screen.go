package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// tones has the emphasis of what a speaker says. The user of the Mac sees alerts and
// dialogs. They have no color, because yellow is hard to read on a white terminal.
var tones = map[string]view.Tone{"alert": view.Headline, "dialog": view.Headline, "demo": view.Soft}

// screen shows the demo: a line for each event and, on a terminal, a bar
// below them while an approval window is open.
type screen struct {
	clock probe.Clock
	start time.Time
	out   io.Writer

	mu  sync.Mutex
	bar terminal.LastLine
}

func newScreen(out io.Writer, c probe.Clock, start time.Time) *screen {
	return &screen{clock: c, start: start, out: out, bar: terminal.NewLastLine(out)}
}

// say writes a line: the minute of the story, the speaker, the text.
func (s *screen) say(who, what string) {
	minute := int(s.clock.Now().Sub(s.start) / time.Minute)
	s.write(view.Lines{{Text: fmt.Sprintf("%3d min  %-9s  %s", max(0, minute), who, what), Tone: tones[who]}})
}

func (s *screen) write(text view.Lines) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar.Above(s.out, terminal.For(s.out, text))
}

// Show draws the bar of an open window. It removes the bar when no window is open.
func (s *screen) Show(st approval.Status) {
	text := ""
	for _, p := range st.Products {
		if w := p.Window; w.Open() {
			left := (w.Left + time.Minute - 1) / time.Minute
			text = fmt.Sprintf("Allow button %s %d min left", view.Bar(w.Left, approval.WindowLength, terminal.BarWidth), left)
		}
	}
	s.show(text)
}

func (s *screen) show(bar string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar.Set(bar)
}

// close removes the bar.
func (s *screen) close() { s.show("") }

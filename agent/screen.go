package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// screen tells the demo in a terminal: lines as they come, and below them a
// bar for the open window. Where the output is no terminal there are only the
// lines.
type screen struct {
	clock clock
	start time.Time

	mu   sync.Mutex
	out  io.Writer
	bars *mpb.Progress
	bar  *mpb.Bar
}

func newScreen(out io.Writer, c clock, start time.Time) *screen {
	s := &screen{clock: c, start: start, out: out}
	if f, ok := out.(*os.File); ok && isTerminal(f) {
		s.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
		s.out = s.bars
	}
	return s
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// say writes a line: the minute of the story, who speaks, what.
func (s *screen) say(who, what string) {
	minute := int(s.clock.now().Sub(s.start) / time.Minute)
	fmt.Fprintf(s.out, "%3d min  %-9s  %s\n", max(0, minute), who, what)
}

// follow shows the bar of a window that opened, and takes it away when it is
// over.
func (s *screen) follow(a *agent) func(notify.Menu) {
	return func(notify.Menu) {
		if s.bars == nil {
			return
		}
		var open *approval.Window
		for _, p := range a.status.Products {
			if p.Window.Open() {
				open = p.Window
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case open == nil && s.bar != nil:
			s.bar.Abort(true)
			s.bar = nil
		case open != nil && s.bar == nil:
			s.bar = s.bars.New(int64(approval.WindowLength/time.Second), mpb.BarStyle(),
				mpb.PrependDecorators(decor.Name("Allow button ")),
				mpb.AppendDecorators(decor.Any(func(st decor.Statistics) string {
					return fmt.Sprintf("%d min left", (st.Current+59)/60)
				})))
		}
		if s.bar != nil {
			s.bar.SetCurrent(int64(open.Left / time.Second))
		}
	}
}

func (s *screen) close() {
	if s.bars == nil {
		return
	}
	s.mu.Lock()
	if s.bar != nil {
		s.bar.Abort(true)
	}
	s.mu.Unlock()
	s.bars.Wait()
}

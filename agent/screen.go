package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// screen tells the demo in a terminal: lines as they come, and below them a
// bar while a window is open. Where the output is no terminal there are only
// the lines.
type screen struct {
	clock    clock
	start    time.Time
	out      io.Writer
	terminal bool

	mu   sync.Mutex
	bars *mpb.Progress // while a window is open
	bar  *mpb.Bar
}

func newScreen(out io.Writer, c clock, start time.Time) *screen {
	f, ok := out.(*os.File)
	return &screen{clock: c, start: start, out: out, terminal: ok && isTerminal(f)}
}

// isTerminal reports whether a file is a terminal that can be drawn on; a
// character device such as /dev/null is none.
func isTerminal(f *os.File) bool {
	return os.Getenv("TERM") != "dumb" && cupwriter.New(f, false).IsTerminal()
}

// say writes a line: the minute of the story, who speaks, what.
func (s *screen) say(who, what string) {
	minute := int(s.clock.now().Sub(s.start) / time.Minute)
	line := fmt.Sprintf("%3d min  %-9s  %s\n", max(0, minute), who, what)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bars != nil {
		s.bars.Write([]byte(line))
		return
	}
	io.WriteString(s.out, line)
}

// follow shows the bar of a window that opened, and takes it away when it is
// over.
func (s *screen) follow(a *agent) func(notify.Menu) {
	return func(notify.Menu) {
		var open *approval.Window
		for _, p := range a.status.Products {
			if p.Window.Open() {
				open = p.Window
			}
		}
		if open == nil {
			s.close()
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bars == nil && s.terminal {
			s.bars = mpb.New(mpb.WithOutput(s.out), mpb.WithWidth(40), mpb.WithRefreshRate(refresh))
			s.bar = s.bars.New(int64(approval.WindowLength/time.Second), mpb.BarStyle(),
				mpb.PrependDecorators(decor.Name("Allow button ")),
				mpb.AppendDecorators(decor.Any(func(st decor.Statistics) string {
					return fmt.Sprintf("%d min left", (st.Current+59)/60)
				})))
		}
		if s.bar != nil {
			s.bar.SetCurrent(min(int64(open.Left/time.Second), int64(approval.WindowLength/time.Second)-1)) // full would end it
		}
	}
}

const refresh = 100 * time.Millisecond

// close takes the bar away, once it has let the last lines through.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bars == nil {
		return
	}
	time.Sleep(2 * refresh)
	s.bar.Abort(true)
	s.bars.Wait()
	s.bars, s.bar = nil, nil
}

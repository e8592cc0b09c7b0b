package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows on a terminal how a wait goes on; elsewhere it says once that
// there is one.
type progress struct {
	bars *mpb.Progress // nil: no terminal
	bar  *mpb.Bar
}

func newProgress(out io.Writer, what string, limit time.Duration) *progress {
	f, ok := out.(*os.File)
	if !ok || !isTerminal(f) {
		fmt.Fprintf(out, "%s, up to %v.\n", what, limit)
		return &progress{}
	}
	bars := mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithRefreshRate(refresh))
	return &progress{bars, bars.New(int64(limit), mpb.BarStyle(), mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_MMSS)))}
}

// set moves the bar to how long the wait has lasted.
func (p *progress) set(waited time.Duration) {
	if p.bars != nil {
		p.bar.SetCurrent(int64(waited))
	}
}

// close takes the bar away.
func (p *progress) close() {
	if p.bars != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

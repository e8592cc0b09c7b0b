package loop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	outletLines = 256         // lines that wait for a reader
	outletEnd   = time.Second // for writing these lines when the agent ends
)

// Outlet writes lines to a stream whose reader may stop or go away, or whose disk
// may be full: an events file, standard output, standard error. A goroutine of its
// own writes, so that Write never blocks.
type Outlet struct {
	name  string // for the log
	to    io.Writer
	lines *queue[[]byte]
	lost  atomic.Int64  // lines since the last report
	ended chan struct{} // closed when run has returned

	// Owned by the goroutine of run.
	failing bool // the last line could not be written
	partial bool // the stream ends in the middle of a line
}

// NewOutlet returns an outlet for a stream. name appears in the log.
// StartOutlets starts it.
func NewOutlet(name string, to io.Writer) *Outlet {
	return &Outlet{name: name, to: to, lines: newQueue[[]byte](outletLines), ended: make(chan struct{})}
}

// Write queues one line. It never blocks and never fails, and any goroutine may
// call it.
func (o *Outlet) Write(line []byte) (int, error) {
	if o.lines.offer(bytes.Clone(line)) {
		o.lost.Add(1)
	}
	return len(line), nil
}

// StartOutlets starts to write the queued lines. end stops that: it waits until all
// lines are written, at most outletEnd.
func StartOutlets(log *slog.Logger, outlets ...*Outlet) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	for _, o := range outlets {
		go o.run(ctx, log)
	}
	return func() {
		cancel()
		late, stop := context.WithTimeout(context.Background(), outletEnd)
		defer stop()
		for _, o := range outlets {
			select {
			case <-o.ended:
			case <-late.Done():
			}
			if n := o.lost.Load() + o.unwritten(); n > 0 {
				log.Warn("lines for "+o.name+" were lost: their reader stopped, or they could not be written", "lines", n)
			}
		}
	}
}

// unwritten returns the number of lines that are not written yet, after ctx of run
// has ended.
func (o *Outlet) unwritten() int64 {
	select {
	case <-o.ended:
		return 0
	default:
		return int64(len(o.lines.values)) + 1 // plus the line that is being written
	}
}

// run writes until ctx ends, and then the lines that still wait.
func (o *Outlet) run(ctx context.Context, log *slog.Logger) {
	defer close(o.ended)
	for ctx.Err() == nil {
		select {
		case line := <-o.lines.values:
			o.writeLine(line, log)
		case <-ctx.Done():
		}
	}
	for {
		select {
		case line := <-o.lines.values:
			o.writeLine(line, log)
		default:
			return
		}
	}
}

// writeLine writes a line. It logs the first of several failures and, when no line
// waits any more, how many lines were lost.
func (o *Outlet) writeLine(line []byte, log *slog.Logger) {
	err := o.write(line)
	if err != nil {
		o.lost.Add(1)
		if !o.failing {
			log.Warn("cannot write to "+o.name+": lines are dropped until it works again", "error", err)
		}
	}
	o.failing = err != nil
	if o.failing || len(o.lines.values) > 0 {
		return
	}
	if n := o.lost.Swap(0); n > 0 {
		log.Warn(o.name+" works again; lines were dropped meanwhile", "lines", n)
	}
}

// write writes a whole line. If only a part was written, it is removed from a
// regular file. In other streams it becomes a line of its own.
func (o *Outlet) write(line []byte) error {
	if o.partial {
		line = append([]byte("\n"), line...)
	}
	n, err := o.to.Write(line)
	if n > 0 && (err == nil || !removeTail(o.to, int64(n))) {
		o.partial = line[n-1] != '\n'
	}
	return err
}

// removeTail removes the last n bytes of a regular file, which were just written,
// and reports whether it did. It does not if another program wrote after them.
func removeTail(to io.Writer, n int64) bool {
	f, ok := to.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil || end != info.Size() || f.Truncate(end-n) != nil {
		return false
	}
	_, err = f.Seek(end-n, io.SeekStart)
	return err == nil
}

// NamedPipe is a named pipe. The first Write opens it, and the first one after its
// reader has gone opens it again. Write waits for a reader.
type NamedPipe struct {
	Path string
	file *os.File // nil: not open
}

// Write writes one line, and opens the pipe if necessary.
func (p *NamedPipe) Write(line []byte) (int, error) {
	for {
		if p.file == nil {
			f, err := os.OpenFile(p.Path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return 0, err
			}
			p.file = f
		}
		n, err := p.file.Write(line)
		if !errors.Is(err, syscall.EPIPE) {
			return n, err
		}
		p.file.Close()
		p.file = nil
		if n > 0 {
			return n, err
		}
	}
}

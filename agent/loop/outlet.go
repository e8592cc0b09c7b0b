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
	outletEnd   = time.Second // for what waits to be written when the agent ends
)

// Outlet passes lines on to a stream that belongs to somebody else: an events
// file, standard output, standard error. The reader of a stream may stop, or
// go away, and a disk may be full, so one goroutine writes and nobody waits
// for it.
type Outlet struct {
	name  string // for the log
	to    io.Writer
	lines *queue[[]byte]
	lost  atomic.Int64  // lines since the last report
	ended chan struct{} // closed when run has returned

	// Owned by the goroutine of run.
	failing bool // the last line could not be written
	torn    bool // the stream ends in the middle of a line
}

func NewOutlet(name string, to io.Writer) *Outlet {
	return &Outlet{name: name, to: to, lines: newQueue[[]byte](outletLines), ended: make(chan struct{})}
}

// Write takes one line. It never waits and never fails, and any goroutine may
// call it.
func (o *Outlet) Write(line []byte) (int, error) {
	if o.lines.offer(bytes.Clone(line)) {
		o.lost.Add(1)
	}
	return len(line), nil
}

// StartOutlets writes what the outlets are given. The result ends that: it
// waits until everything is written, but not for a reader that has stopped.
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
			if n := o.lost.Load() + o.left(); n > 0 {
				log.Warn("lines for "+o.name+" were lost: nobody read them, or they could not be written", "lines", n)
			}
		}
	}
}

// left is how many lines are not written yet, after ctx of run has ended.
func (o *Outlet) left() int64 {
	select {
	case <-o.ended:
		return 0
	default:
		return int64(len(o.lines.values)) + 1 // with the one that is being written
	}
}

// run writes until ctx ends, and then what still waits.
func (o *Outlet) run(ctx context.Context, log *slog.Logger) {
	defer close(o.ended)
	for ctx.Err() == nil {
		select {
		case line := <-o.lines.values:
			o.pass(line, log)
		case <-ctx.Done():
		}
	}
	for {
		select {
		case line := <-o.lines.values:
			o.pass(line, log)
		default:
			return
		}
	}
}

// pass writes a line. It logs the first failure in a row and, once all is
// written again, how many lines were lost.
func (o *Outlet) pass(line []byte, log *slog.Logger) {
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

// write writes a line whole. Part of a line is removed from a regular file
// again; elsewhere it becomes a line of its own.
func (o *Outlet) write(line []byte) error {
	if o.torn {
		line = append([]byte("\n"), line...)
	}
	n, err := o.to.Write(line)
	if n > 0 && (err == nil || !takeBack(o.to, int64(n))) {
		o.torn = line[n-1] != '\n'
	}
	return err
}

// takeBack removes the last n bytes of a regular file, which were just
// written, and reports whether it did. Where another program wrote after them
// it does not.
func takeBack(to io.Writer, n int64) bool {
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

// NamedPipe is a named pipe that is opened at the first write, and again after
// its reader has gone. Write waits for a reader.
type NamedPipe struct {
	Path string
	file *os.File // nil: not open
}

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

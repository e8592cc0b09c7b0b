package tool

import (
	"bytes"
	"io"
)

const (
	lineLimit   = 256 << 10 // bytes; a line of the log has about 1 KB
	streamError = 4 << 10   // bytes of stderr that Stream keeps
)

// capped keeps up to most bytes, and calls overflow if there are more.
type capped struct {
	most     int
	kept     bytes.Buffer
	overflow func()
}

func (c *capped) Write(p []byte) (int, error) {
	n, err := c.ReadFrom(bytes.NewReader(p))
	return int(n), err
}

// ReadFrom is what os/exec calls, not Write. Without it, io.Copy allocates 32 KB for each
// stream of each tool, and most tools print less than one.
func (c *capped) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.kept.ReadFrom(io.LimitReader(r, int64(c.most-c.kept.Len())+1))
	if c.kept.Len() > c.most {
		c.overflow()
		return n, ErrTooMuch
	}
	return n, err
}

// first keeps the first streamError bytes that are written to it.
type first struct{ kept bytes.Buffer }

func (f *first) Write(p []byte) (int, error) {
	f.kept.Write(p[:min(len(p), streamError-f.kept.Len())])
	return len(p), nil
}

// lines splits what is written to it into lines.
type lines struct {
	each    func(line []byte)
	line    []byte
	tooLong bool
}

func (l *lines) Write(p []byte) (int, error) {
	for rest := p; ; {
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		l.keep(part)
		if !ended {
			return len(p), nil
		}
		if !l.tooLong {
			l.each(l.line)
		}
		l.line, l.tooLong = l.line[:0], false
		rest = after
	}
}

func (l *lines) keep(part []byte) {
	l.tooLong = l.tooLong || len(l.line)+len(part) > lineLimit
	if l.tooLong {
		l.line = nil
		return
	}
	l.line = append(l.line, part...)
}

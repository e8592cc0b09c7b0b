package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

const (
	lineLimit   = 256 << 10 // bytes; a line of the log has about one KB
	streamError = 4 << 10   // bytes of what a tool says about its failure
)

var errStreamEnded = errors.New("ended by itself")

// stream runs one of the Mac's own tools that prints until ctx ends, and hands
// over each line while it comes; the line is only valid during the call. A
// line above lineLimit is passed over. It returns when the tool and all it
// started have ended, always with an error that says why; those of tool apply.
func (m Mac) stream(ctx context.Context, each func(line []byte), name string, args ...string) error {
	cmd, err := m.command(ctx, name, args...)
	if err != nil {
		return err
	}
	stderr := &firstBytes{}
	cmd.Stdout, cmd.Stderr = &lineWriter{each: each}, stderr
	if err := runGroup(cmd); err != nil {
		return toolError(ctx, name, err, stderr.kept)
	}
	return fmt.Errorf("%s: %w", name, errStreamEnded)
}

// lineWriter cuts what is written to it into lines. What comes after the last
// newline is no line.
type lineWriter struct {
	each    func(line []byte)
	line    []byte
	tooLong bool
}

func (w *lineWriter) Write(p []byte) (int, error) {
	for rest := p; ; {
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		w.keep(part)
		if !ended {
			return len(p), nil
		}
		if !w.tooLong {
			w.each(w.line)
		}
		w.line, w.tooLong = w.line[:0], false
		rest = after
	}
}

func (w *lineWriter) keep(part []byte) {
	w.tooLong = w.tooLong || len(w.line)+len(part) > lineLimit
	if w.tooLong {
		w.line = nil
		return
	}
	w.line = append(w.line, part...)
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ kept []byte }

func (b *firstBytes) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), streamError-len(b.kept))]...)
	return len(p), nil
}

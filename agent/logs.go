package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	logLine   = 64 << 10 // bytes; a longer line is shown in pieces
	logFollow = 250 * time.Millisecond
)

func (in *invocation) logsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "The agent's log, newest last",
		Long: `logs prints the agent's log. With --follow it prints new lines as they come,
until you press Ctrl-C. With --json each line is a JSON object.`,
		Example: `  kextwatch logs
  kextwatch logs -f`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := in.home()
			if err != nil {
				return err
			}
			p := placesIn(home)
			if info, err := os.Stat(p.crashes); err == nil && info.Size() > 0 {
				defer in.hint("crashes and other output of the agent are in " + p.crashes)
			}
			return in.logs(cmd.Context(), p, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print new lines as they come")
	return cmd
}

func (in *invocation) logs(ctx context.Context, p places, follow bool) error {
	out := bufio.NewWriter(in.out)
	format := textLine
	if in.speaker.json {
		format = jsonLine
	}
	show := func(line string) { fmt.Fprintln(out, format(line)) } // Flush reports a failure
	r := logReader{files: rotation{p.logFile, logSize, logFiles}, show: show}
	defer r.close()
	err := r.all()
	switch {
	case err != nil:
		return unavailable(fmt.Errorf("reading the log: %w", err), "run this as the user who runs the agent")
	case !r.shown && !follow && !in.speaker.json:
		fmt.Fprintln(out, "The log is empty. The agent writes it: kextwatch install starts the agent.")
	}
	for follow && ctx.Err() == nil && out.Flush() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(logFollow):
			if err := r.more(); err != nil {
				return unavailable(fmt.Errorf("reading the log: %w", err), "")
			}
		}
	}
	return out.Flush()
}

// logReader shows the lines of a log while it is written and rotated.
type logReader struct {
	files rotation
	show  func(line string)
	shown bool     // at least one line was shown
	file  *os.File // the newest file; nil: there is none
	rest  []byte   // the start of a line that is not complete
}

func (r *logReader) close() {
	if r.file != nil {
		r.file.Close()
	}
}

// all shows all lines. It opens the newest file first, so that no line is lost
// when the file is rotated meanwhile.
func (r *logReader) all() error {
	newest, err := openLogFile(r.files.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := r.files.files - 1; i > 0; i-- {
		old, err := openLogFile(r.files.file(i))
		if errors.Is(err, fs.ErrNotExist) || err == nil && newest != nil && sameFile(old, newest) {
			continue
		}
		if err != nil {
			return err
		}
		r.file = old
		err = r.drain()
		r.end()
		old.Close()
		if err != nil {
			return err
		}
	}
	r.file = newest
	return r.drain()
}

// more shows the lines that were added since the last call, in the file that
// was read and in a new file that replaced it.
func (r *logReader) more() error {
	newest, err := openLogFile(r.files.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r.drain() // between two steps of a rotation, or the file was removed
	}
	if err != nil {
		return err
	}
	if r.file != nil && sameFile(r.file, newest) {
		newest.Close()
		return r.drain()
	}
	if err := r.drain(); err != nil {
		newest.Close()
		return err
	}
	r.end()
	r.close()
	r.file = newest
	return r.drain()
}

// drain shows the lines up to the end of the file. If the file was truncated,
// it begins again at the start.
func (r *logReader) drain() error {
	if r.file == nil {
		return nil
	}
	if at, err := r.file.Seek(0, io.SeekCurrent); err != nil {
		return err
	} else if info, err := r.file.Stat(); err != nil {
		return err
	} else if info.Size() < at {
		r.rest = nil
		if _, err := r.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	buf := make([]byte, logLine)
	for {
		n, err := r.file.Read(buf)
		r.rest = append(r.rest, buf[:n]...)
		for {
			line, rest, ended := bytes.Cut(r.rest, []byte("\n"))
			if !ended {
				break
			}
			r.line(line)
			r.rest = rest
		}
		if len(r.rest) >= logLine {
			r.end()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// end shows a line that will not be completed.
func (r *logReader) end() {
	r.line(r.rest)
	r.rest = nil
}

func (r *logReader) line(line []byte) {
	if len(line) > 0 {
		r.shown = true
		r.show(string(line))
	}
}

func openLogFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", path))
	}
	return f, nil
}

func sameFile(a, b *os.File) bool {
	x, err := a.Stat()
	y, err2 := b.Stat()
	return err == nil && err2 == nil && os.SameFile(x, y)
}

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
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/store"
)

const (
	logLine   = 64 << 10 // bytes; a longer line is shown in pieces
	logFollow = 250 * time.Millisecond
)

func (in *invocation) logsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Show the agent's log, newest last",
		Long: `logs prints the agent's log. With --follow it prints new lines as they come,
until you press Ctrl-C. With --json each line is a JSON object.`,
		Example: `  kextwatch logs
  kextwatch logs -f`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := in.target.home()
			if err != nil {
				return err
			}
			p := store.PlacesIn(home)
			if info, err := os.Stat(p.Crashes); err == nil && info.Size() > 0 {
				defer in.out.Hint("crashes and other output of the agent are in " + p.Crashes)
			}
			return writeLogs(cmd.Context(), in.out, p, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print new lines as they come")
	return cmd
}

func writeLogs(ctx context.Context, out cli.Output, p store.Places, follow bool) error {
	lines := bufio.NewWriter(out.Stdout)
	format := textLine
	if out.JSON {
		format = jsonLine
	}
	show := func(line string) { fmt.Fprintln(lines, format(line)) } // Flush reports a failure
	r := logReader{files: p.Logged(), show: show}
	defer r.close()
	err := r.more()
	switch {
	case err != nil:
		return cli.Unavailable(fmt.Errorf("reading the log: %w", err), "run this as the user who runs the agent")
	case !r.shown && !follow && !out.JSON:
		fmt.Fprintln(lines, "The log is empty. The agent writes it: kextwatch install starts the agent.")
	}
	for follow && ctx.Err() == nil && lines.Flush() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(logFollow):
			if err := r.more(); err != nil {
				return cli.Unavailable(fmt.Errorf("reading the log: %w", err), "")
			}
		}
	}
	return lines.Flush()
}

// logReader shows the lines of a log while it is written and rotated. It is our
// own: github.com/nxadm/tail loses lines when the file is rotated while it is
// written fast, reads a line of any length into memory, and hangs on a FIFO.
type logReader struct {
	files store.Rotation
	show  func(line string)
	shown bool     // at least one line was shown
	file  *os.File // the newest file; nil if no file exists
	rest  []byte   // the start of a line that is not complete
}

func (r *logReader) close() {
	if r.file != nil {
		r.file.Close()
	}
}

// more shows the lines that were added since the last call; the first time, all
// lines. It opens newer files before it reads, newest first, so that no line is
// lost when they are renamed meanwhile.
func (r *logReader) more() error {
	newer, err := r.newer()
	for _, f := range newer {
		err = errors.Join(err, r.next(f))
	}
	if err != nil {
		return err
	}
	return r.drain()
}

// newer opens the files that came after the one that was read, oldest first.
func (r *logReader) newer() (newer []*os.File, err error) {
	var newest *os.File
	for i := range r.files.Files {
		f, err := openLogFile(r.files.File(i))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // between two steps of a rotation, or missing
		case err != nil:
			return newer, err
		case r.file != nil && sameFile(f, r.file):
			f.Close()
			return newer, nil
		case len(newer) > 0 && sameFile(f, newer[0]):
			f.Close() // it was renamed between two steps of this loop
			continue
		case i == 0:
			newest = f
		}
		newer = slices.Insert(newer, 0, f)
	}
	if r.file == nil {
		return newer, nil
	}
	// The file that was read has another name or none. Only the newest file
	// cannot have been shown before.
	return slices.DeleteFunc(newer, func(f *os.File) bool {
		if f != newest {
			f.Close()
		}
		return f != newest
	}), nil
}

// next finishes the current file and continues with another one.
func (r *logReader) next(f *os.File) error {
	err := r.drain()
	r.end()
	r.close()
	r.file = f
	return err
}

// drain shows the lines up to the end of the file. If the file was truncated,
// it starts from the beginning.
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

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

const (
	logLine   = 64 << 10 // bytes; what is longer is shown in pieces
	logFollow = 250 * time.Millisecond
)

func (in *invocation) logsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "The agent's log, newest last",
		Long: `logs prints the agent's log. With --follow it goes on, line by line as they
come, until it is interrupted. With --json each line is a JSON object.`,
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
				defer in.hint("what launchd caught, such as a crash, is in " + p.crashes)
			}
			return in.logs(cmd.Context(), p, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	return cmd
}

func (in *invocation) logs(ctx context.Context, p places, follow bool) error {
	out := bufio.NewWriter(in.out)
	show := func(line string) { fmt.Fprintln(out, printableLine(line)) }
	if in.speaker.json {
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		show = func(line string) { _ = lines.Encode(parseLogLine(line)) } // Flush tells what failed
	}
	r := logReader{files: rotation{p.logFile, logSize, logFiles}, show: show}
	defer r.close()
	err := r.all()
	switch {
	case err != nil:
		return unavailable(fmt.Errorf("reading the log: %w", err), "run this as the user whose agent it is")
	case !r.shown && !follow && !in.speaker.json:
		fmt.Fprintln(out, "Nothing has been logged yet. The agent writes the log: kextwatch install starts it.")
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

// logReader shows the lines of a log that is being written and rotated.
type logReader struct {
	files rotation
	show  func(line string)
	shown bool     // there was a line
	file  *os.File // the newest one; nil: there is none
	rest  []byte   // of a line that has not ended
}

func (r *logReader) close() {
	if r.file != nil {
		r.file.Close()
	}
}

// all shows what there is. The newest file is opened first, so that nothing is
// lost when it is rotated meanwhile.
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

// more shows what has come since, also in a file that took the place of the
// one that was read.
func (r *logReader) more() error {
	newest, err := openLogFile(r.files.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r.drain() // between two steps of the rotation, or removed
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

// drain shows the lines up to the end of the file, or from its start again
// where it was cut.
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

// end shows a line that will not be ended.
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

// printableLine drops what could do something to a terminal.
func printableLine(line string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "\uFFFD"))
}

// parseLogLine takes a line of the log apart: key=value, a value with spaces
// in quotes. What is not written so becomes the message.
func parseLogLine(line string) map[string]string {
	fields := map[string]string{}
	for rest := line; rest != ""; rest = strings.TrimPrefix(rest, " ") {
		key, after, ok := strings.Cut(rest, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \"") {
			return map[string]string{"msg": printableLine(line)}
		}
		value, quoted := after, false
		if q, err := strconv.QuotedPrefix(after); err == nil {
			value, quoted = q, true
		} else if i := strings.IndexByte(after, ' '); i >= 0 {
			value = after[:i]
		}
		rest = after[len(value):]
		if quoted {
			if value, _ = strconv.Unquote(value); rest != "" && rest[0] != ' ' {
				return map[string]string{"msg": printableLine(line)}
			}
		}
		fields[printableLine(key)] = printableLine(value)
	}
	return fields
}

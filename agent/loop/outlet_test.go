package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/store"
	"kextwatch/probe/mactest"
)

// reader reads the lines of an outlet when the test lets it proceed.
type reader struct {
	proceed chan struct{}
	got     bytes.Buffer
}

func (r *reader) Write(line []byte) (int, error) {
	<-r.proceed
	return r.got.Write(line)
}

// A reader that stops loses the oldest lines. When it has read the rest, the log
// says how many.
func TestOutletWithAStoppedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := &reader{proceed: make(chan struct{})}
		o := NewOutlet("standard output", r)
		end := StartOutlets(slog.New(slog.NewTextHandler(&log, nil)), o)
		fmt.Fprintln(o, 0)
		synctest.Wait() // it is being written
		const lost = 3
		for i := range outletLines + lost {
			fmt.Fprintln(o, i+1)
		}
		if log.Len() > 0 {
			t.Errorf("the log has a line before the reader proceeds:\n%s", &log)
		}
		close(r.proceed)
		synctest.Wait()
		want := "0\n"
		for i := range outletLines {
			want += fmt.Sprintln(i + 1 + lost)
		}
		if r.got.String() != want {
			t.Errorf("read\n%s", &r.got)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "lines=3\n") {
			t.Errorf("log\n%s\nwant one line that says 3", &log)
		}
		end()
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("log\n%s\nwant nothing about the end", &log)
		}
	})
}

// The end waits for the lines that can be written, and not for a stopped reader.
func TestOutletEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log, quick bytes.Buffer
		stopped := &reader{proceed: make(chan struct{})}
		a, b := NewOutlet("standard output", stopped), NewOutlet("standard error", &quick)
		end := StartOutlets(slog.New(slog.NewTextHandler(&log, nil)), a, b)
		for i := range 3 {
			fmt.Fprintln(a, i)
			fmt.Fprintln(b, i)
		}
		began := time.Now()
		end()
		if waited := time.Since(began); waited != outletEnd {
			t.Errorf("the end took %v, want %v", waited, outletEnd)
		}
		if quick.String() != "0\n1\n2\n" {
			t.Errorf("read %q, want all", &quick)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "lines for standard output were lost") || !strings.Contains(log.String(), "lines=3\n") {
			t.Errorf("log\n%s\nwant one line that says 3", &log)
		}
		close(stopped.proceed)
	})
}

// partialWriter writes only a part of the first lines.
type partialWriter struct {
	bytes.Buffer
	takes []int
}

func (c *partialWriter) Write(line []byte) (int, error) {
	if len(c.takes) == 0 {
		return c.Buffer.Write(line)
	}
	n := c.takes[0]
	c.takes = c.takes[1:]
	c.Buffer.Write(line[:n])
	return n, errors.New("no more")
}

// A partial line does not damage other lines, and the log reports it once.
func TestOutletEndsAPartialLine(t *testing.T) {
	for _, tt := range []struct {
		takes []int
		want  string
		lost  int
	}{
		{nil, "line 0\nline 1\nline 2\nline 3\nline 4\n", 0},
		{[]int{0}, "line 1\nline 2\nline 3\nline 4\n", 1},
		{[]int{4}, "line\nline 1\nline 2\nline 3\nline 4\n", 1},
		{[]int{4, 0, 1}, "line\nline 3\nline 4\n", 3}, // of the third only the end of the line before
		{[]int{4, 3, 2}, "line\nli\nl\nline 3\nline 4\n", 3},
	} {
		var log bytes.Buffer
		to := &partialWriter{takes: tt.takes}
		o := NewOutlet("standard output", to)
		for i := range 5 {
			o.writeLine(fmt.Appendf(nil, "line %d\n", i), slog.New(slog.NewTextHandler(&log, nil)))
		}
		if to.String() != tt.want {
			t.Errorf("%v: %q, want %q", tt.takes, to, tt.want)
		}
		says := []string{"cannot write to standard output", fmt.Sprintf("standard output works again; lines were dropped meanwhile\" lines=%d\n", tt.lost)}
		for _, text := range says {
			if n := strings.Count(log.String(), text); n != min(1, tt.lost) {
				t.Errorf("%v: the log has %d times %q:\n%s", tt.takes, n, text, &log)
			}
		}
	}
}

// A full disk leaves no partial line in an events file, even if the file is not
// opened to append.
func TestOutletOnAFullDisk(t *testing.T) {
	for _, flag := range []int{os.O_APPEND, 0} {
		path := filepath.Join(t.TempDir(), "events")
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		o, log := NewOutlet(path, f), slog.New(slog.DiscardHandler)
		o.writeLine([]byte("first\n"), log)
		mactest.OnFullDisk(t, 10, func() error {
			o.writeLine([]byte("too long for it\n"), log)
			return nil
		})
		o.writeLine([]byte("third\n"), log)
		if got := mactest.Content(path); got != "first\nthird\n" {
			t.Errorf("file %q, want the first and the third line", got)
		}
	}
}

// removeTail keeps what another program wrote after the partial line.
func TestRemoveTailKeepsWhatOthersWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "part")
	if err := (store.Rotation{Path: path, Size: 1 << 20, Files: 1}).Append("of others\n"); err != nil {
		t.Fatal(err)
	}
	if removeTail(f, 4) || mactest.Content(path) != "part\nof others\n" {
		t.Errorf("file %q", mactest.Content(path))
	}
}

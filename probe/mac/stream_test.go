package mac

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// aliveFile is a pipe that a tool of a test, and all it starts, holds open.
type aliveFile struct {
	t    *testing.T
	path string
}

func aliveWhile(t *testing.T, m Mac) aliveFile {
	t.Helper()
	path := filepath.Join(m.Root, "alive")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return aliveFile{t, path}
}

// wait returns a channel that is closed when somebody held the pipe open and
// nobody does any more.
func (a aliveFile) wait() <-chan struct{} {
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		f, err := os.Open(a.path)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			f.Close()
		}
		if err != nil {
			a.t.Error(err)
		}
	}()
	return dead
}

func TestStreamFails(t *testing.T) {
	setToolLimit(t, farTooLong)
	m := bareMac(t)
	if err := m.stream(t.Context(), nil, testTool); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	addTool(t, m, testTool, `exit 0`)
	if err := m.stream(t.Context(), nil, testTool); !errors.Is(err, errStreamEnded) {
		t.Errorf("ends: %v", err)
	}
	addTool(t, m, testTool, `i=0; while [ $i -lt 1000 ]; do echo 'no such thing' >&2; i=$((i+1)); done; exit 3`)
	err := m.stream(t.Context(), nil, testTool)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 3 || len(exit.Stderr) != streamError {
		t.Errorf("fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	addTool(t, m, testTool, `trap '' TERM INT HUP; echo begun; while :; do sleep 60; done`)
	if err := m.stream(ctx, func([]byte) { cancel() }, testTool); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	m.NoTools = true
	if err := m.stream(t.Context(), nil, testTool); !errors.Is(err, errNoTools) {
		t.Errorf("no tools: %v", err)
	}
}

// A line may come in any pieces. One that is too long costs no memory.
func TestLines(t *testing.T) {
	long := strings.Repeat("x", lineLimit)
	tests := []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"whole", []string{"a\nb\n"}, []string{"a", "b"}},
		{"pieces", []string{"a", "b\n", "", "\n", "c\nd"}, []string{"ab", "", "c"}},
		{"as long as may be", []string{long, "\n"}, []string{long}},
		{"too long", []string{"a\n" + long, "x\nb\n"}, []string{"a", "b"}},
		{"far too long", []string{long, long, long, "\nb\n"}, []string{"b"}},
		{"too long, whole", []string{long + "x\n"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			w := &lineWriter{each: func(line []byte) { got = append(got, string(line)) }}
			for _, piece := range tt.pieces {
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Errorf("Write: %d, %v", n, err)
				}
				if cap(w.line) > 2*lineLimit {
					t.Errorf("holds %d bytes", cap(w.line))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%d lines: %.40q", len(got), got)
			}
		})
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbc\n\nd"), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var got []string
		w := &lineWriter{each: func(line []byte) { got = append(got, string(line)) }}
		for piece := range slices.Chunk(text, int(size)+1) {
			w.Write(piece)
		}
		want := strings.Split(string(text), "\n")
		if want = want[:len(want)-1]; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// BenchmarkFollowLog is a real process that prints rubbish as fast as it can:
// what a flood of lines that mean nothing costs.
func BenchmarkFollowLog(b *testing.B) {
	m := bareMac(b)
	line := logged("/usr/libexec/kernelmanagerd", "com.apple.kernelmanagerd.logging", strings.Repeat("gathering approvals for: com.example.x; ", 4)) + "\n"
	const lines = 20_000
	addFile(b, m, "/lines", strings.Repeat(line, lines))
	addTool(b, m, logTool, `exec cat '`+m.Root+`/lines'`)
	f := FollowLog(m)
	b.SetBytes(int64(len(line)) * lines)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := f.stream(b.Context(), f.line); !errors.Is(err, errStreamEnded) {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024, "KiB-kept")
}

package kextlog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// aliveFile is a pipe that a tool of a test, and every process that it starts,
// holds open.
type aliveFile struct {
	t    *testing.T
	path string
}

func aliveWhile(t *testing.T, m root.FS) aliveFile {
	t.Helper()
	path := filepath.Join(m.Root, "alive")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return aliveFile{t, path}
}

// wait returns a channel that is closed when the pipe was open and no process
// holds it open any more.
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

// BenchmarkFollowLog measures the cost of irrelevant lines: a real process prints
// them as fast as it can.
func BenchmarkFollowLog(b *testing.B) {
	m := root.FS{Root: mactest.Root(b)}
	line := logged("/usr/libexec/kernelmanagerd", "com.apple.kernelmanagerd.logging", strings.Repeat("gathering approvals for: com.example.x; ", 4)) + "\n"
	const lines = 20_000
	mactest.AddFile(b, m.Root, "/lines", strings.Repeat(line, lines))
	mactest.AddTool(b, m.Root, probe.LogTool, `exec cat '`+m.Root+`/lines'`)
	f := New(m)
	b.SetBytes(int64(len(line)) * lines)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := f.stream(b.Context(), f.line); !errors.Is(err, tool.ErrEnded) {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024, "KiB-kept")
}

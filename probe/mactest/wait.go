package mactest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits on a slow machine. Usually it needs milliseconds.
const Patience = 20 * time.Second

// Eventually waits until something is so.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// WantGone waits until a process has ended. pid is in decimal.
func WantGone(t testing.TB, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	NoError(t, err)
	Eventually(t, "the process is gone", func() bool { return syscall.Kill(n, 0) != nil || zombie(n) })
}

// zombie reports whether a process has ended and waits for its parent. In a
// container it may have none.
func zombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(data, []byte(") Z "))
}

// Content returns what a file of this machine holds; empty if it does not exist.
func Content(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

// Buffer is a bytes.Buffer for several goroutines.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

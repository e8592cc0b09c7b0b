package mactest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// Leaks runs the tests of a package that starts goroutines. It is for TestMain.
type Leaks struct{ M *testing.M }

// Run runs the tests, and fails if a goroutine with code of kextwatch outlives them.
func (l Leaks) Run() int {
	code := l.M.Run()
	if code != 0 {
		return code
	}
	left := ours()
	for end := time.Now().Add(Patience); len(left) > 0 && time.Now().Before(end); left = ours() {
		time.Sleep(5 * time.Millisecond)
	}
	for _, stack := range left {
		fmt.Fprintf(os.Stderr, "a goroutine outlives the tests:\n%s\n\n", stack)
		code = 1
	}
	return code
}

// ours returns the stacks of the goroutines with code of kextwatch, except this one, which
// is the first.
func ours() (left [][]byte) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, stack := range bytes.Split(stacks, []byte("\n\n"))[1:] {
		if bytes.Contains(stack, []byte("\nkextwatch/")) || bytes.Contains(stack, []byte("created by kextwatch/")) {
			left = append(left, stack)
		}
	}
	return left
}

package approval_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain makes garbage collections rare: the tests assess a million times, and a collection
// after each few megabytes takes a third of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(1000)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(m.Run())
}

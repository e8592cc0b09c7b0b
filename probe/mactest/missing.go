package mactest

import (
	"os"
	"runtime"
	"testing"
)

// Missing skips a test on a system that lacks what it needs. In CI on Linux the test fails:
// everything is there.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" && runtime.GOOS == "linux" {
		t.Fatalf("missing: %s", what)
	}
	t.Skip("missing: " + what)
}

// Package tooltest helps to test packages that run tools. Only tests may import
// it.
package tooltest

import (
	"testing"
	"time"

	"kextwatch/probe/tool"
)

// ShortLimit sets the default time limit of tools until the test ends, so that a
// tool that hangs ends sooner.
func ShortLimit(t *testing.T, limit time.Duration) {
	t.Helper()
	was := tool.Limit
	tool.Limit = limit
	t.Cleanup(func() { tool.Limit = was })
}

// Package tooltest is for tests of packages that run tools.
package tooltest

import (
	"testing"
	"time"

	"kextwatch/probe/tool"
)

// ShortLimit lets tools that hang end sooner until the test is over.
func ShortLimit(t *testing.T, limit time.Duration) {
	t.Helper()
	was := tool.Limit
	tool.Limit = limit
	t.Cleanup(func() { tool.Limit = was })
}

package policy

import (
	"fmt"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// BenchmarkReadDatabase measures the read of a policy with so many blocked
// extensions, each with a record of the load history.
func BenchmarkReadDatabase(b *testing.B) {
	for _, journal := range []string{"WAL", "DELETE"} {
		for _, n := range []int{10, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", journal, n), func(b *testing.B) {
				m, _ := newPolicy(b, mactest.ApplePolicy(journal, mactest.BlockedRows(n)...)...)
				for b.Loop() {
					if policy, source := ReadDatabase(b.Context(), m, time.Now()); source.State != probe.OK || len(policy.Rows) != n {
						b.Fatalf("%+v", source)
					}
				}
			})
		}
	}
}

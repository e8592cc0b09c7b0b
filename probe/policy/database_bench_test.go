package policy

import (
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// BenchmarkReadDatabase measures one read of about 200 KB: copy, verify, open,
// query, delete.
func BenchmarkReadDatabase(b *testing.B) {
	for _, journal := range []string{"WAL", "DELETE"} {
		b.Run(journal, func(b *testing.B) {
			m, _ := newPolicy(b, mactest.ApplePolicy(journal, paddedRows(80))...)
			temp := b.TempDir()
			for b.Loop() {
				if _, source := ReadDatabase(b.Context(), m, temp, time.Now()); source.State != probe.OK {
					b.Fatalf("%+v", source)
				}
			}
		})
	}
}

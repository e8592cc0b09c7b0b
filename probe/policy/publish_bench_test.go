package policy

import (
	"os"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// BenchmarkPublishPolicy measures one run of the reader with 80 rows of about
// 2 KB: without a change, and with one, so that all rows are read and written.
func BenchmarkPublishPolicy(b *testing.B) {
	for _, changed := range []bool{false, true} {
		b.Run(map[bool]string{false: "unchanged", true: "changed"}[changed], func(b *testing.B) {
			m, file := newPublishing(b, mactest.ApplePolicy("WAL", paddedRows(80))...)
			publish(b, m)
			for b.Loop() {
				if changed {
					mactest.NoError(b, os.Chtimes(file, time.Time{}, time.Now()))
				}
				if got := publish(b, m); got.Written != changed {
					b.Fatalf("%+v", got)
				}
			}
		})
	}
}

// BenchmarkReadPublished measures what an agent does for each snapshot.
func BenchmarkReadPublished(b *testing.B) {
	m, _ := newPublishing(b, mactest.ApplePolicy("WAL", paddedRows(80))...)
	publish(b, m)
	for b.Loop() {
		if _, source := readPublished(m, publishedAt); source.State != probe.OK {
			b.Fatalf("%+v", source)
		}
	}
}

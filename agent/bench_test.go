package main

import (
	"fmt"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

// BenchmarkWindow measures what happens between a commit and a notice, without the
// queries of tools: the policy is read, assessed and compared with what was announced. Of n
// developers, one has a new attempt.
func BenchmarkWindow(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := root.FS{Root: mactest.Root(b)}
			file := mactest.AddFile(b, m.Root, probe.KextPolicy, "")
			mactest.FillDatabase(b, file, mactest.ApplePolicy("WAL", mactest.BlockedRows(n)...)...)
			now := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
			s := approval.DefaultSettings()
			s.Vendors.All = true
			poll := func(mem approval.Memory) ([]approval.Notice, approval.Memory) {
				rows, source := policy.ReadDatabase(b.Context(), m, now)
				if source.State != probe.OK {
					b.Fatalf("%+v", source)
				}
				status, mem := s.Assess(mem, probe.Snapshot{
					Mac:    probe.Mac{OS: probe.OSVersion{Version: "12.7.6", Build: "21H1320"}, BootSession: "boot"},
					Policy: rows,
				}, now)
				return s.Tell(mem, status)
			}
			_, before := poll(approval.Memory{})
			now = now.Add(time.Hour)
			_, before = poll(before)
			mactest.FillDatabase(b, file, `UPDATE kext_load_history_v3 SET last_seen = '2026-05-06 13:00:00' WHERE team_id = 'TEAM000001'`)
			for b.Loop() {
				notices, _ := poll(before)
				opened := 0
				for _, notice := range notices {
					if notice.Event == approval.WindowReopened {
						opened++
					}
				}
				if opened != 1 {
					b.Fatalf("%d windows opened, want 1", opened)
				}
			}
		})
	}
}

package approval

import (
	"fmt"
	"math"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest/size"
)

// many are Macs with many extensions that macOS blocks, by how extension number i
// differs from the others.
var many = []struct {
	name     string
	team     string
	place    string
	leftover bool // it is no longer on the disk, and nothing tried to load it
}{
	{name: "teams", team: "TEAM%d", place: "/Library/Application Support/%d/"},
	{name: "items", team: "TEAM", place: "/Library/Application Support/%d/"},
	{name: "extensions", team: "TEAM", place: probe.Extensions + "/"},
	{name: "leftovers", team: "TEAM%d", place: "/Library/Application Support/%d/", leftover: true},
}

// assessMany returns one step of the loop on the Mac number which of many, with n
// extensions: nothing has changed since the last step.
func assessMany(tb testing.TB, which, n int) (step func()) {
	tb.Helper()
	now, is := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC), many[which]
	numbered := func(form string, i int) string {
		if form == "TEAM" || is.name == "extensions" {
			return form
		}
		return fmt.Sprintf(form, i)
	}
	snap := probe.Snapshot{
		Mac:    probe.Mac{OS: probe.OSVersion{Version: "12.7.6", Build: "21H1320"}, BootedAt: now.Add(-24 * time.Hour), BootSession: "boot"},
		Policy: &probe.Policy{Source: probe.Database, ReadAt: now},
	}
	for i := range n {
		team, bundle := numbered(is.team, i), fmt.Sprintf("com.example.kext%d", i)
		path := numbered(is.place, i) + fmt.Sprintf("example%d.kext", i)
		at := now.Add(-time.Duration(i+1) * 3 * time.Second) // they are no scan
		snap.Policy.Rows = append(snap.Policy.Rows, probe.PolicyRow{TeamID: team, BundleID: bundle, Developer: "Developer " + team})
		if !is.leftover {
			snap.Policy.History = append(snap.Policy.History, probe.LoadRecord{Path: path, TeamID: team, BundleID: bundle, LastSeen: at})
			snap.Kexts = append(snap.Kexts, probe.Kext{Path: path, TeamID: team, BundleID: bundle, Version: "1"})
		}
	}
	s := DefaultSettings()
	s.Vendors.All = true
	status, mem := s.Assess(Memory{}, snap, now)
	_, mem = s.Tell(mem, status)
	if len(mem.LastRead.Blocked) != n {
		tb.Fatalf("%d blocked rows are remembered, want %d", len(mem.LastRead.Blocked), n)
	}
	return func() {
		status, next := s.Assess(mem, snap, now)
		s.Tell(next, status)
	}
}

// 10,000 extensions take about as long as ten times 1,000. If each were compared with
// each, they would take ten times as long. Both are measured in turn, so that another
// load on this machine slows both down.
func TestManyExtensionsTakeLinearTime(t *testing.T) {
	for which, is := range many {
		t.Run(is.name, func(t *testing.T) {
			n := size.Of(1_000, 300)
			small, large := assessMany(t, which, n), assessMany(t, which, 10*n)
			few, all := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			for range 3 {
				start := time.Now()
				for range 10 {
					small()
				}
				few = min(few, time.Since(start))
				start = time.Now()
				large()
				all = min(all, time.Since(start))
				if all <= 3*few {
					break
				}
			}
			t.Logf("ten times %d: %v, %d: %v", n, few, 10*n, all)
			if all > 3*few {
				t.Errorf("%d extensions take %v, and ten times %d take %v", 10*n, all, n, few)
			}
		})
	}
}

func BenchmarkAssess(b *testing.B) {
	for _, n := range []int{1, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			step := assessMany(b, 0, n)
			for b.Loop() {
				step()
			}
		})
	}
}

package mac

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

const macFUSEItem = `{"developer":"Benjamin Fleischer","application":"macfuse","path":"/Library/Filesystems/macfuse.fs",
	"team":"3T5GSNBU6W","bundles":["io.macfuse.filesystems.macfuse.25"],"allowed":false,"restart":false,"modified":false,"upgrade":false}`

// When the framework is queried, by processor, by what else tells the policy, and by what
// is on this Mac: once at the start where neither database nor reader answers, and then
// only after a change. Where no file shows a change, or the framework fails, it is polled
// only as long as a kext is known that macOS may load or refuse.
func TestFrameworkUse(t *testing.T) {
	t.Parallel()
	const parallels, nothing, other = "Parallels", "no kexts", "a pending kext of another vendor"
	for _, c := range []struct {
		source       string
		first        int            // queries of the first snapshot
		hour, second map[string]int // queries in the next two hours, by what is there
	}{
		{"database", 0, nil, nil},
		{"reader", 0, nil, nil},
		{"framework", 1, nil, nil},
		{"framework, no database", 1, nil, nil},
		{"framework, stat refused", 1, map[string]int{parallels: 4, other: 4}, map[string]int{parallels: 4, other: 4}},
		{"framework fails", 1, map[string]int{parallels: 5, nothing: 3, other: 3}, map[string]int{parallels: 4}},
	} {
		for _, arch := range []probe.Arch{probe.Intel, probe.AppleSilicon} {
			for _, there := range []string{parallels, nothing, other} {
				t.Run(fmt.Sprintf("%s, %s, %s", arch, c.source, there), func(t *testing.T) {
					s := frameworkUser(t, arch, c.source, there == parallels, there == other)
					was := s.want("the first snapshot", 0, false, c.first)
					if known := was.Policy != nil; known != (c.source != "framework fails") {
						t.Errorf("%+v, %+v", was.Policy, was.Sources)
					}
					what := there
					if there == parallels && arch == probe.AppleSilicon { // it uses no kexts there
						what = nothing
					}
					for i, want := range []int{c.hour[what], c.second[what]} {
						if got := s.hour(); got != want {
							t.Errorf("hour %d: queried %d times, want %d", i+1, got, want)
						}
					}
					if c.first > 0 {
						s.want("somebody asks", time.Hour, true, 1)
					}
				})
			}
		}
	}
}

// frameworkUser returns a Mac whose policy comes from this source.
func frameworkUser(t *testing.T, arch probe.Arch, source string, kexts, pending bool) *queryStory {
	t.Helper()
	version, arm64 := "12.7.6", ""
	if arch == probe.AppleSilicon {
		arm64 = "1"
	}
	s := &queryStory{snapshotStory: newSnapshotStory(t, version, arm64), now: snapshotAt}
	mactest.NoError(t, os.Chmod(s.m.Root, 0o755))
	if !kexts {
		mactest.Remove(t, s.m.Root, hypervisorPath)
	}
	items := "[]"
	if pending {
		items = "[" + macFUSEItem + "]"
	}
	s.answers(mactest.FrameworkAnswer(items, items))
	if source != "database" {
		mactest.Remove(t, s.m.Root, probe.KextPolicyFiles[1])
		mactest.Remove(t, s.m.Root, probe.KextPolicy+"-shm")
		mactest.AddFile(t, s.m.Root, probe.KextPolicy, "not a database")
	}
	s.move(probe.KextPolicy)
	s.move(parallelsInfo)
	switch source {
	case "reader":
		mactest.InstallReader(t, s.m.Root)
		mactest.PublishRow(t, s.m.Root, s.now, "3T5GSNBU6W", "io.macfuse.filesystems.macfuse.25", true)
	case "framework, no database":
		mactest.Remove(t, s.m.Root, probe.KextPolicy)
	case "framework, stat refused":
		mactest.Remove(t, s.m.Root, probe.PolicyFolder)
		mactest.AddUnreadable(t, s.m.Root, probe.PolicyFolder)
	case "framework fails":
		s.does("exit 1")
	}
	return s
}

// hour takes a snapshot every three minutes for an hour without a change, and returns how often
// the framework was queried. The root reader runs, if it is installed.
func (s *queryStory) hour() (queries int) {
	s.t.Helper()
	_, err := os.Stat(filepath.Join(s.m.Root, probe.ReaderJob))
	reader := err == nil
	for range 20 {
		if reader {
			mactest.RunReader(s.t, s.m.Root, s.now)
		}
		s.now = s.now.Add(3 * time.Minute)
		before := s.prober.framework.LastQuery()
		s.prober.Snapshot(s.t.Context(), s.now, Options{})
		if s.prober.framework.LastQuery() != before {
			queries++
		}
		if next, planned := s.prober.NextQuery(s.now); !reader && planned && next > 15*time.Minute {
			s.t.Errorf("the next query in %v", next)
		}
	}
	return queries
}

// What the framework tells about any vendor gets into the snapshot, and only as long as
// it says so.
func TestFrameworkOfOtherVendors(t *testing.T) {
	for _, arm64 := range []string{"", "1"} {
		s := &queryStory{snapshotStory: newSnapshotStory(t, "26.2", arm64), now: snapshotAt}
		mactest.Remove(t, s.m.Root, probe.KextPolicy)
		s.answers(mactest.FrameworkAnswer("["+macFUSEItem+","+mactest.SantaItem+"]", "["+macFUSEItem+"]"))
		snap := s.want("pending", 0, false, 1)
		want := []probe.PolicyRow{
			{TeamID: "3T5GSNBU6W", BundleID: "io.macfuse.filesystems.macfuse.25", Developer: "Benjamin Fleischer", App: "macfuse", AppPath: "/Library/Filesystems/macfuse.fs", Pending: probe.Yes, PendingUpgrade: probe.No},
			{TeamID: "EQHXZ8M8AV", BundleID: "com.google.santa-driver", Allowed: true, Developer: "Google, Inc.", Pending: probe.No, PendingUpgrade: probe.Yes, NeedsRestart: probe.Yes},
		}
		for i := range want {
			if snap.Policy == nil || len(snap.Policy.Rows) != len(want) || snap.Policy.Rows[i] != want[i] {
				t.Fatalf("got %+v", snap.Policy)
			}
		}
		s.answers(mactest.FrameworkAnswer("["+macFUSEItem+"]", "[]"))
		if snap = s.want("not pending any more", time.Second, true, 1); snap.Policy.Rows[0].Pending != probe.No {
			t.Errorf("%+v", snap.Policy.Rows)
		}
		s.answers(mactest.FrameworkAnswer("["+macFUSEItem+"]", "null"))
		if snap = s.want("it does not say what is pending", time.Second, true, 1); snap.Policy.Rows[0].Pending != "" {
			t.Errorf("%+v", snap.Policy.Rows)
		}
	}
}

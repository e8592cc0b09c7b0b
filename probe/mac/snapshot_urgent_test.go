package mac

import (
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// A new window is announced at once. An urgent snapshot uses the cached virtual
// machines unless their files have changed, and then it waits for prlctl only a
// short time.
func TestUrgentSnapshotUsesCachedMachines(t *testing.T) {
	s := newNeedStory(t)
	s.wantMachines("first snapshot", false, true, true)
	urgent := func(after string, queried bool) {
		t.Helper()
		got, gaps := s.prober.cachedMachines(t.Context(), s.snap, Options{Urgent: true})
		if did := s.queried() == "prlctl"; did != queried || !got.Known || len(got.List) != 1 || len(gaps) > 0 {
			t.Errorf("%s: prlctl was queried: %v; %+v, %+v", after, did, got, gaps)
		}
	}
	s.snap.Policy.History = []probe.LoadRecord{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID, LastSeen: time.Date(2026, 7, 1, 20, 50, 0, 0, time.UTC)}}
	urgent("an attempt", false)
	s.wantMachines("the end of the burst", false, true, true)
	mactest.AddFile(t, s.m.Root, "/Users/me/Parallels/One.pvm/config.pvs", config(vmID, "One", "1"))
	urgent("a machine that changed just now", true)

	before := urgentLimit
	t.Cleanup(func() { urgentLimit = before })
	urgentLimit = 50 * time.Millisecond
	mactest.AddTool(t, s.m.Root, probe.PrlctlTool, "sleep 600")
	urgent("a prlctl that hangs", false)
}

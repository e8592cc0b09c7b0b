package mac

import (
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// A window is announced at once: what was told of the virtual machines a
// moment ago has to do, unless their files have changed since; and then
// nobody waits for a prlctl that takes its time.
func TestLookAtMachinesInAHurry(t *testing.T) {
	s := newNeedStory(t)
	s.wantMachines("first look", false, true, true)
	hurry := func(after string, asked bool) {
		t.Helper()
		got, gaps := s.prober.cachedMachines(t.Context(), s.snap, How{Hurry: true})
		if did := s.asked() == "prlctl"; did != asked || !got.Known || len(got.List) != 1 || len(gaps) > 0 {
			t.Errorf("%s: prlctl was asked: %v; %+v, %+v", after, did, got, gaps)
		}
	}
	s.snap.Policy.History = []probe.LoadRecord{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID, LastSeen: time.Date(2026, 7, 1, 20, 50, 0, 0, time.UTC)}}
	hurry("an attempt", false)
	s.wantMachines("the end of the burst", false, true, true)
	mactest.AddFile(t, s.m.Root, "/Users/me/Parallels/One.pvm/config.pvs", config(vmID, "One", "1"))
	hurry("a machine that changed just now", true)

	before := urgentLimit
	t.Cleanup(func() { urgentLimit = before })
	urgentLimit = 50 * time.Millisecond
	mactest.AddTool(t, s.m.Root, probe.PrlctlTool, "sleep 600")
	hurry("a prlctl that hangs", false)
}

package loop

import (
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// refuseUntimed is a refused row without a time, as macOS's framework tells
// of one.
func (d *bubble) refuseUntimed(p *probe.Policy) {
	d.change(func(s *probe.Snapshot) {
		s.Policy = p
		s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor"}}
	})
}

// That the files were quiet since the last hint tells nothing about the look
// before a look that failed: the row may be as old as that hint. A window
// dated by it would be shown for too long.
func TestLoopQuietFilesAfterALookThatFailed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := *d.snap.Policy
		time.Sleep(time.Hour)
		d.change(func(s *probe.Snapshot) {
			s.Policy, s.Sources = nil, []probe.Source{{Name: probe.Database, State: probe.Failed}}
		})
		d.hint(settled) // the attempt
		time.Sleep(10 * time.Minute)
		d.said()
		d.refuseUntimed(&good)
		d.hint(probe.Hint{Settled: true, QuietUntil: time.Now().Add(-20 * time.Second)})
		d.want(t, "source-changed", string(approval.BlockedNoWindow))
	})
}

// The first hint of a burst says until when the files were quiet. Where the
// database was busy just then, that is still true at the look that succeeds.
func TestLoopQuietFilesBeforeABusyDatabase(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := *d.snap.Policy
		time.Sleep(time.Hour)
		d.change(func(s *probe.Snapshot) {
			s.Policy, s.Sources = nil, []probe.Source{{Name: probe.Database, State: probe.Busy}}
		})
		d.hint(probe.Hint{Settled: true, QuietUntil: time.Now().Add(-20 * time.Second)})
		d.refuseUntimed(&good)
		time.Sleep(time.Second)
		d.want(t, string(approval.WindowOpened))
	})
}

// Nor is it forgotten while an update is held back for the end of its burst.
func TestLoopQuietFilesBeforeWhatIsHeldBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := *d.snap.Policy
		time.Sleep(time.Hour)
		d.change(func(s *probe.Snapshot) {
			s.Apps = []probe.App{s.Apps[0]}
			s.Apps[0].Version = "16.5.2"
		})
		d.hint(probe.Hint{QuietUntil: time.Now().Add(-20 * time.Second)})
		d.want(t)
		d.refuseUntimed(&good)
		d.hint(settled)
		d.want(t, "parallels-updated", string(approval.WindowOpened))
	})
}

package loop

import (
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// refuseUntimed adds a refused row without a time, like those of the framework.
func (d *bubble) refuseUntimed(p *probe.Policy) {
	d.change(func(s *probe.Snapshot) {
		s.Policy = p
		s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor"}}
	})
}

// After a failed snapshot, files that are unchanged since the last hint prove
// nothing: the row may be as old as that hint. A window dated by it would be shown
// for too long.
func TestLoopUnchangedFilesAfterAFailedSnapshot(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := *d.snap.Policy
		time.Sleep(time.Hour)
		d.readNothing(probe.Failed)
		d.hint(settled) // the attempt
		time.Sleep(10 * time.Minute)
		d.take()
		d.refuseUntimed(&good)
		d.hint(probe.Hint{Settled: true, QuietUntil: time.Now().Add(-20 * time.Second)})
		d.want(t, "source-changed", string(approval.BlockedNoWindow))
	})
}

// The first hint of a burst reports until when the files were unchanged. If the
// database was busy then, this still holds at the snapshot that succeeds.
func TestLoopUnchangedFilesBeforeABusyDatabase(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := *d.snap.Policy
		time.Sleep(time.Hour)
		d.readNothing(probe.Busy)
		d.hint(probe.Hint{Settled: true, QuietUntil: time.Now().Add(-20 * time.Second)})
		d.refuseUntimed(&good)
		time.Sleep(time.Second)
		d.want(t, string(approval.WindowOpened))
	})
}

// This also holds while an update is held back until the end of a burst.
func TestLoopUnchangedFilesBeforeAHeldBackUpdate(t *testing.T) {
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

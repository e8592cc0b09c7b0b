package approval

import (
	"testing"

	"kextwatch/probe"
)

// What runs without its extensions proves nothing in these cases.
func TestRunningProvesNothing(t *testing.T) {
	t.Run("the version of macOS is not known", func(t *testing.T) {
		s := usedStory(t, "10.15.7")
		s.snap.Mac.OS = probe.OSVersion{}
		s.snap.Situation.ParallelsSince = at(0)
		s.look(at(10), Approved)
		s.look(at(20), Approved)
	})
	t.Run("Parallels was opened again", func(t *testing.T) {
		s := usedStory(t, "10.15.7")
		s.snap.Situation.ParallelsSince = at(6)
		s.look(at(8), Approved)
		s.snap.Situation.ParallelsSince = at(10)
		s.look(at(12), Approved)
		s.look(at(15.1), LoadFailing, "load-failing!")
	})
	t.Run("at first sight, the two lists are of different times", func(t *testing.T) {
		s := usedStory(t, "12.7.6")
		s.snap.Machines.List[0].State = probe.VMRunning
		s.snap.Machines.ReadAt, s.snap.Loaded.ReadAt = at(20), at(25)
		s.look(at(25.1), Approved)
	})
	t.Run("the clock was set back", func(t *testing.T) {
		s := usedStory(t, "12.7.6")
		s.look(at(1), Approved)
		s.snap.Machines.List[0].State = probe.VMRunning
		s.look(at(100), Approved)
		s.look(at(10), Approved)
		s.look(at(11.1), LoadFailing, "load-failing!")
	})
}

package approval

import (
	"testing"

	"kextwatch/probe"
)

// The first snapshot after an attempt comes late: the Mac was busy, or slept. Its list of
// loaded extensions is from before the attempt was over, so it is read again.
func TestTheListOfLoadedExtensionsIsReadAgainHoweverLate(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.look(at(1), Approved)
	s.attempt(at(10), allKexts...)
	s.allow()
	s.look(at(10.1), Approved)
	s.snap.Loaded = probe.Loaded{Known: true, ReadAt: at(10.2)}
	s.look(at(13), Approved)
	if !s.last.Loading {
		t.Error("the list is not read again, want it read after the attempt is over")
	}
	s.snap.Loaded.ReadAt = at(13)
	s.look(at(13.1), LoadFailing, "load-failing!")
	if s.last.Loading {
		t.Error("the list is still read again, want that to end")
	}
}

package approval

import "testing"

// An agent that could not read the memory of an earlier one tells what is open
// once. When the memory can be read, nothing is announced again, the next window
// is, and an update in between is.
func TestMemoryAfterAnEarlierOne(t *testing.T) {
	earlier := newStory(t, "10.15.7")
	earlier.look(at(1), NotAsked)
	earlier.attempt(at(2), hypervisor)
	earlier.look(at(2), BlockedOpen, "window-opened!")
	earlier.look(at(40), BlockedClosed, "window-closed!")
	earlier.attempt(at(50), hypervisor)
	earlier.look(at(50), BlockedOpen, "window-reopened!")
	earlier.agentRestarts()

	s := *earlier
	s.mem = Memory{Seq: 3}
	s.snap.Mac.OS.Build = "1A2"
	s.look(at(51), BlockedOpen, "window-opened!") // nobody knew
	s.mem = s.mem.After(earlier.mem)
	s.look(at(52), BlockedOpen, "macos-updated!")
	s.look(at(53), BlockedOpen)
	s.look(at(90), BlockedClosed, "window-closed!")
	s.attempt(at(100), hypervisor)
	s.look(at(100), BlockedOpen, "window-reopened!")
	s.look(at(101), BlockedOpen)

	// At once, before anything was seen: the memory is the earlier one.
	s = *earlier
	s.mem = Memory{}.After(earlier.mem)
	s.look(at(51), BlockedOpen)
}

package approval

import (
	"testing"
	"time"

	"kextwatch/probe"
)

func TestStorySnooze(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.snooze(10)
	s.look(at(9), BlockedOpen)
	s.agentRestarts()
	s.look(at(10), BlockedOpen, "window-reminder 22!") // the snooze is over
	s.look(at(11), BlockedOpen)
	s.snooze(32)
	s.look(at(17), BlockedOpen, "window-reminder 15")
	s.look(at(27), BlockedOpen, "window-reminder 5")
	s.look(at(31), BlockedOpen, "window-reminder 1!") // about to close: breaks through, once
	s.look(at(31.5), BlockedOpen)
	s.look(at(32), BlockedClosed, "window-closed!")
}

func (s *macStory) snooze(until float64) { s.mem = s.mem.Snooze(at(until), s.last) }

// A snooze belongs to the window that was open. It ends with that window, and
// everything else is announced.
func TestASnoozeBelongsToItsWindow(t *testing.T) {
	snoozed := func(t *testing.T, macOS string) *macStory {
		s := newStory(t, macOS)
		s.settings.Vendors.All = true
		s.attempt(at(5), allKexts...)
		s.look(at(5), BlockedOpen, "window-opened!")
		s.snooze(34)
		return s
	}
	tests := []struct {
		name  string
		macOS string
		story func(s *macStory)
	}{
		{"approved", "10.15.7", func(s *macStory) {
			s.allow()
			s.look(at(6), Approved, "approved!")
		}},
		{"approved, and a restart is needed", "12.7.6", func(s *macStory) {
			s.allow()
			s.look(at(6), RestartPending, "approved", "restart-needed!")
		}},
		{"a profile forbids it", "12.7.6", func(s *macStory) {
			s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
			s.look(at(6), Managed, "managed!")
		}},
		{"another product", "10.15.7", func(s *macStory) {
			s.place("TEAMONE", 1, at(8))
			s.look(at(8), BlockedOpen, "window-opened!")
			s.look(at(20), BlockedOpen, "window-reminder 15")
			s.look(at(23), BlockedOpen, "window-reminder 15!")
		}},
		{"closed and reopened", "10.15.7", func(s *macStory) {
			s.look(at(35), BlockedClosed, "window-closed!")
			s.snooze(60) // nothing is open
			s.attempt(at(36), hypervisor)
			s.look(at(36), BlockedOpen, "window-reopened!")
			s.look(at(51), BlockedOpen, "window-reminder 15!")
		}},
		{"the clock was ahead when it was chosen", "10.15.7", func(s *macStory) {
			s.snooze(200)
			s.look(at(20), BlockedOpen, "window-reminder 15!")
		}},
		{"ended by the user", "10.15.7", func(s *macStory) {
			s.mem = s.mem.Snooze(time.Time{}, s.last)
			s.look(at(20), BlockedOpen, "window-reminder 15!")
		}},
		{"an earlier version snoozed it", "10.15.7", func(s *macStory) {
			s.mem.SnoozedWindow = ""
			s.look(at(20), BlockedOpen, "window-reminder 15")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.story(snoozed(t, tt.macOS)) })
	}
}

// With nothing open there is nothing to snooze: the next window is announced.
func TestNothingToSnooze(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.snooze(10)
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
}

// The reminder at the end of a snooze stands for one that would follow within a minute.
func TestNoSecondReminderWithinAMinute(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.snooze(16.5)
	s.look(at(16.5), BlockedOpen, "window-reminder 16!")
	s.look(at(17), BlockedOpen)
	s.look(at(27), BlockedOpen, "window-reminder 5!")
}

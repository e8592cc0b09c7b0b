package approval

import (
	"testing"
	"time"

	"kextwatch/probe"
)

// An approval that macOS does not list any more is announced once, after two reads, and
// opens no window. What macOS does with a later attempt is a window.
func TestAnApprovalIsLost(t *testing.T) {
	withdraw := func(s *macStory) {
		p := s.policy()
		for i := range p.Rows {
			p.Rows[i].Allowed = false
		}
	}
	drop := func(s *macStory) { s.policy().Rows = nil }
	approved := func(t *testing.T, macOS string) *macStory {
		s := newStory(t, macOS)
		s.snap.Mac.BootedAt = at(-600)
		s.attempt(at(1), allKexts...)
		s.allow()
		s.look(at(60), Approved)
		return s
	}
	for _, macOS := range []string{"10.15.7", "12.7.6"} {
		t.Run(macOS, func(t *testing.T) {
			s := approved(t, macOS)
			drop(s)
			s.look(at(61), Approved)
			if s.last.DueAt.Sub(s.last.At) != lostAfter {
				t.Errorf("due %v after the first read, want %v", s.last.DueAt.Sub(s.last.At), lostAfter)
			}
			s.look(at(61).Add(lostAfter), Unknown, "approval-lost!")
			s.look(at(62), Unknown)
			s.agentRestarts()
			s.look(at(63), Unknown)
			s.attempt(at(64), allKexts...)
			s.look(at(64), BlockedOpen, "window-opened!")
			s.allow()
			s.load("16.5.1 49187")
			s.look(at(65), Approved, "approved", "kexts-loaded!")

			s = approved(t, macOS)
			withdraw(s)
			s.look(at(61), Approved)
			s.look(at(62), BlockedUnknown, "blocked", "approval-lost!")
			s.minutesLeft(-1)

			s = approved(t, macOS) // it is back at the second read
			with := s.snap
			drop(s)
			s.look(at(61), Approved)
			s.snap = with
			s.look(at(62), Approved)

			s = approved(t, macOS) // an attempt shows that macOS blocks it
			withdraw(s)
			s.attempt(at(61), allKexts...)
			s.look(at(61), BlockedOpen, "window-opened!")

			s = approved(t, macOS) // it was removed
			drop(s)
			s.uninstall()
			s.snap.Policy.History = nil
			s.look(at(61), NotInstalled, "parallels-removed")
			s.look(at(62), NotInstalled)

			s = approved(t, macOS) // another source answers
			s.snap.Policy = &probe.Policy{Source: probe.Reader}
			s.look(at(61), NotAsked, "source-changed")
			s.look(at(62), NotAsked)

			s = approved(t, macOS) // after a restart, such as after a kernel panic
			drop(s)
			s.restart(at(70), "SESSION-2")
			s.look(at(72), Approved)
			s.look(at(73), Unknown, "approval-lost!")
		})
	}
}

// A profile that is replaced is away for a moment. One that is removed takes its
// approval along after five minutes, or at the next restart.
func TestAProfileTakesItsApprovalAlong(t *testing.T) {
	managed := func(t *testing.T) *macStory {
		s := newStory(t, "12.7.6")
		s.refuse(allKexts...)
		s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}}
		s.look(at(60), Approved)
		return s
	}
	s := managed(t)
	with := s.snap
	s.policy().MDM = nil
	s.look(at(61), Approved)
	s.look(at(65), Approved)
	s.snap = with
	s.look(at(65.5), Approved)
	s.policy().MDM = nil
	s.look(at(66), Approved)
	s.look(at(70), Approved)
	s.look(at(71), BlockedUnknown, "blocked", "approval-lost!")

	s = managed(t)
	s.policy().MDM = nil
	s.look(at(61), Approved)
	s.restart(at(62), "SESSION-2")
	s.look(at(62.5), Approved)
	s.look(at(63), BlockedUnknown, "blocked", "approval-lost!")
}

// The row goes back to 0, and the log tells of a refusal at the same time: that is a
// window, and no loss that needs a second read.
func TestARefusalInTheLogIsNoLoss(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.snap.Policy.Source = probe.Framework
	s.refuse(allKexts...)
	s.allow()
	s.look(at(60), Approved)
	p := s.policy()
	for i := range p.Rows {
		p.Rows[i].Allowed = false
	}
	s.report(probe.FromLog, probe.Refused, at(61), hypervisor)
	s.look(at(61), BlockedOpen, "window-opened!")
}

// macOS does not list the approval any more while the extension is still loaded. That it
// is loaded is not good news then, however often it is read, and wherever the extension is.
func TestALostApprovalIsNotReady(t *testing.T) {
	for name, place := range map[string]func(s *macStory){
		"on the disk":           func(*macStory) {},
		"not found on the disk": func(s *macStory) { s.snap.Kexts = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, "12.7.6")
			place(s)
			s.attempt(at(5), allKexts...)
			s.allow()
			s.load("16.5.1 49187")
			s.look(at(20), Approved)
			p := s.policy()
			for i := range p.Rows {
				p.Rows[i].Allowed = false
			}
			s.look(at(30), Approved)
			s.look(at(31), BlockedUnknown, "blocked", "approval-lost!")
			s.look(at(32), BlockedUnknown)
			s.snap.Loaded.Kexts = nil
			s.attempt(at(33), allKexts...)
			s.look(at(33), BlockedOpen, "window-opened!")
		})
	}
}

// An approval is withdrawn while the extension is loaded, which is unloaded later. Its last
// attempt loaded it, so that no window opens.
func TestStoryWithdrawnWhileLoaded(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.allow()
	s.look(at(3), Approved, "approved!")
	s.attempt(at(4), allKexts...)
	s.load("16.5.1 49187")
	s.look(at(4).Add(time.Second), Approved, "kexts-loaded!")
	p := s.policy()
	for i := range p.Rows {
		p.Rows[i].Allowed = false
	}
	s.look(at(5), Approved)
	s.look(at(5.5), BlockedUnknown, "blocked", "approval-lost!")
	s.snap.Loaded = probe.Loaded{Known: true}
	s.look(at(6), BlockedUnknown)
	s.attempt(at(7), allKexts...)
	s.look(at(7), BlockedOpen, "window-opened!")
}

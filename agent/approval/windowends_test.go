package approval

import (
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest/size"
)

// logged is a refusal that only the log tells of.
func (s *macStory) logged(when time.Time, ids ...string) {
	for _, id := range ids {
		s.snap.Attempts = append(s.snap.Attempts, probe.Attempt{At: when, TeamID: probe.ParallelsTeamID, BundleID: id, From: probe.FromLog, Outcome: probe.Refused})
	}
}

// A window that was opened while no source of policy answers ends like every
// other: with one event that says how.
func TestWindowOpenedWhileUnknownEnds(t *testing.T) {
	refused := func(allowed bool) *probe.Policy {
		p := &probe.Policy{Source: probe.Framework}
		for _, id := range allKexts {
			p.Rows = append(p.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: id, Allowed: allowed})
		}
		return p
	}
	start := func(t *testing.T, macOS string) *macStory {
		s := newStory(t, macOS)
		s.settings.Reminders = nil
		s.snap.Policy = nil
		s.look(at(1), Unknown, "verdict-changed!")
		s.logged(at(2), hypervisor)
		s.look(at(2), Unknown, "window-opened!")
		return s
	}
	tests := []struct {
		name  string
		macOS string
		story func(s *macStory)
	}{
		{"approved", "10.15.7", func(s *macStory) {
			s.snap.Policy = refused(true)
			s.look(at(10), Approved, "source-changed", "approved!")
			s.look(at(40), Approved)
		}},
		{"approved, a restart is needed", "12.7.6", func(s *macStory) {
			s.snap.Policy = refused(true)
			s.snap.Policy.Rows[0].NeedsRestart = probe.Yes
			s.look(at(10), RestartPending, "source-changed", "approved", "restart-needed!")
		}},
		{"loaded, while nobody tells the policy", "10.15.7", func(s *macStory) {
			s.load("16.5.1 49187")
			s.look(at(10), Approved, "approved", "kexts-loaded!")
			s.look(at(40), Approved)
		}},
		{"runs out in the dark", "10.15.7", func(s *macStory) {
			s.look(at(32), Unknown, "window-closed!")
			s.look(at(33), Unknown)
			s.agentRestarts()
			s.look(at(34), Unknown)
			s.snap.Policy = refused(false)
			s.look(at(40), BlockedClosed, "source-changed")
			s.look(at(41), BlockedClosed)
		}},
		{"runs out in the dark, of a Parallels made for an older macOS", "12.7.6", func(s *macStory) {
			s.settings.Compat = Table{Rows: []Row{{Major: 16, MaxMacOS: "11", Confidence: Sure}}}
			s.look(at(32), Incompatible, "window-closed", "verdict-changed!")
			s.look(at(33), Incompatible)
		}},
		{"the source comes back, and it runs out", "10.15.7", func(s *macStory) {
			s.snap.Policy = refused(false)
			s.look(at(10), BlockedOpen, "source-changed")
			s.look(at(32), BlockedClosed, "window-closed!")
			s.look(at(33), BlockedClosed)
		}},
		{"it runs out while nobody looks, and the source comes back", "10.15.7", func(s *macStory) {
			s.snap.Policy = refused(false)
			s.look(at(300), BlockedClosed, "source-changed", "window-closed!")
		}},
		{"reopened in the dark", "10.15.7", func(s *macStory) {
			s.look(at(32), Unknown, "window-closed!")
			s.logged(at(40), hypervisor)
			s.look(at(40), Unknown, "window-reopened!")
			s.look(at(70), Unknown, "window-closed!")
		}},
		{"reopened while nobody looks", "10.15.7", func(s *macStory) {
			s.logged(at(100), hypervisor)
			s.look(at(101), Unknown, "window-reopened!")
			s.snap.Policy = refused(true)
			s.look(at(102), Approved, "source-changed", "approved!")
		}},
		{"the source comes and goes", "10.15.7", func(s *macStory) {
			s.snap.Policy = refused(false)
			s.look(at(10), BlockedOpen, "source-changed")
			s.snap.Policy = nil
			s.look(at(11), Unknown, "source-lost")
			s.look(at(32), Unknown, "window-closed!")
		}},
		{"the agent restarts", "10.15.7", func(s *macStory) {
			s.agentRestarts()
			s.look(at(5), Unknown)
			s.snap.Policy = refused(true)
			s.look(at(6), Approved, "source-changed", "approved!")
		}},
		{"an older kextwatch announced it", "10.15.7", func(s *macStory) {
			announced := s.mem.Announced["4C6364ACXT com.parallels.kext."]
			announced.Before = NotAsked // what it saved
			s.mem.Announced["4C6364ACXT com.parallels.kext."] = announced
			s.agentRestarts()
			s.look(at(5), Unknown)
			s.look(at(32), Unknown, "window-closed!")
		}},
		{"uninstalled", "10.15.7", func(s *macStory) {
			s.uninstall()
			s.look(at(10), Unknown, "parallels-removed!") // the row of the pane stays
			s.look(at(40), NotInstalled, "window-closed")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.story(start(t, test.macOS)) })
	}
}

// At first sight, the agent finds a window that only the log tells of.
func TestWindowAtFirstSightWhileUnknownEnds(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.settings.Reminders = nil
	s.snap.Policy = nil
	s.logged(at(2), hypervisor)
	s.look(at(3), Unknown, "window-opened!")
	s.allowAll()
	s.look(at(4), Approved, "source-changed", "approved!")
}

func (s *macStory) allowAll() {
	s.snap.Policy = &probe.Policy{Source: probe.Framework}
	s.refuse(allKexts...)
	s.allow()
}

// A window that was announced ends with an event, even if the product's
// verdict is about something else than macOS refusing it.
func TestWindowEndsUnderAnotherVerdict(t *testing.T) {
	notNeeded := func(s *macStory) {
		s.snap.Machines = probe.Machines{Known: true, Kextless: probe.Yes, List: []probe.VM{{UUID: "x", Hypervisor: probe.AppleHypervisor}}}
	}
	open := func(t *testing.T) *macStory {
		s := newStory(t, "12.7.6")
		s.settings.Reminders = nil
		s.attempt(at(20), hypervisor)
		s.look(at(20), BlockedOpen, "window-opened!")
		return s
	}
	s := open(t)
	notNeeded(s)
	s.look(at(50), NotNeeded, "window-closed")
	s.look(at(51), NotNeeded)

	s = open(t)
	notNeeded(s)
	s.allow()
	s.look(at(30), NotNeeded, "approved")
	s.look(at(51), NotNeeded)

	s = open(t)
	s.policy().Rows = nil
	s.look(at(30), Unknown, "window-closed", "verdict-changed!") // the load history has it

	s = open(t)
	s.settings.Compat = Table{Rows: []Row{{Major: 16, MaxMacOS: "11", Confidence: Sure}}}
	s.allow()
	s.snap.Mac.BootSession = "SESSION-2" // allowed, and restarted
	events, _ := s.said(at(40))
	if s.last.Verdict != Incompatible || events[ApprovedEvent] != 1 || events[WindowClosed] != 0 {
		t.Errorf("%s, said %v; want incompatible, and that it was approved", s.last.Verdict, events)
	}
}

// Whatever happens to a window, and in whatever order, it is announced once
// and ends once.
func TestEveryWindowEndsOnce(t *testing.T) {
	ends := []EventName{WindowClosed, ApprovedEvent, BlockedNoWindow}
	moves := []func(s *macStory, now time.Time){
		func(*macStory, time.Time) {},
		func(s *macStory, _ time.Time) { s.snap.Policy = nil },
		func(s *macStory, _ time.Time) { s.allowAll() },
		func(s *macStory, _ time.Time) {
			s.snap.Policy = &probe.Policy{Source: probe.Framework}
			s.refuse(allKexts...)
		},
		func(s *macStory, now time.Time) { s.logged(now, hypervisor) },
		func(s *macStory, _ time.Time) { s.agentRestarts() },
	}
	play := func(s macStory, now float64, steps []int) {
		open := 0
		for _, step := range steps {
			s.snap.Attempts = slices.Clone(s.snap.Attempts)
			moves[step](&s, at(now))
			events, alerts := s.said(at(now))
			opened := events[WindowOpened] + events[WindowReopened]
			ended := 0
			for _, e := range ends {
				ended += events[e]
			}
			if alerts > 1 {
				t.Fatalf("%v: %d alerts at once", steps, alerts)
			}
			switch {
			case opened > 1 || ended > 1:
				t.Fatalf("%v: said %v in one look", steps, events)
			case opened == 1:
				open = 1
			case ended == 1:
				open = 0
			}
			if w := s.last.Products[0].Window; !w.Open() && open == 1 {
				t.Fatalf("%v: at minute %v (%s) an announced window is gone, and nothing was said", steps, now, s.last.Verdict)
			}
			now += 11
		}
	}
	depth := size.Of(5, 4)
	var all func(steps []int)
	all = func(steps []int) {
		if len(steps) == depth {
			s := newStory(t, "10.15.7")
			s.settings.Reminders = nil
			play(*s, 1, steps)
			return
		}
		for move := range moves {
			all(append(slices.Clone(steps), move))
		}
	}
	all(nil)
}

// The extensions are loaded while nobody tells the policy, so the window was
// approved. It ends with an event, although the product needs no extension.
func TestWindowApprovedInTheDarkOfAProductThatNeedsNone(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.settings.Reminders = nil
	s.snap.Machines = probe.Machines{Known: true, Kextless: probe.Yes, List: []probe.VM{{UUID: "x", Hypervisor: probe.AppleHypervisor}}}
	s.look(at(1), NotNeeded)
	s.snap.Policy = nil
	s.logged(at(2), hypervisor)
	s.look(at(2), Unknown, "source-lost", "window-opened!")
	s.load("16.5.1 49187")
	s.look(at(3), NotNeeded, "approved")
	s.look(at(32), NotNeeded)
}

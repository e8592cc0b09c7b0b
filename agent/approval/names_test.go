package approval

import (
	"testing"

	"kextwatch/probe"
)

// Two developers have one name. Each has its own story, and nothing is announced again
// because of the other.
func TestTwoTeamsOfOneName(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.uninstall()
	s.settings.Vendors, s.settings.Reminders = Vendors{All: true}, nil
	s.place("TEAMONE", 1, at(2))
	s.place("TEAMTWO", 2, at(2))
	p := s.policy()
	for i := range p.Rows {
		p.Rows[i].Developer = "Parallels Desktop"
	}
	p.Rows[1].Allowed = true
	if events, alerts := s.said(at(3)); events[WindowOpened] != 1 || alerts != 1 {
		t.Errorf("at first %v with %d alerts, want one window", events, alerts)
	}
	if events, alerts := s.said(at(4)); len(events) != 0 || alerts != 0 {
		t.Errorf("said again %v with %d alerts", events, alerts)
	}
}

// A second developer of the same name comes and goes. The name that is shown changes,
// and nothing known is announced again.
func TestASecondTeamOfTheSameName(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.uninstall()
	s.settings.Vendors, s.settings.Reminders = Vendors{All: true}, nil
	s.place("TEAMONE", 1, at(2))
	s.policy().Rows[0].Developer = "Acme Inc."
	s.said(at(3))
	second := s.snap
	s.place("TEAMTWO", 2, at(4))
	s.policy().Rows[1].Developer = "Acme Inc."
	if events, _ := s.said(at(5)); events[WindowOpened] != 1 || len(events) != 1 {
		t.Errorf("when the second came %v, want its window", events)
	}
	with := s.snap
	for minute := 6; minute < 16; minute += 2 {
		for i, snap := range []probe.Snapshot{second, with} {
			s.snap = snap
			if events, alerts := s.said(at(float64(minute + i))); len(events) != 0 || alerts != 0 {
				t.Fatalf("minute %d: said again %v with %d alerts", minute+i, events, alerts)
			}
		}
	}
}

// The pane shows the name of the developer, and the table has the product.
func TestAProductNamesItsDeveloper(t *testing.T) {
	s := boxStory(t, "10.15.7")
	s.box(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	p := s.last.product(boxTeam)
	if p.Name != "VirtualBox" || p.Developer != "Oracle America, Inc." || p.Known == nil || p.Known.Product != "VirtualBox" {
		t.Errorf("%q of %q, row %+v, want VirtualBox of Oracle America, Inc.", p.Name, p.Developer, p.Known)
	}
}

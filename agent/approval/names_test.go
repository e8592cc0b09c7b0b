package approval

import "testing"

// Two developers have one name. Each has its own story, and none is told again
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

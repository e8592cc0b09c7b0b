package approval

import (
	"fmt"
	"testing"
	"time"

	"kextwatch/probe"
)

const otherTeam = "EG7KH642X6"

// place puts an extension of another vendor on the disk and in the policy, in
// an application of its own: one more row of the pane.
func (s *macStory) place(team string, n int, when time.Time) {
	id := fmt.Sprintf("org.example.%s.kext%d", team, n)
	path := fmt.Sprintf("/Applications/%s %d.app/Contents/k.kext", team, n)
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: id, TeamID: team, Path: path, Version: "1"})
	p := s.policy()
	p.Rows = append(p.Rows, probe.PolicyRow{TeamID: team, BundleID: id, Developer: "Developer " + team})
	p.History = append(p.History, probe.LoadRecord{Path: path, TeamID: team, BundleID: id, LastSeen: when})
}

// said assesses and tells, and counts the events by name, and the alerts.
func (s *macStory) said(now time.Time) (events map[EventName]int, alerts int) {
	var notices []Notice
	s.last, s.mem = s.settings.Assess(s.mem, s.snap, now)
	notices, s.mem = s.settings.Tell(s.mem, s.last)
	s.mem = s.mem.Posted()
	events = map[EventName]int{}
	for _, n := range notices {
		events[n.Event]++
		if n.Urgency != Silent {
			alerts++
		}
	}
	return events, alerts
}

// However many rows of the pane wait, each window is announced once: not at
// the next poll again, and not after a restart of the agent.
func TestEachOfManyWindowsIsAnnouncedOnce(t *testing.T) {
	for _, items := range []int{1, 8, 9, 20, 300} {
		s := newStory(t, "10.15.7")
		s.uninstall()
		s.settings.Vendors = Vendors{Teams: []string{probe.ParallelsTeamID, otherTeam, "3T5GSNBU6W"}}
		s.settings.Reminders = nil
		for n := range items {
			s.place(otherTeam, n, at(2))
			s.place("3T5GSNBU6W", n, at(2))
		}
		if events, alerts := s.said(at(2)); events[WindowOpened] != 2*items || alerts != 2 {
			t.Errorf("%d items: at first %v with %d alerts, want each window and one alert for each product", items, events, alerts)
		}
		for poll := range 5 {
			if poll == 3 {
				s.agentRestarts()
			}
			if events, alerts := s.said(at(3 + float64(poll))); len(events) != 0 || alerts != 0 {
				t.Errorf("%d items, poll %d: said again %v with %d alerts", items, poll, events, alerts)
			}
		}
		if events, _ := s.said(at(40)); events[WindowClosed] != 2 {
			t.Errorf("%d items: at the end %v, want one end for each product", items, events)
		}
		for i := range s.policy().History {
			s.snap.Policy.History[i].LastSeen = at(50)
		}
		if events, alerts := s.said(at(50)); events[WindowReopened] != 2*items || alerts != 2 {
			t.Errorf("%d items: tried again %v with %d alerts, want each window and one alert for each product", items, events, alerts)
		}
		if events, alerts := s.said(at(51)); len(events) != 0 || alerts != 0 {
			t.Errorf("%d items: said again %v with %d alerts", items, events, alerts)
		}
	}
}

// What was announced about an item is kept as long as the item's memory, and no
// longer: its windows are then numbered from 1 again.
func TestToldWindowsFollowTheMemoryOfTheirItems(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.settings.Vendors = Vendors{All: true}
	for day := range 50 {
		s.uninstall()
		s.snap.Policy = &probe.Policy{Source: probe.Database}
		now := at(float64(day) * 24 * 60)
		for n := range 20 {
			s.place(otherTeam, 100*day+n, now)
		}
		if events, alerts := s.said(now); events[WindowOpened] != 20 || alerts != 1 {
			t.Fatalf("day %d: %v with %d alerts, want 20 windows and one alert", day, events, alerts)
		}
	}
	announced := 0
	for _, t := range s.mem.Announced {
		announced += len(t.Windows)
	}
	if len(s.mem.Items) > 60 || announced > 60 {
		t.Errorf("%d items and %d announced windows of removed extensions are kept", len(s.mem.Items), announced)
	}
	s.place(otherTeam, 0, at(50*24*60)) // one of the first day, tried again
	if events, alerts := s.said(at(50 * 24 * 60)); events[WindowOpened]+events[WindowReopened] != 1 || alerts != 1 {
		t.Errorf("one that came back: %v with %d alerts, want a window", events, alerts)
	}
}

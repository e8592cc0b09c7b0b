package approval

import (
	"strings"
	"testing"

	"kextwatch/probe"
)

// While a window is open, what is known about the place of the extensions changes. The
// window stays, its time left too, and nothing is announced again.
func TestAnOpenWindowStaysWhenThePlaceChanges(t *testing.T) {
	moved := func(s *macStory, to string) {
		if len(s.snap.Apps) > 0 {
			s.snap.Apps[0].Path = to
		}
		for i := range s.snap.Kexts {
			s.snap.Kexts[i].Path = strings.Replace(s.snap.Kexts[i].Path, app, to, 1)
		}
	}
	tests := []struct {
		name   string
		first  func(s *macStory)
		second func(s *macStory)
	}{
		{"the application is moved", nil, func(s *macStory) { moved(s, "/Users/user/Applications/Parallels Desktop.app") }},
		{"only now it is known where it is",
			func(s *macStory) {
				s.uninstall()
				s.policy().History = nil
				for _, id := range allKexts {
					s.report(probe.FromLog, probe.Refused, at(40), id)
				}
			},
			func(s *macStory) { s.install("16.5.1", "49187") }},
		{"it is removed, and no source answers", nil, func(s *macStory) { s.uninstall(); s.snap.Policy = nil }},
		{"the load history is cleared, and the application removed", nil, func(s *macStory) { s.policy().History = nil; s.uninstall() }},
		{"one of the extensions is moved", nil, func(s *macStory) {
			s.snap.Kexts[0].Path = "/Library/Extensions/prl_hypervisor.kext"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "10.15.7")
			s.settings.Reminders = nil
			s.attempt(at(40), allKexts...)
			if tt.first != nil {
				tt.first(s)
			}
			if events, _ := s.said(at(41)); events[WindowOpened] != 1 {
				t.Fatalf("at first %v, want one window", events)
			}
			tt.second(s)
			for _, minute := range []float64{42, 43, 45} {
				events, _ := s.said(at(minute))
				delete(events, ParallelsRemoved)
				delete(events, ParallelsInstalled)
				delete(events, VerdictChanged)
				delete(events, SourceLost)
				if len(events) > 0 {
					t.Errorf("minute %v: said %v", minute, events)
				}
				s.minutesLeft(70 - int(minute))
			}
		})
	}
}

// The application is removed and its rows are cleared. An hour later it is installed
// in another place, and macOS still has its earlier attempt: that is no new window.
func TestReinstalledElsewhere(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.settings.Reminders = nil
	s.attempt(at(40), allKexts...)
	s.said(at(41))
	before := s.snap
	s.uninstall()
	s.snap.Policy = &probe.Policy{Source: probe.Database}
	s.said(at(50))
	s.snap = before
	s.install("16.5.1", "49187")
	for i := range s.snap.Kexts {
		s.snap.Kexts[i].Path = strings.Replace(s.snap.Kexts[i].Path, "/Applications/", "/Applications/Utilities/", 1)
	}
	if events, _ := s.said(at(55)); events[WindowOpened]+events[WindowReopened] > 0 {
		t.Errorf("said %v, want no second window", events)
	}
	s.minutesLeft(15)
}

// The policy cannot be read for a moment. The open window of another developer stays,
// under the same name.
func TestAnOpenWindowOfAnotherDeveloperStays(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.uninstall()
	s.settings.Vendors.All, s.settings.Reminders = true, nil
	s.place("TEAMONE", 1, at(40))
	if events, _ := s.said(at(41)); events[WindowOpened] != 1 {
		t.Fatalf("at first %v, want one window", events)
	}
	s.snap.Policy = nil
	s.said(at(42))
	for _, p := range s.last.Products {
		if p.TeamID == "TEAMONE" && (p.Name != "Developer TEAMONE" || p.Window.MinutesLeft() != 28) {
			t.Errorf("%q with the window %+v, want Developer TEAMONE and 28 minutes", p.Name, p.Window)
		}
	}
	if len(s.last.Products) != 2 {
		t.Errorf("%d products, want Parallels and the other developer's", len(s.last.Products))
	}
}

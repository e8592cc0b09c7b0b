package approval

import (
	"fmt"
	"testing"
	"time"

	"kextwatch/probe"
)

// manyExtensions is a Mac without Parallels and with 100 blocked kernel extensions of
// one team. lastSeen gives the time of an extension in the load history.
func manyExtensions(t *testing.T, lastSeen func(n int) time.Time) *macStory {
	s := newStory(t, "12.7.6")
	s.uninstall()
	s.settings.Vendors = Vendors{Teams: []string{otherTeam}}
	for n := range 100 {
		id := fmt.Sprintf("org.example.kext%d", n)
		path := fmt.Sprintf("/Library/Extensions/%d.kext", n)
		s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: id, TeamID: otherTeam, Path: path, Version: "1"})
		p := s.policy()
		p.Rows = append(p.Rows, probe.PolicyRow{TeamID: otherTeam, BundleID: id})
		p.History = append(p.History, probe.LoadRecord{Path: path, TeamID: otherTeam, BundleID: id, LastSeen: lastSeen(n)})
	}
	return s
}

// More extensions in one row of the pane than attempts are kept: an old
// attempt that was pushed out is not taken for a new one.
func TestAttemptsOfManyExtensionsOpenNoSecondWindow(t *testing.T) {
	s := manyExtensions(t, func(n int) time.Time { return at(10).Add(time.Duration(n) * time.Second) })
	if events, _ := s.said(at(12)); events[WindowOpened] != 1 {
		t.Fatalf("said %v, want one window", events)
	}
	s.allow()
	s.said(at(13))
	for i := range s.policy().Rows { // allowed, and then not any more: nobody tried anything
		s.snap.Policy.Rows[i].Allowed = false
	}
	if events, _ := s.said(at(20)); events[WindowOpened]+events[WindowReopened] != 0 {
		t.Errorf("said %v: an attempt that was known opened a window", events)
	}

	// The same for what was recognized as a scan.
	s = manyExtensions(t, func(int) time.Time { return at(60) })
	p := s.policy()
	p.History = append(p.History, probe.LoadRecord{Path: "/Library/Extensions/x.kext", TeamID: "OTHER", BundleID: "com.other.x", LastSeen: at(60)})
	s.said(at(60))
	p = s.policy()
	p.History = p.History[:len(p.History)-1]
	if events, _ := s.said(at(61)); events[WindowOpened] != 0 {
		t.Errorf("said %v: a scan became an attempt", events)
	}
}

// An attempt is answered by a load, or by a blocked row. Where macOS may load no extension
// at all, only the log tells that it refused: the agent follows the log for half an hour.
func TestWhatAnswersAnAttempt(t *testing.T) {
	allowed := func(s *macStory) { s.fuseRow(true, at(40)) }
	external := func(s *macStory) { s.snap.Boot.External = probe.Yes }
	virtual := func(s *macStory) { s.snap.Boot.Virtual = probe.Yes }
	for _, tt := range []struct {
		name string
		mac  []func(s *macStory)
		want bool
	}{
		{"a blocked row", nil, false},
		{"an allowed row, and no load", []func(s *macStory){allowed}, true},
		{"a load", []func(s *macStory){allowed, func(s *macStory) {
			s.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: fuse25, Version: "5.1.3"}}
		}}, false},
		{"no attempt within half an hour", []func(s *macStory){func(s *macStory) { s.fuseRow(true, at(14)) }}, false},
		{"a blocked row on an external disk", []func(s *macStory){external}, true},
		{"a blocked row in a virtual machine", []func(s *macStory){virtual}, true},
		{"a blocked row on an external disk of an Intel Mac", []func(s *macStory){external, func(s *macStory) { s.snap.Mac.Arch = probe.Intel }}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "26.2")
			s.fuse()
			s.fuseRow(false, at(40))
			for _, change := range tt.mac {
				change(s)
			}
			if status, _ := s.settings.Assess(Memory{}, s.snap, at(45)); status.Asking != tt.want {
				t.Errorf("asking %v, want %v", status.Asking, tt.want)
			}
		})
	}
}

// A program tries many times in a row, and only the newest attempts are remembered. After
// the approval is withdrawn, the older ones, which the log still has, open no window.
func TestAttemptsThatAreNotRememberedOpenNoWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.refuse(hypervisor)
	for n := range keptAttempts + 8 {
		s.report(probe.FromLog, probe.Refused, at(10).Add(time.Duration(n)*time.Second), hypervisor)
	}
	s.look(at(11), BlockedOpen, "window-opened!")
	s.look(at(11.5), BlockedOpen)
	s.allow()
	s.look(at(12), Approved, "approved!")
	s.policy().Rows[0].Allowed = false
	s.look(at(14), Approved)
	s.look(at(15), BlockedUnknown, "blocked", "approval-lost!")
	s.minutesLeft(-1)
}

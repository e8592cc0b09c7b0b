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

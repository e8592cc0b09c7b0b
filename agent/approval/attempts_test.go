package approval

import (
	"fmt"
	"testing"
	"time"

	"kextwatch/probe"
)

// More extensions in one row of the pane than attempts are kept: an old
// attempt that was pushed out is not taken for a new one.
func TestAttemptsOfManyExtensionsOpenNoSecondWindow(t *testing.T) {
	const many = 100
	s := newStory(t, "12.7.6")
	s.uninstall()
	s.settings.Vendors = Vendors{Teams: []string{otherTeam}}
	for n := range many {
		id := fmt.Sprintf("org.example.kext%d", n)
		path := fmt.Sprintf("/Library/Extensions/%d.kext", n)
		s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: id, TeamID: otherTeam, Path: path, Version: "1"})
		p := s.policy()
		p.Rows = append(p.Rows, probe.PolicyRow{TeamID: otherTeam, BundleID: id})
		p.History = append(p.History, probe.LoadRecord{Path: path, TeamID: otherTeam, BundleID: id, LastSeen: at(10).Add(time.Duration(n) * time.Second)})
	}
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
	s = newStory(t, "12.7.6")
	s.uninstall()
	s.settings.Vendors = Vendors{Teams: []string{otherTeam}}
	for n := range many {
		id := fmt.Sprintf("org.example.kext%d", n)
		path := fmt.Sprintf("/Library/Extensions/%d.kext", n)
		s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: id, TeamID: otherTeam, Path: path, Version: "1"})
		p := s.policy()
		p.Rows = append(p.Rows, probe.PolicyRow{TeamID: otherTeam, BundleID: id})
		p.History = append(p.History, probe.LoadRecord{Path: path, TeamID: otherTeam, BundleID: id, LastSeen: at(60)})
	}
	p := s.policy()
	p.History = append(p.History, probe.LoadRecord{Path: "/Library/Extensions/x.kext", TeamID: "OTHER", BundleID: "com.other.x", LastSeen: at(60)})
	s.said(at(60))
	p = s.policy()
	p.History = p.History[:len(p.History)-1]
	if events, _ := s.said(at(61)); events[WindowOpened] != 0 {
		t.Errorf("said %v: a scan became an attempt", events)
	}
}

package approval

import (
	"slices"
	"testing"

	"kextwatch/probe"
)

func (s *macStory) fired(rule Rule, subject string) bool {
	return slices.Contains(s.last.Fired, Fired{rule, subject})
}

// Explain names who allows an extension, whose it is, and which version is loaded.
func TestWhatIsExplainedOfAnExtension(t *testing.T) {
	for by, mac := range map[AllowedBy]func(s *macStory){
		ByMDM:       func(s *macStory) { s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}} },
		ByRecovery:  func(s *macStory) { s.snap.Enforcement.Consent.Teams = []string{probe.ParallelsTeamID} },
		NotEnforced: func(s *macStory) { s.snap.Enforcement.Consent.Enabled = probe.No },
	} {
		s := newStory(t, "10.15.7")
		s.refuse(hypervisor)
		mac(s)
		s.look(at(1), Approved)
		k := s.last.Products[0].Items[0].Kexts[0]
		if k.AllowedBy != by || k.Developer != "Parallels International GmbH" || !s.fired(allowedRule[by], hypervisor) {
			t.Errorf("%+v by the rules %v, want one allowed by %s", k, s.last.Fired, by)
		}
	}

	s := newStory(t, "10.15.7")
	s.attempt(at(1), allKexts...)
	s.allow()
	s.load("16.5.0 49183")
	s.look(at(10), Approved)
	if !s.fired(RuleOldLoaded, hypervisor) {
		t.Errorf("rules %v, want that the kernel has an older version", s.last.Fired)
	}
	s.snap.Loaded.Kexts = append([]probe.LoadedKext{{BundleID: hypervisor, Version: "16.5.1 49187"}}, s.snap.Loaded.Kexts...) // both
	s.look(at(11), Approved)
	if k := s.last.Products[0].Items[0].Kexts[0]; !k.Loaded || k.LoadedVersion != "16.5.1 49187" || s.fired(RuleOldLoaded, hypervisor) {
		t.Errorf("%+v, want the version on the disk", k)
	}
}

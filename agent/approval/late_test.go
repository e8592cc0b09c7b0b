package approval

import (
	"testing"

	"kextwatch/probe"
)

// A refusal that the log reports opens a window of its own extension only, even if the
// framework does not list that extension.
func TestRefusalOfAnotherExtension(t *testing.T) {
	for name, c := range map[string]struct {
		teamID, bundleID string
		notices          []string
	}{
		"of another team":   {"EG7KH642X6", hypervisor, []string{"blocked!", "window-opened!"}},
		"of the same team":  {probe.ParallelsTeamID, "com.parallels.kext.other", []string{"blocked", "window-opened!"}},
		"of nothing at all": {"", "", []string{"blocked!"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newerStory(t)
			s.refuse(hypervisor)
			s.snap.Attempts = []probe.Attempt{{At: at(40), TeamID: c.teamID, BundleID: c.bundleID, From: probe.FromLog, Outcome: probe.Refused}}
			s.look(at(45), BlockedUnknown, c.notices...)
			for _, p := range s.last.Products {
				for _, item := range p.Items {
					for _, k := range item.Kexts {
						if k.BundleID == hypervisor && p.TeamID == probe.ParallelsTeamID && len(item.Attempts) > 0 && item.Attempts[0].BundleID == hypervisor {
							t.Errorf("the attempt counts for %s", hypervisor)
						}
					}
				}
			}
		})
	}
}

// The framework may list a refused extension late, or not at all. The refusal stays a
// refusal: the window stays open, is announced once, and nothing is well.
func TestFrameworkListsARefusedExtensionLate(t *testing.T) {
	refused := probe.Attempt{At: at(40), TeamID: probe.ParallelsTeamID, BundleID: hypervisor, From: probe.FromLog, Outcome: probe.Refused}
	for name, late := range map[string]float64{"never": 0, "after a second": 40 + 1.0/60, "after five minutes": 45} {
		t.Run(name, func(t *testing.T) {
			s := newerStory(t)
			s.look(at(39), NotAsked)
			s.snap.Attempts = []probe.Attempt{refused}
			s.look(at(40), Unknown, "window-opened!")
			s.snap.Policy.ReadAt = at(40.02)
			s.look(at(40.02), Unknown)
			if late > 0 {
				s.refuse(hypervisor)
				s.look(at(late+0.1), BlockedOpen)
			}
			s.look(at(46), s.last.Products[0].Verdict)
			if w := s.last.Products[0].Window; !w.Open() {
				t.Error("the window is not open any more")
			}
		})
	}
}

// Nobody knows when another vendor's extension is needed. If something tried to load it in
// this boot, it was needed, and from macOS 11 a restart may be missing.
func TestUncertainExtensionOfAnotherVendor(t *testing.T) {
	for name, c := range map[string]struct {
		tried float64 // the minute; 0: not in this boot
		want  bool
	}{"tried in this boot": {20, true}, "not tried": {0, false}} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, "26.2")
			s.fuse()
			s.fuseRow(true, at(c.tried-60*24))
			if c.tried > 0 {
				s.fuseRow(true, at(c.tried))
			}
			s.look(at(30), Approved)
			if p := s.last.Products[0]; p.TeamID != fuseTeamID || p.Uncertain != c.want {
				t.Errorf("%s, uncertain %t, want macFUSE, %t", p.Name, p.Uncertain, c.want)
			}
		})
	}
}

package approval

import (
	"testing"

	"kextwatch/probe"
)

// An extension whose place could not be read counts as there, and its version
// is not known: it is neither a leftover nor older than what is loaded.
func TestUnreadExtensionCountsAsThere(t *testing.T) {
	unread := func(s *macStory) {
		for i, k := range s.snap.Kexts {
			s.snap.Kexts[i] = probe.Kext{BundleID: k.BundleID, TeamID: k.TeamID, Path: k.Path, Unread: true}
		}
	}
	s := newStory(t, "10.15.7")
	unread(s)
	s.attempt(at(-300), allKexts...)
	s.look(at(1), BlockedUnknown, "blocked!")
	for _, k := range s.last.Products[0].Items[0].Kexts {
		if k.Leftover || !k.Blocked {
			t.Errorf("%+v, want one that is blocked", k)
		}
	}

	s = newStory(t, "12.7.6")
	s.attempt(at(-300), allKexts...)
	s.allow()
	s.load("16.5.1 49187")
	s.look(at(1), Approved)
	unread(s)
	s.look(at(2), Approved)
	if p := s.last.Products[0]; !p.Loaded {
		t.Errorf("%+v, want a product that is loaded", p)
	}
	s.snap.Loaded.Kexts = nil // Parallels unloads them
	s.look(at(3), Approved)
}

// The signature of an extension on the disk could not be read. Its row says whose it is, or
// that it is unsigned.
func TestTheTeamOfAnExtensionThatWasNotRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		team string // in the row
		want Verdict
	}{{"its row has the team", probe.ParallelsTeamID, BlockedUnknown}, {"macOS found it unsigned", "", CannotLoad}} {
		s := newStory(t, "10.15.7")
		s.snap.Kexts = s.snap.Kexts[:1]
		s.snap.Kexts[0].TeamID = ""
		s.policy().Rows = []probe.PolicyRow{{TeamID: tt.team, BundleID: hypervisor}}
		status, _ := s.settings.Assess(Memory{}, s.snap, at(60))
		if p := status.product(tt.team); p.Verdict != tt.want || p.Items[0].Kexts[0].Path == "" {
			t.Errorf("%s: verdict %q with %+v, want %s for the one on the disk", tt.name, p.Verdict, p.Items, tt.want)
		}
	}
}

package approval

import (
	"fmt"
	"slices"
	"testing"

	"kextwatch/probe"
)

// More versions of macOS than are kept are on offer: each is warned about once.
func TestEachOfManyOffersIsWarnedAboutOnce(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.settings.Compat = Compat()
	s.said(at(1))
	for n := range 40 {
		s.snap.Updates.Offered = append(s.snap.Updates.Offered, probe.Offer{Version: fmt.Sprintf("%d.0", 40+n)})
	}
	if events, _ := s.said(at(2)); events[MacOSOffered] != 40 {
		t.Errorf("said %v, want 40 offers", events)
	}
	if events, _ := s.said(at(3)); len(events) != 0 {
		t.Errorf("said again %v", events)
	}
}

// One warning names every product. It waits until the tools have answered, and comes once
// for each offered macOS.
func TestStoryOneWarningForAllProducts(t *testing.T) {
	s := newStory(t, "15.7.2")
	s.settings = DefaultSettings()
	s.install("20.1.0", "1")
	s.fuses(fuse23, fuse25)
	s.row(fuseTeam, fuse23, true)
	s.snap.Updates.Offered = []probe.Offer{{Version: "26.2"}}
	s.snap.Pending = true
	s.look(at(1), NotAsked)
	s.snap.Pending = false
	s.last, s.mem = s.settings.Assess(s.mem, s.snap, at(2))
	notices, mem := s.settings.Tell(s.mem, s.last)
	if len(notices) != 1 || notices[0].Event != MacOSOffered || notices[0].Urgency != Plain || len(notices[0].Findings) != 2 || notices[0].Product.Name != "Parallels Desktop" {
		t.Fatalf("notices %+v, want one offer with two products", notices)
	}
	s.mem = mem
	s.agentRestarts()
	s.look(at(3), NotAsked)
}

// Apple silicon needs no extension of Parallels Desktop, and its version still counts.
func TestStoryAMacOSIsOfferedOnAppleSilicon(t *testing.T) {
	s := newStory(t, "26.2")
	s.settings = DefaultSettings()
	s.snap.Mac.Arch = probe.AppleSilicon
	s.install("26.1.0", "57287")
	s.snap.Kexts = nil
	s.look(at(1), NotNeeded)
	s.snap.Updates.Offered = []probe.Offer{{Version: "27.0"}}
	s.look(at(2), NotNeeded, "macos-offered!")
	s.look(at(3), NotNeeded)
	s.install("27.0.2", "58673")
	s.snap.Updates.Offered = []probe.Offer{{Version: "27.1"}}
	s.snap.Kexts = nil
	s.look(at(4), NotNeeded, "parallels-updated")
}

// After an upgrade of macOS, the notice names the products that need something since.
func TestStoryWhatTheUpgradeChanged(t *testing.T) {
	for _, tt := range []struct {
		name string
		mac  func(s *macStory)
		to   string
		want []UpgradeResult
	}{
		{"another approval", func(s *macStory) { s.fuses(fuse23, fuse25); s.row(fuseTeam, fuse23, true) }, "26.2", []UpgradeResult{NeedsApproval}},
		{"FireWire is gone", func(s *macStory) { s.driver(driverTeam, driverID, both...).Libraries = []string{fireWire} }, "26.2", []UpgradeResult{NotLoadable}},
		{"an update within one release", func(s *macStory) { s.driver(motuTeam, motuID) }, "15.7.3", nil},
		{"nothing", func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse23, true)
			s.row(fuseTeam, fuse25, true)
		}, "26.2", nil},
		{"ignored", func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse23, true)
			s.settings.Vendors.Ignore = []string{fuseTeam}
		}, "26.2", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "15.7.2")
			s.uninstall()
			tt.mac(s)
			s.look(at(1), NotInstalled)
			s.snap.Mac.OS = probe.OSVersion{Version: tt.to, Build: "25C56"}
			s.last, s.mem = s.settings.Assess(s.mem, s.snap, at(2))
			notices, _ := s.settings.Tell(s.mem, s.last)
			var got []UpgradeResult
			shown := false
			for _, n := range notices {
				shown = shown || n.Urgency != Silent
				for _, f := range n.Findings {
					got = append(got, f.Result)
				}
			}
			if !slices.Equal(got, tt.want) || shown != (len(tt.want) > 0) {
				t.Errorf("notices %+v, want %q", notices, tt.want)
			}
		})
	}
}

// The list of the offered versions that were announced does not grow without end. It loses the
// oldest first, and none that is still offered: there would be a second warning.
func TestOfferedVersionsAreForgotten(t *testing.T) {
	const kept = 32
	for _, n := range []int{kept - 1, kept, kept + 1, kept + 3} {
		var mem Memory
		for i := range n {
			mem.Offered = append(mem.Offered, fmt.Sprintf("12.%d", i))
		}
		var status Status
		status.Facts.Updates.Offered = []probe.Offer{{Version: "12.1"}} // the second oldest
		if notices := standard.offers(&mem, status); len(notices) > 0 {
			t.Fatalf("%d versions: announced again: %+v", n, notices)
		}
		var want []string
		for i := range n {
			if i == 1 || i >= n-kept {
				want = append(want, fmt.Sprintf("12.%d", i))
			}
		}
		if !slices.Equal(mem.Offered, want) {
			t.Errorf("of %d versions %q are left, want %q", n, mem.Offered, want)
		}
	}
}

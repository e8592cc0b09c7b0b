package approval

import (
	"slices"
	"testing"

	"kextwatch/probe"
)

// macFUSE keeps one extension for each macOS side by side. Those for another macOS are
// left over: they never lead to a verdict.
func TestExtensionsForAnotherMacOS(t *testing.T) {
	const base = "/Library/Filesystems/macfuse.fs/Contents/Extensions/"
	kext := func(id, folder string) probe.Kext {
		return probe.Kext{BundleID: id, TeamID: fuseTeam, Path: base + folder + "/macfuse.kext", Version: "5.3.3"}
	}
	row := func(id string, allowed bool) probe.PolicyRow {
		return probe.PolicyRow{TeamID: fuseTeam, BundleID: id, Allowed: allowed, Developer: "Benjamin Fleischer"}
	}
	const other = "com.example.filesystem."
	for _, tt := range []struct {
		name  string
		macOS string
		mac   func(s *macStory)
		want  Verdict
		left  []string // the bundle IDs that are left over
	}{
		{"the old one is blocked, the new one allowed", "26.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(fuse23, false), row(fuse25, true)}
			s.snap.Kexts = []probe.Kext{kext(fuse23, "14"), kext(fuse25, "26")}
		}, Approved, []string{fuse23}},
		{"the old one was allowed, the new one is not asked for", "26.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(fuse23, true)}
			s.snap.Kexts = []probe.Kext{kext(fuse23, "14"), kext(fuse25, "26")}
		}, NotAsked, []string{fuse23}},
		{"only the old one is there: an older release uses it", "26.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(fuse23, false)}
			s.snap.Kexts = []probe.Kext{kext(fuse23, "14")}
		}, BlockedUnknown, nil},
		{"macOS 15 uses the old one", "15.7.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(fuse23, true)}
			s.snap.Kexts = []probe.Kext{kext(fuse23, "14"), kext(fuse25, "26")}
		}, Approved, []string{fuse25}},
		{"the old one was tried just now", "26.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(fuse23, false), row(fuse25, true)}
			s.policy().History = []probe.LoadRecord{{TeamID: fuseTeam, BundleID: fuse23, Path: base + "14/macfuse.kext", LastSeen: at(40)}}
			s.snap.Kexts = []probe.Kext{kext(fuse23, "14"), kext(fuse25, "26")}
		}, BlockedOpen, nil},
		{"not in the table: a sibling is allowed", "15.7.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(other+"12", false), row(other+"15", true)}
			s.snap.Kexts = []probe.Kext{kext(other+"12", "12"), kext(other+"15", "15")}
		}, Approved, []string{other + "12"}},
		{"not in the table: no sibling is used", "15.7.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(other+"12", false)}
			s.snap.Kexts = []probe.Kext{kext(other+"12", "12"), kext(other+"15", "15")}
		}, BlockedUnknown, nil},
		{"not in the table: another file name is no sibling", "15.7.2", func(s *macStory) {
			s.policy().Rows = []probe.PolicyRow{row(other+"12", false), row(other+"15", true)}
			s.snap.Kexts = []probe.Kext{kext(other+"12", "12"), kext(other+"15", "15")}
			s.snap.Kexts[1].Path = base + "15/other.kext"
		}, BlockedUnknown, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.macOS)
			s.fuse()
			s.snap.Mac.OS = probe.OSVersion{Version: tt.macOS, Build: "1A1"}
			tt.mac(s)
			status, _ := s.settings.Assess(s.mem, s.snap, at(45))
			p := status.product(fuseTeam)
			if p.Verdict != tt.want {
				t.Errorf("verdict %s, want %s; rules %v", p.Verdict, tt.want, status.Fired)
			}
			var left []string
			for _, item := range p.Items {
				for _, k := range item.Kexts {
					if k.Leftover {
						left = append(left, k.BundleID)
					}
				}
			}
			if !slices.Equal(left, tt.left) {
				t.Errorf("left over: %q, want %q", left, tt.left)
			}
		})
	}
}

// A row that blocks an extension of years ago, beside one that is allowed, is left over
// after an update of macOS.
func TestBlockedLongAgo(t *testing.T) {
	const old = "com.example.old"
	for _, tt := range []struct {
		name string
		mac  func(s *macStory)
		want Verdict
	}{
		{"before the last update and 90 days ago", func(*macStory) {}, Approved},
		{"macOS was not updated since", func(s *macStory) { s.snap.Updates.Installed[0].At = at(-60 * 24 * 500) }, BlockedUnknown},
		{"when macOS was updated is not known", func(s *macStory) { s.snap.Updates.Installed = nil }, BlockedUnknown},
		{"80 days ago", func(s *macStory) { s.policy().History[0].LastSeen = at(-60 * 24 * 80) }, BlockedUnknown},
		{"nothing of it is allowed", func(s *macStory) { s.policy().Rows[1].Allowed = false }, BlockedUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := boxStory(t, "12.7.6")
			s.settings.Vendors = Vendors{All: true}
			s.snap.Updates.Installed = []probe.Installation{{Name: "macOS 12.7.6", Version: "12.7.6", At: at(-60 * 24 * 10)}}
			p := s.policy()
			p.Rows = []probe.PolicyRow{{TeamID: boxTeam, BundleID: old}, {TeamID: boxTeam, BundleID: boxID, Allowed: true}}
			p.History = []probe.LoadRecord{{TeamID: boxTeam, BundleID: old, Path: "/Library/Application Support/VirtualBox/Old.kext", LastSeen: at(-60 * 24 * 400)}}
			s.snap.Policy = p
			s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: old, TeamID: boxTeam, Path: "/Library/Application Support/VirtualBox/Old.kext", Version: "1"})
			tt.mac(s)
			status, _ := s.settings.Assess(Memory{}, s.snap, at(45))
			if got := status.product(boxTeam).Verdict; got != tt.want {
				t.Errorf("verdict %s, want %s; rules %v", got, tt.want, status.Fired)
			}
		})
	}
}

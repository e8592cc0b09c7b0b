package approval

import (
	"errors"
	"slices"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
)

const (
	motuTeam   = "KRCLLMGZ2D"
	motuID     = "com.motu.driver.FireWireAudio"
	ciscoTeam  = "DE8Y96K9QP"
	ciscoID    = "com.cisco.kext.acsock"
	zfsTeam    = "735AM5QEU3"
	zfsID      = "org.openzfsonosx.zfs"
	driverTeam = "AAAAAAAAAA"
	driverID   = "com.example.driver"
)

// kext puts an extension on the disk. Without code, its code was not read.
func (s *macStory) kext(team, id, path string, code ...probe.Arch) *probe.Kext {
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: id, TeamID: team, Path: path, Version: "1.0", Code: code})
	return &s.snap.Kexts[len(s.snap.Kexts)-1]
}

func (s *macStory) driver(team, id string, code ...probe.Arch) *probe.Kext {
	return s.kext(team, id, "/Library/Extensions/driver.kext", code...)
}

// fuses puts the extensions of macFUSE on the disk, which lie side by side.
func (s *macStory) fuses(ids ...string) {
	for i, id := range ids {
		s.kext(fuseTeam, id, "/Library/Filesystems/macfuse.fs/Contents/Extensions/"+string(rune('a'+i))+"/macfuse.kext", probe.Intel, probe.AppleSilicon)
	}
}

func (s *macStory) row(team, id string, allowed bool) {
	p := s.policy()
	p.Rows = append(p.Rows, probe.PolicyRow{TeamID: team, BundleID: id, Allowed: allowed, Developer: "Somebody"})
}

func (s *macStory) running(id, version string) {
	s.snap.Loaded.Kexts = append(s.snap.Loaded.Kexts, probe.LoadedKext{BundleID: id, Version: version})
}

// upgrade assesses the Mac and returns what a macOS means for the product of a team.
func (s *macStory) upgrade(to, team string) (Upgrade, Finding) {
	s.t.Helper()
	status, _ := s.settings.Assess(s.mem, s.snap, at(45))
	u := status.Upgrade(probe.OSVersion{Version: to})
	for _, f := range u.Findings {
		if f.Product.TeamID == team {
			return u, f
		}
	}
	return u, Finding{}
}

var both = []probe.Arch{probe.Intel, probe.AppleSilicon}

// The expected answers follow "Before an update" of the design and the table of known
// products. What is not known is never said to work.
func TestUpgradeOfKexts(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		arch           probe.Arch
		team           string
		mac            func(s *macStory)
		want           UpgradeResult // empty: nothing of it is on this Mac
		rule           UpgradeRule
		confidence     Confidence
		source         string
	}{
		{"macFUSE 5.1: another extension", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse23, true)
		}, NeedsApproval, UpgradeOtherKext, Sure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.1, on Intel", "14.7.2", "26.2", probe.Intel, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse23, true)
		}, NeedsApproval, UpgradeOtherKext, Sure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.1, never approved", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) { s.fuses(fuse23, fuse25) },
			NeedsApproval, UpgradeOtherKext, Sure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.1, and the other extension is allowed", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse23, true)
			s.row(fuseTeam, fuse25, true)
		}, Works, UpgradeMadeFor, Sure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.1, and MDM allows the team", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.policy().MDM = []probe.MDMRow{{TeamID: fuseTeam, Allowed: true}}
		}, Works, UpgradeMadeFor, Sure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.1, and the policy was not read", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.snap.Policy = nil
		}, NotKnown, UpgradePolicyUnread, Unsure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.0: no extension for that macOS", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23)
			s.row(fuseTeam, fuse23, true)
		}, NeedsNewer, UpgradeNewerRelease, Sure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.0, and the disk was not read", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23)
			s.row(fuseTeam, fuse23, true)
			s.snap.Gaps = []probe.Gap{probe.NewGap(probe.FactKextsOnDisk, errors.New("permission denied"), "")}
		}, NotKnown, UpgradeDiskUnread, Unsure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE 5.0 is loaded on macOS 26, which the table does not name", "26.2", "26.3", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23)
			s.row(fuseTeam, fuse23, true)
			s.running(fuse23, "1.0")
		}, NotKnown, UpgradeContradicted, Unsure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"macFUSE, within one extension", "14.7.2", "15.2", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse23, true)
		}, Works, UpgradeMadeFor, Sure, "macFUSE issue 1113 on GitHub"},
		{"macFUSE on a macOS that is newer than the table", "26.2", "27", probe.AppleSilicon, fuseTeam, func(s *macStory) {
			s.fuses(fuse23, fuse25)
			s.row(fuseTeam, fuse25, true)
		}, NotKnown, UpgradeAfterTable, Unsure, "macFUSE issues 1108 and 1158 on GitHub"},
		{"FUSE for macOS is an older release of macFUSE", "10.15.7", "11", probe.Intel, fuseTeam, func(s *macStory) {
			s.kext(fuseTeam, "com.github.osxfuse.filesystems.osxfuse", "/Library/Filesystems/osxfuse.fs/Contents/Extensions/10.11/osxfuse.kext", probe.Intel)
		}, NeedsNewer, UpgradeNewerRelease, Sure, "macFUSE issues 779 and 828 on GitHub"},
		{"the old FUSE beside the new one", "10.15.7", "13", probe.Intel, fuseTeam, func(s *macStory) {
			s.kext(fuseTeam, "com.github.osxfuse.filesystems.osxfuse", "/Library/Filesystems/osxfuse.fs/Contents/Extensions/10.11/osxfuse.kext", probe.Intel)
			s.fuses("io.macfuse.filesystems.macfuse")
			s.row(fuseTeam, "io.macfuse.filesystems.macfuse", true)
		}, Works, UpgradeMadeFor, Sure, "macFUSE issues 779 and 828 on GitHub"},
		{"another extension of a known team", "15.7.2", "26", probe.AppleSilicon, fuseTeam, func(s *macStory) { s.driver(fuseTeam, "com.example.other", both...) },
			NotKnown, UpgradeNoEntry, Unsure, ""},

		{"FireWire", "15.7.2", "26", probe.Intel, driverTeam, func(s *macStory) {
			s.driver(driverTeam, driverID, both...).Libraries = []string{"com.apple.kpi.libkern", "com.apple.iokit.IOFireWireFamily"}
		}, NotLoadable, UpgradeNoFireWire, Sure, "listings of the kernel extensions of macOS 26.6"},
		{"FireWire, before macOS 26", "14.7.2", "15", probe.Intel, driverTeam, func(s *macStory) {
			s.driver(driverTeam, driverID, both...).Libraries = []string{"com.apple.iokit.IOFireWireFamily"}
		}, NotKnown, UpgradeNoEntry, Unsure, ""},
		{"MOTU, whose folder only root can read", "15.7.2", "26", probe.AppleSilicon, motuTeam, func(s *macStory) { s.driver(motuTeam, motuID).Unread = true },
			NotLoadable, UpgradeMadeForOlder, Likely, "a listing of the kernel extensions of macOS 26.6"},
		{"MOTU, before macOS 26", "14.7.2", "15.2", probe.AppleSilicon, motuTeam, func(s *macStory) { s.driver(motuTeam, motuID).Unread = true },
			Works, UpgradeMadeFor, Sure, "a listing of the kernel extensions of macOS 26.6"},

		{"no code for Apple silicon", "26.2", "27", probe.AppleSilicon, driverTeam, func(s *macStory) { s.driver(driverTeam, driverID, probe.Intel) },
			NotLoadable, UpgradeNoCode, Sure, "the code of the extension on this disk"},
		{"no code for Apple silicon, seen from Intel", "26.2", "27.1", probe.Intel, driverTeam, func(s *macStory) { s.driver(driverTeam, driverID, probe.Intel) },
			NotLoadable, UpgradeNoCode, Sure, "the code of the extension on this disk"},
		{"no code for Apple silicon, on Intel", "15.7.2", "26", probe.Intel, driverTeam, func(s *macStory) { s.driver(driverTeam, driverID, probe.Intel) },
			NotKnown, UpgradeNoEntry, Unsure, ""},
		{"no code for Apple silicon, and the processor is not known", "15.7.2", "26", "", driverTeam, func(s *macStory) { s.driver(driverTeam, driverID, probe.Intel) },
			NotKnown, UpgradeNoEntry, Unsure, ""},
		{"no code, and one for both elsewhere", "26.2", "27", probe.AppleSilicon, driverTeam, func(s *macStory) {
			s.driver(driverTeam, driverID, probe.Intel)
			s.kext(driverTeam, driverID, "/Applications/Other.app/Contents/driver.kext", both...)
		}, NotKnown, UpgradeNoEntry, Unsure, ""},
		{"code that was not read", "26.2", "27", probe.AppleSilicon, driverTeam, func(s *macStory) { s.driver(driverTeam, driverID) },
			NotKnown, UpgradeNoEntry, Unsure, ""},
		{"code that was not read, and the table says Intel", "26.2", "27", probe.AppleSilicon, boxTeam, func(s *macStory) { s.driver(boxTeam, boxID) },
			NotLoadable, UpgradeOtherProcessor, Sure, "the change log of VirtualBox 7.0"},
		{"the table says Intel, and the disk both", "26.2", "27", probe.AppleSilicon, boxTeam, func(s *macStory) { s.driver(boxTeam, boxID, both...) },
			NotKnown, UpgradeNoEntry, Unsure, "the change log of VirtualBox 7.0"},

		{"made for an older macOS", "10.15.7", "11", probe.Intel, ciscoTeam, func(s *macStory) { s.driver(ciscoTeam, ciscoID, probe.Intel) },
			NotLoadable, UpgradeMadeForOlder, Likely, mondoo},
		{"made for an older macOS, and loaded on this one", "11.7.10", "12", probe.Intel, ciscoTeam, func(s *macStory) {
			s.driver(ciscoTeam, ciscoID, probe.Intel)
			s.running(ciscoID, "1.0")
		}, NotKnown, UpgradeContradicted, Unsure, mondoo},
		{"up to 10.15, a number after the point is a release", "10.14.6", "10.15", probe.Intel, ciscoTeam, func(s *macStory) { s.driver(ciscoTeam, ciscoID, probe.Intel) },
			Works, UpgradeMadeFor, Sure, mondoo},
		{"a guess", "10.15.7", "11", probe.Intel, "", func(s *macStory) { s.driver("", "com.wch.usbserial", probe.Intel) },
			NotKnown, UpgradeUnsureEntry, Unsure, "public reports"},
		{"a guess about the processor", "26.2", "27", probe.AppleSilicon, "", func(s *macStory) { s.driver("", "com.Areca.ArcMSR") },
			NotKnown, UpgradeUnsureEntry, Unsure, kextTools},
		{"a row without a newest macOS", "26.2", "27", probe.AppleSilicon, zfsTeam, func(s *macStory) {
			s.driver(zfsTeam, zfsID, both...)
			s.row(zfsTeam, zfsID, true)
			s.running(zfsID, "1.0")
		}, NotKnown, UpgradeNoEntry, Unsure, "openzfsonosx/openzfs-fork issue 35 on GitHub"},
		{"nobody knows it", "15.7.2", "26", probe.Intel, driverTeam, func(s *macStory) { s.driver(driverTeam, driverID, both...) },
			NotKnown, UpgradeNoEntry, Unsure, ""},

		{"left over: only a row", "26.2", "27", probe.AppleSilicon, driverTeam, func(s *macStory) { s.row(driverTeam, driverID, true) }, "", "", "", ""},
		{"left over, beside one on the disk", "26.2", "27", probe.AppleSilicon, driverTeam, func(s *macStory) {
			s.row(driverTeam, "com.example.removed", true)
			s.driver(driverTeam, driverID, both...)
		}, NotKnown, UpgradeNoEntry, Unsure, ""},
		{"part of macOS", "26.2", "27", probe.AppleSilicon, "DX6G69M9N2", func(s *macStory) {
			s.kext("DX6G69M9N2", "com.highpoint-tech.kext.HighPointRR", "/Library/Extensions/HighPointRR.kext", probe.Intel)
		}, "", "", "", ""},
		{"two extensions of a team, the worst counts", "15.7.2", "26", probe.Intel, driverTeam, func(s *macStory) {
			s.driver(driverTeam, "com.example.a", both...)
			s.kext(driverTeam, driverID, "/Library/Extensions/b.kext", both...).Libraries = []string{"com.apple.iokit.IOFireWireFamily"}
		}, NotLoadable, UpgradeNoFireWire, Sure, "listings of the kernel extensions of macOS 26.6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.from)
			s.uninstall()
			s.snap.Mac.Arch = tt.arch
			tt.mac(s)
			_, f := s.upgrade(tt.to, tt.team)
			if f.Result != tt.want || f.Rule != tt.rule || f.Confidence != tt.confidence || f.Source != tt.source {
				t.Errorf("%s by %s, %s (%s); want %s by %s, %s (%s)", f.Result, f.Rule, f.Confidence, f.Source, tt.want, tt.rule, tt.confidence, tt.source)
			}
		})
	}
}

// The version of Parallels Desktop decides, whatever it needs its extensions for.
func TestUpgradeOfParallels(t *testing.T) {
	guess := Table{[]Row{{Major: 26, MaxMacOS: "27", Confidence: Unsure}}}
	for _, tt := range []struct {
		name, from, to string
		arch           probe.Arch
		version        string
		mac            func(s *macStory)
		want           UpgradeResult
		rule           UpgradeRule
		confidence     Confidence
	}{
		{"made for it", "15.7.2", "26", probe.Intel, "26.1.0", nil, Works, UpgradeAppFits, Sure},
		{"made for an older one", "15.7.2", "26", probe.Intel, "20.1.0", nil, NeedsNewer, UpgradeAppOlder, Likely},
		{"Apple silicon, where it has no extensions", "26.2", "27", probe.AppleSilicon, "26.1.0", func(s *macStory) { s.snap.Kexts = nil }, NeedsNewer, UpgradeAppOlder, Sure},
		{"Apple silicon, the newest", "26.2", "27", probe.AppleSilicon, "27.0.2", nil, Works, UpgradeAppFits, Likely},
		{"Apple silicon, extensions of Intel that are left over", "26.2", "27", probe.AppleSilicon, "27.0.2", func(s *macStory) {
			for i := range s.snap.Kexts {
				s.snap.Kexts[i].Code = []probe.Arch{probe.Intel}
			}
		}, Works, UpgradeAppFits, Likely},
		{"all machines use Apple's hypervisor", "12.7.6", "13", probe.Intel, "17.1.7", func(s *macStory) { s.vms(vm("Windows", probe.AppleHypervisor)) }, NeedsNewer, UpgradeAppOlder, Likely},
		{"no row", "15.7.2", "26", probe.Intel, "22.0.0", nil, NotKnown, UpgradeNoEntry, Unsure},
		{"an unsure row for it", "26.2", "27", probe.AppleSilicon, "26.1.0", func(s *macStory) { s.settings.Compat = guess }, NotKnown, UpgradeUnsureEntry, Unsure},
		{"an unsure row for an older one", "26.2", "28", probe.AppleSilicon, "26.1.0", func(s *macStory) { s.settings.Compat = guess }, NotKnown, UpgradeUnsureEntry, Unsure},
		{"for the other processor", "15.7.2", "26", probe.Intel, "27.0.2", nil, NotKnown, UpgradeNoEntry, Unsure},
		{"its version was not read", "15.7.2", "26", probe.Intel, "", nil, NotKnown, UpgradeAppUnread, Unsure},
		{"whether it is installed was not read", "15.7.2", "26", probe.Intel, "26.1.0", func(s *macStory) {
			s.snap.Apps = nil
			s.snap.Gaps = []probe.Gap{probe.NewGap(probe.FactParallels, errors.New("permission denied"), "")}
		}, NotKnown, UpgradeAppUnread, Unsure},
		{"not installed", "15.7.2", "26", probe.Intel, "26.1.0", (*macStory).uninstall, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.from)
			s.settings = DefaultSettings()
			s.snap.Mac.Arch = tt.arch
			s.install(tt.version, "1")
			if tt.mac != nil {
				tt.mac(s)
			}
			_, f := s.upgrade(tt.to, probe.ParallelsTeamID)
			if f.Result != tt.want || f.Rule != tt.rule || f.Confidence != tt.confidence {
				t.Errorf("%s by %s, %s; want %s by %s, %s", f.Result, f.Rule, f.Confidence, tt.want, tt.rule, tt.confidence)
			}
		})
	}
}

// macOS 27 runs on Apple silicon only.
func TestUpgradeThatThisMacCannotRun(t *testing.T) {
	for _, tt := range []struct {
		arch probe.Arch
		to   string
		want bool
	}{
		{probe.Intel, "26", false}, {probe.Intel, "27", true}, {probe.Intel, "28.1", true},
		{probe.AppleSilicon, "27", false}, {"", "27", false},
	} {
		s := newStory(t, "26.2")
		s.uninstall()
		s.snap.Mac.Arch = tt.arch
		if u, _ := s.upgrade(tt.to, ""); u.CannotRun != tt.want || u.NeedsAction() != tt.want {
			t.Errorf("macOS %s on %q: cannot run %v, needs action %v; want %v", tt.to, tt.arch, u.CannotRun, u.NeedsAction(), tt.want)
		}
	}
}

// The worst product comes first, and names the extensions that it is about.
func TestUpgradeOrder(t *testing.T) {
	s := newStory(t, "15.7.2")
	s.settings = DefaultSettings()
	s.install("26.1.0", "1")
	s.fuses(fuse23, fuse25)
	s.driver(zfsTeam, zfsID, both...)
	s.kext(motuTeam, motuID, "/Library/Extensions/MOTUFireWireAudio.kext")
	u, f := s.upgrade("26", fuseTeam)
	var got []UpgradeResult
	for _, f := range u.Findings {
		got = append(got, f.Result)
	}
	if want := []UpgradeResult{NotLoadable, NeedsApproval, NotKnown, Works}; !slices.Equal(got, want) {
		t.Errorf("results %q, want %q", got, want)
	}
	if !slices.Equal(f.Kexts, []string{fuse25}) {
		t.Errorf("macFUSE: %q, want the extension for macOS 26", f.Kexts)
	}
	if !u.NeedsAction() || u.Known() {
		t.Errorf("needs action %v, known %v; want action, and not all known", u.NeedsAction(), u.Known())
	}
}

// A finding names all extensions that it is about, and only those.
func TestUpgradeNamesExtensions(t *testing.T) {
	s := newStory(t, "15.7.2")
	s.uninstall()
	for _, name := range []string{"a", "b", "c"} {
		s.kext(driverTeam, "com.example."+name, "/Library/Extensions/"+name+".kext", both...)
	}
	s.snap.Kexts[0].Libraries, s.snap.Kexts[2].Libraries = []string{fireWire}, []string{fireWire}
	s.running("com.example.c", "1.0")
	_, f := s.upgrade("26", driverTeam)
	if want := []string{"com.example.a", "com.example.c"}; !slices.Equal(f.Kexts, want) || !f.InUse {
		t.Errorf("%q, in use %v; want %q, in use", f.Kexts, f.InUse, want)
	}
}

// A person is warned about what works now and needs something then: not about what did
// not load before, what was never approved, or what is ignored.
func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		arch           probe.Arch
		mac            func(s *macStory)
		want           []UpgradeResult
	}{
		{"another approval", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) { s.fuses(fuse23, fuse25); s.row(fuseTeam, fuse23, true) }, []UpgradeResult{NeedsApproval}},
		{"it is loaded, and the policy does not list it", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) { s.fuses(fuse23, fuse25); s.running(fuse23, "1.0") }, []UpgradeResult{NeedsApproval}},
		{"never approved", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) { s.fuses(fuse23, fuse25) }, nil},
		{"a newer version", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) { s.fuses(fuse23) }, []UpgradeResult{NeedsNewer}},
		{"FireWire", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) { s.driver(motuTeam, motuID).Unread = true }, []UpgradeResult{NotLoadable}},
		{"FireWire, one by one", "14.7.2", "15.0", probe.AppleSilicon, func(s *macStory) { s.driver(motuTeam, motuID).Unread = true }, nil},
		{"it did not load before either", "26.2", "27.0", probe.AppleSilicon, func(s *macStory) { s.driver(driverTeam, driverID, probe.Intel) }, nil},
		{"not known", "26.2", "27.0", probe.AppleSilicon, func(s *macStory) { s.driver(zfsTeam, zfsID, both...) }, nil},
		{"no developer", "15.7.2", "26.0", probe.Intel, func(s *macStory) { s.driver("", driverID).Libraries = []string{fireWire} }, nil},
		{"ignored", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) {
			s.driver(motuTeam, motuID).Unread = true
			s.settings.Vendors.Ignore = []string{motuTeam}
		}, nil},
		{"only Parallels is watched", "15.7.2", "26.0", probe.AppleSilicon, func(s *macStory) {
			s.driver(motuTeam, motuID).Unread = true
			s.settings.Vendors = Vendors{Teams: []string{probe.ParallelsTeamID}}
		}, nil},
		{"an update within one release", "15.1", "15.7.2", probe.AppleSilicon, func(s *macStory) { s.fuses("io.macfuse.filesystems.macfuse") }, nil},
		{"an older macOS", "26.2", "15.7.2", probe.AppleSilicon, func(s *macStory) { s.fuses(fuse25) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.from)
			s.uninstall()
			s.snap.Mac.Arch = tt.arch
			tt.mac(s)
			status, _ := s.settings.Assess(s.mem, s.snap, at(45))
			var got []UpgradeResult
			for _, f := range status.Warnings(probe.OSVersion{Version: tt.to}) {
				got = append(got, f.Result)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("warned about %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseMacOS(t *testing.T) {
	for _, text := range []string{"27", "26.3", "26.3.1", "10.15", "10.15.7", "11", "15.0", "30"} {
		if os, ok := ParseMacOS(text); !ok || os.Version != text {
			t.Errorf("%q is %+v, %v", text, os, ok)
		}
	}
	for _, text := range []string{"", "10", "9", "16", "25.1", "0", "026", "26.03", "26.", ".3", "26.3.1.1", "-27", "+27", "27 ", "macOS 27", "Tahoe", "1e2", "９", "1000", "27\n"} {
		if os, ok := ParseMacOS(text); ok {
			t.Errorf("%q is %+v, want none", text, os)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, tt := range []struct {
		named, os string
		want      bool
	}{
		{"15", "26.2", true}, {"26", "26.2", false}, {"26.1", "26.2", true}, {"26.2", "26.2", false}, {"26.2", "26.2.1", false}, {"26.2.0", "26.2.1", true},
		{"27", "26.2", false}, {"10.15", "10.15.7", false}, {"10.14", "10.15.7", true}, {"11", "10.15.7", false}, {"26.10", "26.9", false}, {"26.3.1", "26.3", false}, {"15", "", false},
	} {
		if got := Older(probe.OSVersion{Version: tt.named}, probe.OSVersion{Version: tt.os}); got != tt.want {
			t.Errorf("%s is older than %s: %v, want %v", tt.named, tt.os, got, tt.want)
		}
	}
}

func TestNewestOffer(t *testing.T) {
	for _, tt := range []struct {
		os     string
		offers []string
		want   string
	}{
		{"26.2", nil, ""}, {"26.2", []string{"26.3", "27.0", "26.2.1"}, "27.0"}, {"26.9", []string{"26.10"}, "26.10"}, {"26.2", []string{"26.2", "15.7.3"}, ""},
		{"10.15.6", []string{"10.15.7", "11.7.10"}, "11.7.10"},
	} {
		st := Status{Mac: probe.Mac{OS: probe.OSVersion{Version: tt.os}}}
		for _, version := range tt.offers {
			st.Facts.Updates.Offered = append(st.Facts.Updates.Offered, probe.Offer{Version: version})
		}
		if got, ok := st.NewestOffer(); ok != (tt.want != "") || ok && got.Version != tt.want {
			t.Errorf("macOS %s, offers %q: %s, %v; want %q", tt.os, tt.offers, got, ok, tt.want)
		}
	}
}

func FuzzParseMacOS(f *testing.F) {
	for _, text := range []string{"27", "10.15.7", "26.3.1.1", "\x1b[31m", "99999999999999999999", "२७"} {
		f.Add(text)
	}
	hostile.Fuzz(f, func(t *testing.T, text string) {
		os, ok := ParseMacOS(text)
		if ok && (os.Major() < 10 || len(text) > 11 || Older(os, os)) {
			t.Errorf("%q is %+v", text, os)
		}
	})
}

// A check of an update is complete only if each result is known.
func TestUpgradeKnown(t *testing.T) {
	for _, tc := range []struct {
		results []UpgradeResult
		want    bool
	}{
		{nil, true},
		{[]UpgradeResult{Works, NeedsNewer}, true},
		{[]UpgradeResult{Works, NotKnown}, false},
		{[]UpgradeResult{NotKnown}, false},
	} {
		var u Upgrade
		for _, r := range tc.results {
			u.Findings = append(u.Findings, Finding{Result: r})
		}
		if got := u.Known(); got != tc.want {
			t.Errorf("%v: known is %v", tc.results, got)
		}
	}
}

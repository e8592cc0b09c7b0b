package approval

import (
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
)

const (
	fuseTeam = "3T5GSNBU6W"
	fuse23   = "io.macfuse.filesystems.macfuse.23"
	fuse25   = "io.macfuse.filesystems.macfuse.25"
	fusePath = "/Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext"
)

// fuse turns the Mac into one with Apple silicon, Reduced Security and macFUSE, which
// is watched in full, and without Parallels.
func (s *macStory) fuse() {
	s.uninstall()
	s.settings.Vendors = Vendors{All: true}
	s.snap.Mac.OS = probe.OSVersion{Version: "26.2", Build: "25C56"}
	s.snap.Mac.Arch = probe.AppleSilicon
	s.snap.Boot = probe.Boot{Security: probe.ReducedSecurity, UserKexts: probe.Yes, MDMKexts: probe.No, External: probe.No, Virtual: probe.No}
	s.snap.Kexts = []probe.Kext{{BundleID: fuse25, TeamID: fuseTeam, Path: fusePath, Version: "5.1.3", Code: []probe.Arch{probe.Intel, probe.AppleSilicon}}}
}

// fuseRow sets the row of macFUSE and the time of its last attempt.
func (s *macStory) fuseRow(allowed bool, seen time.Time) {
	s.policy().Rows = []probe.PolicyRow{{TeamID: fuseTeam, BundleID: fuse25, Allowed: allowed, Developer: "Benjamin Fleischer"}}
	s.policy().History = []probe.LoadRecord{{TeamID: fuseTeam, BundleID: fuse25, Path: fusePath, LastSeen: seen}}
}

// A click on Allow does not help everywhere. These verdicts belong to what macOS blocks,
// or does not load although it is allowed.
func TestBootPolicy(t *testing.T) {
	blocked := func(s *macStory) { s.fuseRow(false, at(40)) }
	refused := func(s *macStory) {
		blocked(s)
		s.snap.Attempts = []probe.Attempt{{At: at(40), TeamID: fuseTeam, BundleID: fuse25, From: probe.FromLog, Outcome: probe.Refused}}
	}
	allowedBefore := func(s *macStory) {
		s.fuseRow(true, at(-600))
		_, s.mem = s.settings.Assess(s.mem, s.snap, at(30))
		refused(s)
		s.fuseRow(true, at(40))
	}
	full := func(s *macStory) { s.snap.Boot.Security, s.snap.Boot.UserKexts = probe.FullSecurity, probe.No }
	tests := []struct {
		name string
		mac  []func(s *macStory)
		want Verdict
		rule Rule // that fired; empty: none of bars
	}{
		{"Reduced Security with user management", []func(s *macStory){blocked}, BlockedOpen, ""},
		{"Full Security", []func(s *macStory){blocked, full}, NeedsRecovery, RuleBootPolicy},
		{"Full Security, users unknown", []func(s *macStory){blocked, full, func(s *macStory) { s.snap.Boot.UserKexts = "" }}, NeedsRecovery, RuleBootPolicy},
		{"Reduced Security without user management", []func(s *macStory){blocked, func(s *macStory) { s.snap.Boot.UserKexts = probe.No }}, NeedsRecovery, RuleBootPolicy},
		{"Permissive Security without user management", []func(s *macStory){blocked, func(s *macStory) {
			s.snap.Boot.Security, s.snap.Boot.UserKexts = probe.PermissiveSecurity, probe.No
		}}, NeedsRecovery, RuleBootPolicy},
		{"Full Security, managed by MDM", []func(s *macStory){blocked, full, func(s *macStory) { s.snap.Boot.MDMKexts = probe.Yes }}, Managed, RuleBootManaged},
		{"the boot policy is not known", []func(s *macStory){blocked, func(s *macStory) { s.snap.Boot = probe.Boot{} }}, BlockedOpen, ""},
		{"only the users are known", []func(s *macStory){blocked, func(s *macStory) { s.snap.Boot = probe.Boot{UserKexts: probe.No} }}, BlockedOpen, ""},
		{"an Intel Mac", []func(s *macStory){blocked, full, func(s *macStory) { s.snap.Mac.Arch = probe.Intel }}, BlockedOpen, ""},
		{"the processor is not known", []func(s *macStory){blocked, full, func(s *macStory) { s.snap.Mac.Arch = "" }}, BlockedOpen, ""},
		{"no source, and the log refuses", []func(s *macStory){refused, full, func(s *macStory) { s.snap.Policy = nil }}, NeedsRecovery, RuleBootPolicy},
		{"MDM allows it", []func(s *macStory){blocked, full, func(s *macStory) { s.policy().MDM = []probe.MDMRow{{TeamID: fuseTeam, Allowed: true}} }}, Approved, ""},
		{"loaded", []func(s *macStory){blocked, full, func(s *macStory) {
			s.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: fuse25, Version: "5.1.3"}}
		}}, Approved, ""},
		{"allowed, and nothing proves that it does not load", []func(s *macStory){func(s *macStory) { s.fuseRow(true, at(40)) }, full}, Approved, ""},
		{"allowed before, and refused since", []func(s *macStory){allowedBefore, full}, NeedsRecovery, RuleBootPolicy},

		{"external disk, no refusal", []func(s *macStory){blocked, func(s *macStory) { s.snap.Boot.External = probe.Yes }}, BlockedOpen, ""},
		{"external disk, refused", []func(s *macStory){refused, func(s *macStory) { s.snap.Boot.External = probe.Yes }}, CannotLoad, RuleExternalDisk},
		{"external disk, allowed and refused", []func(s *macStory){allowedBefore, func(s *macStory) { s.snap.Boot.External = probe.Yes }}, CannotLoad, RuleExternalDisk},
		{"virtual machine, no refusal", []func(s *macStory){blocked, func(s *macStory) { s.snap.Boot.Virtual = probe.Yes }}, BlockedOpen, ""},
		{"virtual machine, refused", []func(s *macStory){refused, func(s *macStory) { s.snap.Boot.Virtual = probe.Yes }}, CannotLoad, RuleVirtualMac},
		{"external disk on Intel", []func(s *macStory){refused, func(s *macStory) { s.snap.Boot.External, s.snap.Mac.Arch = probe.Yes, probe.Intel }}, BlockedOpen, ""},

		{"unsigned", []func(s *macStory){blocked, func(s *macStory) {
			s.unsign()
		}}, CannotLoad, RuleUnsigned},
		{"unsigned, and loaded", []func(s *macStory){blocked, func(s *macStory) {
			s.unsign()
			s.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: fuse25, Version: "5.1.3"}}
		}}, Approved, ""},
		{"no code for this processor", []func(s *macStory){blocked, func(s *macStory) { s.snap.Kexts[0].Code = []probe.Arch{probe.Intel} }}, CannotLoad, RuleNoCode},
		{"no code, and allowed long ago", []func(s *macStory){func(s *macStory) {
			s.fuseRow(true, at(-40000))
			s.snap.Kexts[0].Code = []probe.Arch{probe.Intel}
		}}, Approved, ""},
		{"no code, allowed and tried", []func(s *macStory){func(s *macStory) {
			s.fuseRow(true, at(40))
			s.snap.Kexts[0].Code = []probe.Arch{probe.Intel}
		}}, CannotLoad, RuleNoCode},
		{"a second copy has code", []func(s *macStory){blocked, func(s *macStory) {
			s.snap.Kexts = append(s.snap.Kexts, s.snap.Kexts[0])
			s.snap.Kexts[0].Code = []probe.Arch{probe.Intel}
		}}, BlockedOpen, ""},
		{"the code was not read", []func(s *macStory){blocked, func(s *macStory) { s.snap.Kexts[0].Code = nil }}, BlockedOpen, ""},
		{"it needs FireWire", []func(s *macStory){blocked, func(s *macStory) {
			s.snap.Kexts[0].Libraries = []string{"com.apple.iokit.IOFireWireFamily", "com.apple.kpi.libkern"}
		}}, CannotLoad, RuleNoFireWire},
		{"it needs FireWire, which macOS 15 has", []func(s *macStory){blocked, func(s *macStory) {
			s.snap.Mac.OS.Version = "15.7.2"
			s.snap.Kexts[0].Libraries = []string{"com.apple.iokit.IOFireWireFamily"}
		}}, BlockedOpen, ""},

		{"a profile forbids, and Full Security", []func(s *macStory){blocked, full, func(s *macStory) {
			s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
		}}, Managed, RuleManaged},
		{"not blocked", []func(s *macStory){full}, NotAsked, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "26.2")
			s.fuse()
			for _, change := range tt.mac {
				change(s)
			}
			_, mem := s.settings.Assess(s.mem, s.snap, at(45))
			status, _ := s.settings.Assess(mem, s.snap, at(46))
			p := status.product(s.team())
			if p.Verdict != tt.want {
				t.Fatalf("verdict %s, want %s; rules %v", p.Verdict, tt.want, status.Fired)
			}
			if p.Proof != tt.rule && p.Verdict == CannotLoad {
				t.Errorf("proof %q, want %q", p.Proof, tt.rule)
			}
			if w := p.Window; tt.want != BlockedOpen && w.Open() {
				t.Errorf("a window until %s at verdict %s, want none", w.ClosesAt, p.Verdict)
			}
			for _, b := range bars {
				if fired := slices.Contains(status.Fired, Fired{b.rule, fuse25}); fired != (b.rule == tt.rule) {
					t.Errorf("rule %s fired: %v, want %q", b.rule, fired, tt.rule)
				}
			}
		})
	}
}

// team returns the team of the only row, otherwise that of macFUSE.
func (s *macStory) team() string {
	if p := s.snap.Policy; p != nil && len(p.Rows) == 1 {
		return p.Rows[0].TeamID
	}
	return fuseTeam
}

// product returns the product of a team.
func (s Status) product(teamID string) Product {
	for _, p := range s.Products {
		if p.TeamID == teamID {
			return p
		}
	}
	return Product{}
}

// The boot policy is known a moment after the window: the agent corrects what it said.
func TestTheBootPolicyIsKnownLater(t *testing.T) {
	s := newStory(t, "26.2")
	s.fuse()
	s.fuseRow(false, at(40))
	known := s.snap.Boot
	s.snap.Boot, s.snap.Pending = probe.Boot{}, true
	s.look(at(40), BlockedOpen, "window-opened!")
	s.snap.Boot, s.snap.Pending = known, false
	s.snap.Boot.Security = probe.FullSecurity
	s.look(at(40.1), NeedsRecovery, "window-closed", "needs-recovery!")
	s.look(at(41), NeedsRecovery)
}

// Only root can read the folder of MOTU's driver. upgrade-check says that it cannot be
// loaded on macOS 26, and after the upgrade status says so, too.
func TestFireWireInAFolderThatOnlyRootCanRead(t *testing.T) {
	for macOS, want := range map[string]Verdict{"15.7.2": BlockedOpen, "26.2": CannotLoad} {
		for _, unread := range []bool{true, false} {
			s := newStory(t, macOS)
			s.uninstall()
			s.settings.Vendors = Vendors{All: true}
			s.kext(motuTeam, motuID, "/Library/Extensions/MOTUFireWireAudio.kext").Unread = unread
			s.policy().Rows = []probe.PolicyRow{{TeamID: motuTeam, BundleID: motuID, Developer: "MOTU, Inc."}}
			s.policy().History = []probe.LoadRecord{{TeamID: motuTeam, BundleID: motuID, Path: "/Library/Extensions/MOTUFireWireAudio.kext", LastSeen: at(40)}}
			if !unread { // another driver may have taken its bundle ID
				want = BlockedOpen
			}
			status, _ := s.settings.Assess(s.mem, s.snap, at(45))
			if p := status.product(motuTeam); p.Verdict != want {
				t.Errorf("macOS %s, unread %v: %s, want %s; rules %v", macOS, unread, p.Verdict, want, status.Fired)
			}
		}
	}
}

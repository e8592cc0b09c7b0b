package approval

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
)

// Each reason has a Mac on which it holds, and a similar Mac on which it does not.
func TestReasons(t *testing.T) {
	blocked := func(s *macStory) {
		s.attempt(at(40), allKexts...)
		s.snap.Situation = probe.Situation{Asked: true, UID: 501, ConsoleUID: 501}
	}
	blockedFuse := func(s *macStory) { s.fuse(); s.fuseRow(false, at(40)) }
	type row struct {
		code  ReasonCode
		macOS string
		holds func(s *macStory)
		about []string
		not   func(s *macStory)
	}
	tests := []row{
		{ReasonManaged, "12.7.6", func(s *macStory) {
			blocked(s)
			s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, Name: "Fleet"}
		}, []string{"Fleet"}, blocked},
		{ReasonNotAdmin, "12.7.6", func(s *macStory) { blocked(s); s.snap.Situation.Admin = probe.No }, nil, func(s *macStory) {
			blocked(s)
			s.snap.Situation.Admin = probe.No
			s.snap.Mac.OS.Version = "10.15.7" // any user may approve there
		}},
		{ReasonNotAdmin, "12.7.6", func(s *macStory) { blocked(s); s.snap.Situation.Admin = probe.No }, nil, func(s *macStory) {
			blocked(s)
			s.snap.Situation.Admin = probe.No
			s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, NonAdminsAllow: probe.Yes}
		}},
		{ReasonNotAdmin, "26.2", func(s *macStory) {
			s.fuse()
			s.fuseRow(false, at(40))
			s.snap.Boot, s.snap.Situation.Admin = probe.Boot{Security: probe.FullSecurity}, probe.No
		}, nil, func(s *macStory) {
			s.fuse()
			s.fuseRow(false, at(40))
			s.snap.Boot, s.snap.Situation.Admin = probe.Boot{Security: probe.FullSecurity}, probe.Yes
		}},
		{ReasonOtherUser, "12.7.6", func(s *macStory) { blocked(s); s.snap.Situation.ConsoleUID = 502 }, nil, func(s *macStory) { blocked(s); s.snap.Situation.ConsoleUID = -1 }},
		{ReasonOtherUser, "12.7.6", func(s *macStory) { blocked(s); s.snap.Situation.ConsoleUID = 0 }, nil, func(s *macStory) { blocked(s); s.snap.Situation.UID = 0 }},
		{ReasonOtherUser, "12.7.6", func(s *macStory) { blocked(s); s.snap.Situation.UID, s.snap.Situation.NobodyHere = 0, true }, nil,
			func(s *macStory) { s.snap.Situation.UID, s.snap.Situation.NobodyHere = 0, true }},
		{ReasonLocked, "12.7.6", func(s *macStory) { blocked(s); s.snap.Situation.Locked = probe.Yes }, nil, blocked},
		{ReasonRemote, "10.15.7", func(s *macStory) { blocked(s); s.snap.Situation.Remote = []string{"TeamViewer"} }, []string{"TeamViewer"}, func(s *macStory) { s.snap.Situation.Remote = []string{"TeamViewer"} }},
		{ReasonInputTool, "10.15.7", func(s *macStory) { blocked(s); s.snap.Situation.InputTools = []string{"SteerMouse"} }, []string{"SteerMouse"}, blocked},
		{ReasonPaneOpen, "13.7.2", func(s *macStory) { blocked(s); s.snap.Situation.PaneOpen = probe.Yes }, nil, blocked},
		{ReasonWindowOver, "10.15.7", func(s *macStory) { s.attempt(at(5), allKexts...) }, nil, blocked},
		{ReasonUpdateAgain, "12.7.6", func(s *macStory) { s.attempt(at(5), allKexts...); s.allow(); s.load("16.5.0 49183") }, nil, blocked},
		{ReasonRestart, "12.7.6", func(s *macStory) {
			s.attempt(at(5), allKexts...)
			s.allow()
			s.policy().Rows[0].NeedsRestart = probe.Yes
		}, nil, blocked},
		{ReasonError56521, "12.7.6", func(s *macStory) { s.refuse(allKexts...); s.report(probe.FromRetry, probe.Refused, at(41), "") }, nil, func(s *macStory) {
			s.refuse(allKexts...)
			s.report(probe.FromRetry, probe.Refused, at(-41), "")
		}},
		{ReasonSystemExtension, "12.7.6", func(s *macStory) {
			s.snap.Situation.Extensions = []probe.SystemExtension{{TeamID: "W5364U7YZB", BundleID: "io.tailscale.ipn", State: "activated waiting for user"}}
		}, []string{"io.tailscale.ipn"}, func(s *macStory) {
			s.snap.Situation.Extensions = []probe.SystemExtension{{TeamID: "W5364U7YZB", BundleID: "io.tailscale.ipn", State: "activated enabled"}}
		}},
		{ReasonSIP, "10.15.7", func(s *macStory) { s.snap.Enforcement.SIP.State = probe.SIPCustom }, nil, func(s *macStory) { s.snap.Enforcement.SIP.State = probe.SIPEnabled }},
		{ReasonConsentOff, "10.15.7", func(s *macStory) { s.snap.Enforcement.Consent.Enabled = probe.No }, nil, func(s *macStory) { s.snap.Enforcement.Consent.Enabled = probe.Yes }},
		{ReasonNothingTried, "10.15.7", func(s *macStory) {}, nil, blocked},
		{ReasonNotNeeded, "12.7.6", func(s *macStory) { s.vms(vm("Windows", probe.AppleHypervisor)) }, nil, func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon }},
		{ReasonAppleSilicon, "14.7.2", func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon }, nil, func(s *macStory) {}},
		{ReasonServiceDown, "10.15.7", func(s *macStory) { s.snap.Situation.Service = probe.No }, nil, func(s *macStory) { s.snap.Situation.Service = probe.Yes }},
		{ReasonApprovalLost, "10.15.7", func(s *macStory) {
			s.attempt(at(5), allKexts...)
			s.allow()
			s.look(at(6), Approved)
			s.policy().Rows = nil
			s.look(at(44), Approved) // another read follows
		}, nil, blocked},
		{ReasonOlderLoaded, "10.15.7", func(s *macStory) { s.attempt(at(5), allKexts...); s.allow(); s.load("16.5.0 49183") }, slices.Sorted(slices.Values(allKexts)), func(s *macStory) {
			s.attempt(at(5), allKexts...)
			s.allow()
			s.load("16.5.1 49187")
		}},
		{ReasonNotSeenLoaded, "11.7.10", func(s *macStory) { s.attempt(at(5), allKexts...); s.allow() }, nil, func(s *macStory) {
			s.attempt(at(5), allKexts...)
			s.allow()
			s.snap.Collection.Known = true
			for _, id := range allKexts {
				s.snap.Collection.Kexts = append(s.snap.Collection.Kexts, probe.LoadedKext{BundleID: id, Version: "16.5.1 49187"})
			}
		}},
		{ReasonBootManaged, "26.2", func(s *macStory) {
			s.fuse()
			s.fuseRow(false, at(40))
			s.snap.Boot = probe.Boot{Security: probe.FullSecurity, MDMKexts: probe.Yes}
		}, nil, blockedFuse},
		{ReasonNeedsRecovery, "26.2", func(s *macStory) {
			s.fuse()
			s.fuseRow(false, at(40))
			s.snap.Boot = probe.Boot{Security: probe.FullSecurity}
		}, nil, blockedFuse},
		{ReasonExternalDisk, "26.2", func(s *macStory) { s.fuse(); s.fuseRow(false, at(40)); s.snap.Boot.External = probe.Yes }, nil, blockedFuse},
		{ReasonVirtualMac, "26.2", func(s *macStory) { s.fuse(); s.fuseRow(false, at(40)); s.snap.Boot.Virtual = probe.Yes }, nil, blockedFuse},
		{ReasonBootUnknown, "26.2", func(s *macStory) { s.fuse(); s.fuseRow(false, at(40)); s.snap.Boot = probe.Boot{} }, nil, blockedFuse},
		{ReasonTooOld, "13.7.2", func(s *macStory) {}, []string{"11"}, func(s *macStory) { s.install("18.3.4", "53630") }},
	}
	for _, outcome := range probe.Failures {
		tests = append(tests, row{ReasonCode(outcome), "12.7.6", func(s *macStory) {
			s.report(probe.FromLog, outcome, at(41), hypervisor)
		}, []string{hypervisor}, func(s *macStory) {
			s.report(probe.FromLog, outcome, at(-41), hypervisor) // before this boot
		}})
	}
	// Nothing keeps a click from working where there is no button to click.
	forbidden := func(s *macStory) {
		blocked(s)
		s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
	}
	for code, situation := range map[ReasonCode]func(*probe.Situation){
		ReasonNotAdmin:  func(s *probe.Situation) { s.Admin = probe.No },
		ReasonOtherUser: func(s *probe.Situation) { s.ConsoleUID = 502 },
		ReasonLocked:    func(s *probe.Situation) { s.Locked = probe.Yes },
		ReasonRemote:    func(s *probe.Situation) { s.Remote = []string{"TeamViewer"} },
		ReasonInputTool: func(s *probe.Situation) { s.InputTools = []string{"TeamViewer"} },
		ReasonPaneOpen:  func(s *probe.Situation) { s.PaneOpen = probe.Yes },
	} {
		about := map[ReasonCode][]string{ReasonRemote: {"TeamViewer"}, ReasonInputTool: {"TeamViewer"}}[code]
		tests = append(tests, row{code, "12.7.6", func(s *macStory) { blocked(s); situation(&s.snap.Situation) }, about,
			func(s *macStory) { forbidden(s); situation(&s.snap.Situation) }})
	}
	covered := map[ReasonCode]bool{}
	for _, tt := range tests {
		t.Run(string(tt.code), func(t *testing.T) {
			covered[tt.code] = true
			s := newStory(t, tt.macOS)
			tt.holds(s)
			settings := DefaultSettings()
			settings.Vendors = s.settings.Vendors
			status, _ := settings.Assess(s.mem, s.snap, at(45))
			worst, _ := status.Leading()
			i := slices.IndexFunc(worst.Reasons, func(r Reason) bool { return r.Code == tt.code })
			if i < 0 {
				t.Fatalf("reasons %v at verdict %s, want %s", worst.Reasons, status.Verdict, tt.code)
			}
			if about := worst.Reasons[i].About; !slices.Equal(about, tt.about) {
				t.Errorf("about %q, want %q", about, tt.about)
			}
			s = newStory(t, tt.macOS)
			tt.not(s)
			status, _ = s.settings.Assess(Memory{}, s.snap, at(45))
			if worst, _ = status.Leading(); worst.has(tt.code) {
				t.Errorf("the reason also holds on the other Mac: %v at verdict %s", worst.Reasons, status.Verdict)
			}
		})
	}
	for _, r := range Catalog {
		if !covered[r.Code] {
			t.Errorf("this test has no Mac for the reason %s", r.Code)
		}
	}
}

func TestTheNameOfAnUnknownVendor(t *testing.T) {
	for _, tt := range []struct{ developer, want string }{
		{"Somebody Ltd.", "Somebody Ltd."}, {"a\x1b[31mb\u202ec\n\xff", "a[31mbc"}, {"\x00", "Team AAAAAAAAAA"}, {strings.Repeat("x", 1000), strings.Repeat("x", 60)},
	} {
		s := newStory(t, "10.15.7")
		s.policy().Rows = []probe.PolicyRow{{TeamID: "AAAAAAAAAA", BundleID: "com.unknown.kext", Developer: tt.developer}}
		choice := standard
		choice.Vendors = Vendors{Teams: []string{"AAAAAAAAAA"}}
		if status, _ := choice.Assess(Memory{}, s.snap, at(1)); status.Products[0].Name != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.developer, status.Products[0].Name, tt.want)
		}
	}
}

func TestReminders(t *testing.T) {
	s := newStory(t, "10.15.7")
	chosen := standard
	chosen.Reminders = []int{10}
	s.attempt(at(2), allKexts...)
	for _, tt := range []struct {
		minute float64
		want   EventName
	}{{2, WindowOpened}, {17, ""}, {22, WindowReminder}, {31, ""}, {32, WindowClosed}} {
		var notices []Notice
		s.last, s.mem = chosen.Assess(s.mem, s.snap, at(tt.minute))
		notices, s.mem = chosen.Tell(s.mem, s.last)
		got := EventName("")
		for _, n := range notices {
			if n.Urgency != Silent {
				got = n.Event
			}
		}
		if got != tt.want {
			t.Errorf("minute %v: %q, want %q", tt.minute, got, tt.want)
		}
	}
}

// Each offered macOS that Parallels was not made for leads to one warning.
func TestStoryAMacOSIsOffered(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.settings = DefaultSettings()
	s.install("17.1.7", "51588")
	s.vms(vm("Windows", probe.ParallelsHypervisor))
	s.look(at(1), NotAsked)
	s.snap.Updates.Offered = []probe.Offer{{Name: "macOS Monterey 12.7.7", Version: "12.7.7"}}
	s.look(at(2), NotAsked)
	s.snap.Updates.Offered = []probe.Offer{{Name: "macOS Ventura 13.7.2", Version: "13.7.2"}, {Name: "macOS Sonoma 14.7.2", Version: "14.7.2"}}
	s.look(at(3), NotAsked, "macos-offered!", "macos-offered!")
	s.agentRestarts()
	s.look(at(4), NotAsked)
	s.install("18.3.4", "53630")
	s.look(at(5), NotAsked, "parallels-updated!")
	quiet := DefaultSettings()
	quiet.BeforeUpdates = false
	s.snap.Updates.Offered = []probe.Offer{{Name: "macOS Sequoia 15.2", Version: "15.2"}}
	s.last, s.mem = quiet.Assess(s.mem, s.snap, at(6))
	notices, _ := quiet.Tell(s.mem, s.last)
	if len(notices) != 1 || notices[0].Event != MacOSOffered || notices[0].Urgency != Silent {
		t.Errorf("notices %+v, want the offer recorded and no alert", notices)
	}
}

func TestUpdatesSayWhenTheyWereInstalled(t *testing.T) {
	s := newStory(t, "10.14.6")
	s.look(at(1), NotAsked)
	s.snap.Mac.OS = probe.OSVersion{Version: "10.15.7", Build: "19H2026"}
	s.snap.Updates.Installed = []probe.Installation{{At: at(-60), Version: "10.14.6"}, {At: at(30), Version: "10.15.7"}}
	s.last, s.mem = standard.Assess(s.mem, s.snap, at(40))
	notices, _ := standard.Tell(s.mem, s.last)
	if len(notices) == 0 || len(notices[0].Updates) != 1 || !notices[0].Updates[0].At.Equal(at(30)) {
		t.Errorf("notices %+v, want the time of the update", notices)
	}
	silent := standard
	silent.AfterUpdates = false
	for _, n := range first(silent.Tell(s.mem, s.last)) {
		if n.Urgency != Silent {
			t.Errorf("notices %+v, want none shown: notices after updates are off", n)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// The setting selects whose extensions are watched.
func TestVendors(t *testing.T) {
	const vmware = "EG7KH642X6"
	others := func() *macStory {
		s := newStory(t, "10.15.7")
		p := s.policy()
		p.Rows = append(p.Rows,
			probe.PolicyRow{TeamID: vmware, BundleID: "com.vmware.kext.vmnet", Developer: "VMware, Inc."},
			probe.PolicyRow{TeamID: "AAAAAAAAAA", BundleID: "com.unknown.kext", Developer: "Somebody"},
			probe.PolicyRow{TeamID: "DX6G69M9N2", BundleID: "com.highpoint-tech.kext.HighPointRR", Developer: "HighPoint", Allowed: true}, // part of macOS
		)
		p.History = append(p.History,
			probe.LoadRecord{Path: "/Applications/VMware Fusion.app/Contents/Library/kexts/vmnet.kext", TeamID: vmware, BundleID: "com.vmware.kext.vmnet", LastSeen: at(40)},
			probe.LoadRecord{Path: "/Library/Extensions/u.kext", TeamID: "AAAAAAAAAA", BundleID: "com.unknown.kext", LastSeen: at(40)},
			probe.LoadRecord{Path: "/Library/Extensions/HighPointRR.kext", TeamID: "DX6G69M9N2", BundleID: "com.highpoint-tech.kext.HighPointRR", LastSeen: at(40)},
		)
		return s
	}
	tests := []struct {
		name    string
		vendors Vendors
		want    []string
	}{
		{"auto", standard.Vendors, []string{"Somebody blocked-open", "VMware Fusion blocked-open", "Parallels Desktop not-asked"}},
		{"parallels", Vendors{Teams: []string{probe.ParallelsTeamID}}, []string{"Parallels Desktop not-asked"}},
		{"all", Vendors{All: true}, []string{"Somebody blocked-open", "VMware Fusion blocked-open", "Parallels Desktop not-asked"}},
		{"one team", Vendors{Teams: []string{vmware}}, []string{"VMware Fusion blocked-open"}},
		{"a team that is not there", Vendors{Teams: []string{"VB5E2TV963"}}, []string{"VirtualBox not-installed"}},
		{"none", Vendors{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			choice := standard
			choice.Vendors = tt.vendors
			status, _ := choice.Assess(Memory{}, others().snap, at(41).Add(time.Second))
			var got []string
			for _, p := range status.Products {
				got = append(got, p.Name+" "+string(p.Verdict))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("products %q, want %q", got, tt.want)
			}
		})
	}
}

// An external disk or a virtual machine is a reason on Apple silicon only, and where an
// extension waits, is managed, or is not loaded.
func TestWhereTheStartDiskIsAReason(t *testing.T) {
	may := map[Verdict]bool{
		BlockedOpen: true, BlockedClosed: true, BlockedUnknown: true, NotAsked: false, Managed: true, UpgradePending: true,
		LoadFailing: true, CannotLoad: true, NeedsRecovery: false, Approved: false, RestartPending: false, NotInstalled: false, Unknown: false,
	}
	for v, want := range may {
		c := reasonCase{Product{Verdict: v}, probe.Snapshot{Mac: probe.Mac{Arch: probe.AppleSilicon}}}
		if got := c.unsupported(); got != want {
			t.Errorf("%s: %v", v, got)
		}
		if c.Mac.Arch = probe.Intel; c.unsupported() {
			t.Errorf("%s: a reason on an Intel processor", v)
		}
	}
}

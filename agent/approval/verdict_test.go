package approval

import (
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
)

func TestVerdicts(t *testing.T) {
	now := at(45)
	tests := []struct {
		name  string
		macOS string
		mac   func(s *macStory)
		want  Verdict
	}{
		{"nothing asked yet", "10.15.7", func(s *macStory) {}, NotAsked},
		{"no Parallels", "10.15.7", func(s *macStory) { s.uninstall() }, NotInstalled},
		{"no Parallels and no policy", "10.15.7", func(s *macStory) { s.uninstall(); s.snap.Policy = nil }, NotInstalled},
		{"policy unreadable", "10.15.7", func(s *macStory) { s.snap.Policy = nil }, Unknown},
		{"policy unreadable, but all is loaded", "10.15.7", func(s *macStory) { s.snap.Policy = nil; s.load("16.5.1 49187") }, Approved},
		{"policy unreadable, an older version is loaded", "10.15.7", func(s *macStory) { s.snap.Policy = nil; s.load("16.5.0 49183") }, Unknown},
		{"blocked a moment ago", "10.15.7", func(s *macStory) { s.attempt(at(40), hypervisor) }, BlockedOpen},
		{"blocked long ago", "10.15.7", func(s *macStory) { s.attempt(at(10), hypervisor) }, BlockedClosed},
		{"to the second: still open", "10.15.7", func(s *macStory) { s.attempt(now.Add(-WindowLength+time.Second), hypervisor) }, BlockedOpen},
		{"to the second: over", "10.15.7", func(s *macStory) { s.attempt(now.Add(-WindowLength), hypervisor) }, BlockedClosed},
		{"blocked, no time known", "10.15.7", func(s *macStory) { s.refuse(hypervisor) }, BlockedUnknown},
		{"blocked before this start", "10.15.7", func(s *macStory) { s.attempt(at(-5), hypervisor) }, BlockedUnknown},
		{"blocked, but loaded", "10.15.7", func(s *macStory) { s.refuse(allKexts...); s.load("16.5.1 49187") }, Approved},
		{"blocked, an older version is loaded", "10.15.7", func(s *macStory) { s.refuse(allKexts...); s.load("16.5.0 49183") }, BlockedUnknown},
		{"an attempt in the future", "10.15.7", func(s *macStory) { s.attempt(now.Add(3*time.Minute), hypervisor) }, BlockedUnknown},
		{"a clock a little off", "10.15.7", func(s *macStory) { s.attempt(now.Add(time.Minute), hypervisor) }, BlockedOpen},
		{"allowed by the user", "10.15.7", func(s *macStory) { s.attempt(at(40), allKexts...); s.allow() }, Approved},
		{"allowed for the team by a profile", "10.15.7", func(s *macStory) {
			s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}}
		}, Approved},
		{"blocked row, allowed by a profile since", "10.15.7", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, BundleID: hypervisor, Allowed: true}}
		}, Approved},
		{"a profile that refuses this one", "10.15.7", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}, {TeamID: probe.ParallelsTeamID, BundleID: hypervisor}}
		}, BlockedOpen},
		{"two rows for the team, and one allows it", "10.15.7", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID}, {TeamID: probe.ParallelsTeamID, Allowed: true}}
		}, Approved},
		{"a profile for another team", "10.15.7", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			s.policy().MDM = []probe.MDMRow{{TeamID: "EG7KH642X6", Allowed: true}}
		}, BlockedOpen},
		{"one blocked among approved ones", "10.15.7", func(s *macStory) {
			s.attempt(at(1), vnic, netbridge, usbconnect)
			s.allow()
			s.attempt(at(40), hypervisor)
		}, BlockedOpen},
		{"leftover of a dropped extension", "10.15.7", func(s *macStory) {
			p := s.policy()
			p.Rows = append(p.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hidhook"})
		}, NotAsked},
		{"history alone is no block", "10.15.7", func(s *macStory) {
			p := s.policy()
			p.History = append(p.History, probe.LoadRecord{TeamID: probe.ParallelsTeamID, BundleID: hypervisor, LastSeen: at(40)})
		}, Unknown},
		{"the name without the team", "10.15.7", func(s *macStory) {
			p := s.policy()
			p.Rows = append(p.Rows, probe.PolicyRow{BundleID: hypervisor})
			p.History = append(p.History, probe.LoadRecord{BundleID: hypervisor, LastSeen: at(40)})
		}, NotAsked},
		{"a bundle ID that can be none", "10.15.7", func(s *macStory) { s.attempt(at(40), "com.parallels.kext.\x01x") }, NotAsked},
		{"a disk without its Mac", "10.15.7", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			s.snap.Mac.BootedAt, s.snap.Mac.BootSession, s.snap.Mac.Offline = time.Time{}, "", true
		}, BlockedUnknown},
		{"Apple silicon", "14.7.2", func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon }, NotNeeded},
		{"Apple silicon, policy unreadable", "14.7.2", func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon; s.snap.Policy = nil }, NotNeeded},
		{"Apple silicon, blocked long ago", "14.7.2", func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon; s.attempt(at(5), hypervisor) }, NotNeeded},
		{"Apple silicon, tried just now", "14.7.2", func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon; s.attempt(at(40), hypervisor) }, BlockedOpen},
		{"App Store edition", "12.7.6", func(s *macStory) { s.snap.Apps[0].Edition = probe.AppStore }, NotNeeded},
		{"11+: an attempt", "12.7.6", func(s *macStory) { s.attempt(at(40), hypervisor) }, BlockedOpen},
		{"11+: a scan just after the start", "12.7.6", func(s *macStory) { s.attempt(at(0.05), hypervisor) }, BlockedUnknown},
		{"10.15: an attempt just after the start", "10.15.7", func(s *macStory) { s.attempt(at(0.05), hypervisor); s.snap.Mac.BootedAt = at(30) }, BlockedUnknown},
		{"11+: a scan over several teams", "12.7.6", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			p := s.policy()
			p.History = append(p.History, probe.LoadRecord{TeamID: "DX6G69M9N2", BundleID: "com.highpoint-tech.kext.HighPointRR", LastSeen: at(40).Add(2 * time.Second)})
		}, BlockedUnknown},
		{"10.15: several teams at once is no scan", "10.15.7", func(s *macStory) {
			s.attempt(at(40), hypervisor)
			p := s.policy()
			p.History = append(p.History, probe.LoadRecord{TeamID: "DX6G69M9N2", BundleID: "com.highpoint-tech.kext.HighPointRR", LastSeen: at(40)})
		}, BlockedOpen},
		{"11+: an older version still loaded", "12.7.6", func(s *macStory) { s.attempt(at(10), allKexts...); s.allow(); s.load("16.5.0 49183") }, UpgradePending},
		{"10.15: an older version still loaded", "10.15.7", func(s *macStory) { s.attempt(at(10), allKexts...); s.allow(); s.load("16.5.0 49183") }, Approved},
		{"11+: allowed before we looked", "12.7.6", func(s *macStory) { s.attempt(at(10), allKexts...); s.allow() }, Approved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.macOS)
			tt.mac(s)
			status, _ := standard.Assess(Memory{}, s.snap, now)
			if status.Verdict != tt.want {
				t.Errorf("verdict %s, want %s; rules %v", status.Verdict, tt.want, status.Fired)
			}
		})
	}
}

// A blocked row that a good snapshot a moment ago did not have is an attempt, even
// without an entry in the load history.
func TestNewRowSinceTheLastSnapshot(t *testing.T) {
	tests := []struct {
		name string
		gap  time.Duration
		mac  func(s *macStory)
		want Verdict
		open time.Time
	}{
		{"a minute ago", time.Minute, func(s *macStory) { s.refuse(hypervisor) }, BlockedOpen, at(40)},
		{"too long ago", 2 * time.Minute, func(s *macStory) { s.refuse(hypervisor) }, BlockedUnknown, time.Time{}},
		{"the clock went back", -time.Minute, func(s *macStory) { s.refuse(hypervisor) }, BlockedUnknown, time.Time{}},
		{"last_seen between the looks", time.Minute, func(s *macStory) { s.attempt(at(40.5), hypervisor) }, BlockedOpen, at(40.5)},
		{"last_seen before them", time.Minute, func(s *macStory) { s.attempt(at(5), hypervisor) }, BlockedOpen, at(40)},
		{"another source", time.Minute, func(s *macStory) { s.refuse(hypervisor); s.snap.Policy.Source = "reader" }, BlockedUnknown, time.Time{}},
		{"not on disk, never tried by name", time.Minute, func(s *macStory) { s.refuse(hypervisor); s.snap.Kexts = nil }, BlockedOpen, at(40)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "12.7.6")
			_, mem := standard.Assess(Memory{}, s.snap, at(40))
			tt.mac(s)
			now := at(40).Add(tt.gap)
			status, mem := standard.Assess(mem, s.snap, now)
			if status.Verdict != tt.want {
				t.Fatalf("verdict %s, want %s; rules %v", status.Verdict, tt.want, status.Fired)
			}
			if tt.open.IsZero() {
				return
			}
			if w := status.Products[0].Window; !w.OpenedAt.Equal(tt.open) || w.Basis != Seen {
				t.Errorf("window %+v, want one seen to open at %v", w, tt.open)
			}
			status, _ = standard.Assess(mem, s.snap, now.Add(5*time.Minute))
			if status.Verdict != tt.want {
				t.Errorf("five minutes later %s, want %s", status.Verdict, tt.want)
			}
		})
	}
}

func TestOtherDevelopersWaitInTheSamePane(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(40), hypervisor)
	p := s.policy()
	p.Rows = append(p.Rows,
		probe.PolicyRow{TeamID: "EG7KH642X6", BundleID: "com.vmware.kext.vmnet", Developer: "VMware, Inc."},
		probe.PolicyRow{TeamID: "Z2SG5H3HC8", BundleID: "net.tunnelblick.tap", Developer: "Jonathan Bullard"},
		probe.PolicyRow{BundleID: "com.apple.nke.rvi"},
		probe.PolicyRow{TeamID: boxTeam, BundleID: boxID, Developer: "Oracle America, Inc."}, // on the disk, without a time
		probe.PolicyRow{TeamID: fuseTeam, BundleID: fuse25, Developer: "Benjamin Fleischer", Pending: probe.No},
	)
	s.snap.Kexts = append(s.snap.Kexts,
		probe.Kext{BundleID: boxID, TeamID: boxTeam, Path: boxPath, Version: "6.1.50"},
		probe.Kext{BundleID: fuse25, TeamID: fuseTeam, Path: fusePath, Version: "5.1.3"},
	)
	p.History = append(p.History, probe.LoadRecord{TeamID: "EG7KH642X6", BundleID: "com.vmware.kext.vmnet", LastSeen: at(41)})
	for _, vendors := range []Vendors{standard.Vendors, {All: true}, {Teams: []string{probe.ParallelsTeamID}}} {
		s.settings.Vendors = vendors
		status, _ := s.settings.Assess(Memory{}, s.snap, at(42))
		if want := []Developer{{boxTeam, "Oracle America, Inc."}, {"EG7KH642X6", "VMware, Inc."}}; !slices.Equal(status.OthersThan(status.Products[0]), want) {
			t.Errorf("%+v: %q also wait, want %q", vendors, status.OthersThan(status.Products[0]), want)
		}
	}
}

// The icon and the title are about the product that leads. A product that is only listed
// never does.
func TestWhichProductLeads(t *testing.T) {
	for _, tt := range []struct {
		name string
		full string // the team that is watched in full
		mac  func(s *macStory)
		want string
	}{
		{"an open window before one that is only listed", "", func(s *macStory) {
			s.place("TEAMONE", 1, at(-60*24*400))
			s.place("TEAMTWO", 1, at(30))
		}, "TEAMTWO"},
		{"the window that closes first", "TEAMTWO", func(s *macStory) {
			s.place("TEAMONE", 1, at(30))
			s.place("TEAMTWO", 1, at(31))
		}, "TEAMONE"},
		{"within a minute the one that is watched in full", "TEAMTWO", func(s *macStory) {
			s.place("TEAMONE", 1, at(30))
			s.place("TEAMTWO", 1, at(30.5))
		}, "TEAMTWO"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "10.15.7")
			s.uninstall()
			s.settings.Vendors = Vendors{Auto: true, Teams: []string{probe.ParallelsTeamID, tt.full}}
			tt.mac(s)
			status, _ := s.settings.Assess(Memory{}, s.snap, at(40))
			if lead, _ := status.Leading(); lead.TeamID != tt.want {
				t.Errorf("%s of %q leads, want %q", lead.Verdict, lead.TeamID, tt.want)
			}
		})
	}
}

func TestAssessDoesNotChangeItsArguments(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.attempt(at(2), allKexts...)
	_, mem := standard.Assess(Memory{}, s.snap, at(3))
	before, window := len(s.snap.Gaps), mem.Items
	first := window[key(probe.ParallelsTeamID, app)].Window
	standard.Assess(mem, s.snap, at(20))
	if len(s.snap.Gaps) != before || mem.Items[key(probe.ParallelsTeamID, app)].Window != first {
		t.Error("Assess changed its arguments")
	}
}

func TestNextSnapshot(t *testing.T) {
	s := newStory(t, "10.15.7")
	status, _ := standard.Assess(Memory{}, s.snap, at(1))
	if d, runs := status.Next(); runs {
		t.Errorf("without a window the next snapshot is in %v, want none", d)
	}
	s.attempt(at(2), hypervisor)
	for _, tt := range []struct {
		now  time.Time
		want time.Duration
	}{{at(2), 15 * time.Second}, {at(2).Add(50 * time.Second), 10 * time.Second}, {at(2).Add(29*time.Minute + 59*time.Second), time.Second}} {
		status, _ = standard.Assess(Memory{}, s.snap, tt.now)
		if d, runs := status.Next(); !runs || d != tt.want {
			t.Errorf("%v: next snapshot in %v (%v), want %v", tt.now, d, runs, tt.want)
		}
	}
	// Something else is due, too: the minutes that are shown do not wait for it.
	status, _ = standard.Assess(Memory{}, s.snap, at(2))
	for due, want := range map[time.Duration]time.Duration{5 * time.Second: 5 * time.Second, time.Minute: tick} {
		status.DueAt = at(2).Add(due)
		if d, runs := status.Next(); !runs || d != want {
			t.Errorf("due in %v: next snapshot in %v (%v), want %v", due, d, runs, want)
		}
	}
}

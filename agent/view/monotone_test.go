package view

import (
	"slices"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

const parallelsApp = "/Applications/Parallels Desktop.app"

// knownMac is a snapshot in which every fact is known and all is well.
func knownMac(macOS, parallels string) probe.Snapshot {
	at := opened.Add(time.Hour)
	snap := probe.Snapshot{
		Policy:  &probe.Policy{Source: probe.Database, ReadAt: at},
		Sources: []probe.Source{{Name: probe.Database, State: probe.OK}, {Name: probe.Reader, State: probe.OK}},
		Mac:     probe.Mac{OS: probe.OSVersion{Version: macOS, Build: "1A1"}, Arch: probe.Intel, BootedAt: at.Add(-10 * time.Hour), BootSession: "B00C"},
		Apps: []probe.App{{
			Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.desktop.console", Path: parallelsApp, Version: parallels, Build: "1", Edition: probe.Standard,
		}},
		Loaded:      probe.Loaded{Known: true},
		Machines:    probe.Machines{Known: true, From: "prlctl", Kextless: probe.Yes, List: []probe.VM{{Name: "Windows", Hypervisor: probe.ParallelsHypervisor, State: probe.VMStopped, Nested: probe.No}}},
		Enforcement: probe.Enforcement{SIP: probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, Consent: probe.Consent{Enabled: probe.Yes}, Profile: probe.KextProfile{Present: probe.No}},
		Situation:   probe.Situation{Asked: true, UID: 501, ConsoleUID: 501, Locked: probe.No, Admin: probe.Yes, PaneOpen: probe.No, Service: probe.Yes},
		Updates:     probe.Updates{OffersRead: true, Check: probe.Yes, Download: probe.Yes, Install: probe.No, Backup: probe.Backup{On: probe.Yes, Last: at.Add(-time.Hour)}},
	}
	for _, id := range []string{"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"} {
		path := parallelsApp + "/Contents/Library/Extensions/10.9/" + id + ".kext"
		snap.Kexts = append(snap.Kexts, probe.Kext{BundleID: id, TeamID: probe.ParallelsTeamID, Path: path, Version: parallels + " 1"})
		snap.Policy.Rows = append(snap.Policy.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: id, Allowed: true, Developer: "Parallels International GmbH"})
		snap.Policy.History = append(snap.Policy.History, probe.LoadRecord{Path: path, TeamID: probe.ParallelsTeamID, BundleID: id, LastSeen: at.Add(-9 * time.Hour)})
	}
	return snap
}

// forget removes a fact from a snapshot, as the code that reads it leaves it if it fails.
var forget = map[probe.Fact]func(*probe.Snapshot){
	factPolicy:             func(s *probe.Snapshot) { s.Policy = nil },
	probe.FactMacOSVersion: func(s *probe.Snapshot) { s.Mac.OS = probe.OSVersion{} },
	probe.FactProcessor:    func(s *probe.Snapshot) { s.Mac.Arch = "" },
	probe.FactBootTime:     func(s *probe.Snapshot) { s.Mac.BootedAt = time.Time{} },
	probe.FactBootSession:  func(s *probe.Snapshot) { s.Mac.BootSession = "" },
	probe.FactParallels:    func(s *probe.Snapshot) { s.Apps = nil },
	probe.FactKextsOnDisk: func(s *probe.Snapshot) {
		s.Kexts = slices.Clone(s.Kexts)
		for i := range s.Kexts {
			s.Kexts[i].Unread, s.Kexts[i].Version = true, ""
		}
	},
	probe.FactLoadedKexts: func(s *probe.Snapshot) { s.Loaded = probe.Loaded{} },
	probe.FactLoadHistory: func(s *probe.Snapshot) {
		if s.Policy != nil {
			p := *s.Policy
			p.History, p.HistoryErr = nil, "another form"
			s.Policy = &p
		}
	},
	probe.FactVMs:          func(s *probe.Snapshot) { s.Machines.Known, s.Machines.From, s.Machines.List = false, "", nil },
	probe.FactVMNetworking: func(s *probe.Snapshot) { s.Machines.Kextless = "" },
	probe.FactSIP:          func(s *probe.Snapshot) { s.Enforcement.SIP = probe.SIP{} },
	probe.FactConsent:      func(s *probe.Snapshot) { s.Enforcement.Consent = probe.Consent{} },
	probe.FactProfiles:     func(s *probe.Snapshot) { s.Enforcement.Profile = probe.KextProfile{} },
	probe.FactPrograms: func(s *probe.Snapshot) {
		t := &s.Situation
		t.Service, t.PaneOpen, t.Remote, t.InputTools = "", "", nil, nil
	},
	probe.FactNetwork:          func(s *probe.Snapshot) { s.Situation.Remote = nil },
	probe.FactConsoleUser:      func(s *probe.Snapshot) { s.Situation.ConsoleUID = -1 },
	probe.FactScreenLock:       func(s *probe.Snapshot) { s.Situation.Locked = "" },
	probe.FactAdmin:            func(s *probe.Snapshot) { s.Situation.Admin = "" },
	probe.FactSystemExtensions: func(s *probe.Snapshot) { s.Situation.Extensions = nil },
	probe.FactOfferedUpdates:   func(s *probe.Snapshot) { s.Updates.OffersRead, s.Updates.Offered = false, nil },
	probe.FactUpdateSettings:   func(s *probe.Snapshot) { u := &s.Updates; u.Check, u.Download, u.Install = "", "", "" },
	probe.FactBackup:           func(s *probe.Snapshot) { s.Updates.Backup = probe.Backup{} },
}

// A missing fact never makes anything better. On Macs with all kinds of problems, and
// on one where all is well, each fact is taken away: a check that was not ok does not
// become ok, and a Mac about which there is something to say does not look well.
func TestMissingFactMakesNothingBetter(t *testing.T) {
	at := opened.Add(time.Hour)
	refuse := func(s *probe.Snapshot, ago time.Duration) {
		for i := range s.Policy.Rows {
			s.Policy.Rows[i].Allowed = false
			s.Policy.History[i].LastSeen = at.Add(-ago)
		}
	}
	load := func(s *probe.Snapshot, version string) {
		for _, k := range s.Kexts {
			s.Loaded.Kexts = append(s.Loaded.Kexts, probe.LoadedKext{BundleID: k.BundleID, Version: version})
		}
	}
	macs := map[string]func(s *probe.Snapshot){
		"approved":             func(s *probe.Snapshot) {},
		"loaded":               func(s *probe.Snapshot) { load(s, s.Kexts[0].Version) },
		"older version loaded": func(s *probe.Snapshot) { load(s, "14.1.3 45485") },
		"window open":          func(s *probe.Snapshot) { refuse(s, 5*time.Minute) },
		"window closed":        func(s *probe.Snapshot) { refuse(s, time.Hour) },
		"before this boot":     func(s *probe.Snapshot) { refuse(s, 20*time.Hour) },
		"a bad moment": func(s *probe.Snapshot) {
			refuse(s, 5*time.Minute)
			t := &s.Situation
			t.ConsoleUID, t.Locked, t.Admin, t.PaneOpen, t.Service = 502, probe.Yes, probe.No, probe.Yes, probe.No
			t.Remote, t.InputTools = []string{"TeamViewer"}, []string{"SteerMouse"}
		},
		"not asked": func(s *probe.Snapshot) { s.Policy.Rows, s.Policy.History = nil, nil },
		"managed": func(s *probe.Snapshot) {
			refuse(s, 5*time.Minute)
			s.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, Name: "Fleet"}
		},
		"SIP and consent are off": func(s *probe.Snapshot) {
			s.Enforcement.SIP = probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No, KextApproval: probe.No}
			s.Enforcement.Consent.Enabled = probe.No
		},
		"restart": func(s *probe.Snapshot) {
			s.Policy.Source = probe.Framework
			for i := range s.Policy.Rows {
				s.Policy.Rows[i].NeedsRestart = probe.Yes
			}
		},
		"upgrade": func(s *probe.Snapshot) {
			s.Policy.Source = probe.Framework
			for i := range s.Policy.Rows {
				s.Policy.Rows[i].PendingUpgrade = probe.Yes
			}
		},
		"no Parallels": func(s *probe.Snapshot) { s.Apps, s.Kexts, s.Policy.Rows, s.Policy.History = nil, nil, nil, nil },
		"not needed":   func(s *probe.Snapshot) { s.Machines.List[0].Hypervisor = probe.AppleHypervisor },
		"macOS offered, installed at once, no backup": func(s *probe.Snapshot) {
			s.Updates.Offered, s.Updates.Install = []probe.Offer{{Version: "27.0"}}, probe.Yes
			s.Updates.Backup.Last = at.AddDate(0, -2, 0)
		},
		"made for an older macOS":   func(s *probe.Snapshot) { s.Apps[0].Version = "13.3.2" },
		"made for an unknown macOS": func(s *probe.Snapshot) { s.Apps[0].Version = "99.1" },
		"refused for another reason": func(s *probe.Snapshot) {
			s.Attempts = []probe.Attempt{{At: at.Add(-time.Hour), TeamID: probe.ParallelsTeamID, BundleID: s.Kexts[0].BundleID, From: probe.FromLog, Outcome: probe.Excluded}}
		},
		"no session at the screen":          func(s *probe.Snapshot) { refuse(s, time.Minute); s.Situation.UID = 0; s.Situation.Locked = "" },
		"nobody at the screen, and as root": func(s *probe.Snapshot) { refuse(s, time.Minute); s.Situation.UID, s.Situation.ConsoleUID = 0, 0 },
		"kext networking, all on Apple's one": func(s *probe.Snapshot) {
			s.Machines.List[0].Hypervisor = probe.AppleHypervisor
			s.Machines.Kextless = probe.No
		},
	}
	settings := approval.DefaultSettings()
	_, own := allWell()
	tried := 0
	for name, change := range macs {
		for _, macOS := range []string{"10.15.7", "12.7.6"} {
			mac := func() probe.Snapshot {
				snap := knownMac(macOS, "18.3.4")
				change(&snap)
				return snap
			}
			st, _ := settings.Assess(approval.Memory{}, mac(), at)
			before := Checks(st, own)
			for _, fact := range append(slices.Clone(probe.Facts), factPolicy) {
				snap := mac()
				if take := forget[fact]; take != nil {
					take(&snap)
				}
				if fact == factPolicy {
					snap.Sources = []probe.Source{{Name: probe.Database, State: probe.Denied, Reason: "denied", Next: "become root"}}
				} else {
					snap.Gaps = []probe.Gap{{Source: fact, Err: "damaged", Next: "repair it"}}
				}
				without, _ := settings.Assess(approval.Memory{}, snap, at)
				for i, check := range Checks(without, own) {
					tried++
					if check.Level == Ok && before[i].Level != Ok {
						t.Errorf("%s, macOS %s, without %q: %s was %s (%s) and is ok: %s", name, macOS, fact, check.ID, before[i].Level, before[i].Summary, check.Summary)
					}
				}
				if wasWell := Certain(st) && !st.Verdict.NeedsAction(); !wasWell && Certain(without) && !without.Verdict.NeedsAction() {
					t.Errorf("%s, macOS %s, without %q: was %s, and looks well as %s", name, macOS, fact, st.Verdict, without.Verdict)
				}
			}
		}
	}
	t.Logf("%d checks", tried)
}

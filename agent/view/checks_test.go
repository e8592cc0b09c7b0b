package view

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

var families = []string{"10.13.6", "10.15.7", "12.7.6", "14.7.2", "26.2"}

// testdata/reasons.txt shows the words of every reason on five versions of macOS.
func TestReasonWords(t *testing.T) {
	var out strings.Builder
	for _, entry := range approval.Catalog {
		before := ""
		for _, macOS := range families {
			st := statusWith(approval.BlockedOpen, macOS)
			p := st.Products[0]
			p.Made = &approval.Row{Major: 16, MaxMacOS: "11", ReleaseNotes: "https://kb.parallels.com/125053"}
			p.Need.Because = approval.RuleAppleHypervisor
			if entry.Code == approval.ReasonOlderLoaded {
				p.Items[0].Kexts[0].LoadedVersion = "14.1.3 45485"
			}
			r := withWords(approval.Reason{Code: entry.Code, Severity: entry.Severity, Check: entry.Check, About: []string{"One", "Two"}}, p, st)
			if r.Title == "" || r.Text == "" || r.Title == string(entry.Code) || r.Severity != approval.Note && r.Next == "" {
				t.Errorf("%s: a text is missing: %+v", entry.Code, r)
			}
			words := fmt.Sprintf("%s\n%s\n→ %s\n", r.Title, r.Text, r.Next)
			if words != before {
				fmt.Fprintf(&out, "=== %s (%s, %s), macOS %s\n%s\n", entry.Code, entry.Severity, entry.Check, macOS, words)
			}
			before = words
		}
	}
	golden(t, "testdata/reasons.txt", out.String())
}

// At the login window nobody can click. Root, who may ask from afar, is told so, too.
func TestNobodyAtTheScreen(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	st.Facts.Situation = probe.Situation{Asked: true, NobodyHere: true}
	st.Products[0].Reasons = []approval.Reason{{Code: approval.ReasonOtherUser, Severity: approval.Obstacle, Check: "session.console"}}
	for _, c := range Checks(st, Own{}) {
		if c.ID != "session.console" {
			continue
		}
		if c.Level != Warn || c.Summary != "Nobody is at the screen" || !strings.Contains(c.Next, "Log in at the screen") {
			t.Errorf("%+v", c)
		}
		return
	}
	t.Error("no check of the screen")
}

// Scripts rely on these IDs and their order.
var checkIDs = strings.Fields(`policy.source policy.reader parallels.installed parallels.version parallels.needed parallels.asked
	parallels.loaded parallels.service restart window kexts.others macos.version macos.update-offered macos.auto-update backup.recent sip kext-consent
	mdm.kext-policy boot.policy boot.volume system-extensions session.console session.locked session.remote session.input-tools session.admin settings.pane-open
	settings.valid agent.installed agent.running notifications tray`)

// allWell is a Mac on which every check is ok.
func allWell() (approval.Status, Own) {
	st := statusWith(approval.Approved, "12.7.6")
	st.Products[0].Loaded = true
	st.Products[0].Made = &approval.Row{Major: 17, MaxMacOS: "12"}
	st.Products[0].Need = approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor}
	st.Sources = append(st.Sources, probe.Source{Name: probe.Reader, State: probe.OK})
	st.Facts = probe.Snapshot{
		Loaded:      probe.Loaded{Known: true},
		Enforcement: probe.Enforcement{SIP: probe.SIP{State: probe.SIPEnabled}, Consent: probe.Consent{Enabled: probe.Yes}, Profile: probe.KextProfile{Present: probe.No}},
		Situation:   probe.Situation{Asked: true, ExtensionsAsked: true, UID: 501, ConsoleUID: 501, Locked: probe.No, Admin: probe.Yes, PaneOpen: probe.No, Service: probe.Yes},
		Updates:     probe.Updates{OffersRead: true, Install: probe.No, Backup: probe.Backup{On: probe.Yes, Last: st.At.Add(-time.Hour)}},
	}
	return st, Own{AtLogin: probe.LoginJob{State: probe.LoginReady, Program: "/Applications/Kextwatch.app/Contents/MacOS/kextwatch"}, Running: probe.Yes, SettingsRead: true, NotifyKnown: true, Reader: probe.ReaderInstallation{State: probe.ReaderSound}}
}

// silicon is allWell on Apple silicon.
func silicon() (approval.Status, Own) {
	st, own := allWell()
	st.Mac.Arch = probe.AppleSilicon
	st.Facts.Boot = probe.Boot{Security: probe.ReducedSecurity, UserKexts: probe.Yes, MDMKexts: probe.No, External: probe.No, Virtual: probe.No}
	return st, own
}

func TestChecks(t *testing.T) {
	tests := []struct {
		name string
		mac  func(st *approval.Status, own *Own)
		want map[string]Level // all else is well
	}{
		{"all well", func(*approval.Status, *Own) {}, nil},
		{"blocked, in a bad moment", func(st *approval.Status, own *Own) {
			*st = statusWith(approval.BlockedOpen, "12.7.6")
			st.Facts = probe.Snapshot{
				Loaded:    probe.Loaded{Known: true},
				Situation: probe.Situation{Asked: true, ExtensionsAsked: true, UID: 501, ConsoleUID: 502, Locked: probe.Yes, Admin: probe.No, PaneOpen: probe.Yes, Remote: []string{"TeamViewer"}, InputTools: []string{"SteerMouse"}, Service: probe.No},
			}
			for _, code := range []approval.ReasonCode{approval.ReasonNotAdmin, approval.ReasonOtherUser, approval.ReasonLocked, approval.ReasonRemote, approval.ReasonInputTool, approval.ReasonPaneOpen} {
				st.Products[0].Reasons = append(st.Products[0].Reasons, approval.Reason{Code: code, Severity: approval.Obstacle, About: []string{"Something"}})
			}
			*own = Own{AtLogin: probe.LoginJob{State: probe.LoginAbsent}, Running: probe.No, SettingsRead: true, Settings: []string{"Reminders: not a list"}, Notifications: "no service", Tray: "no display", Reader: probe.ReaderInstallation{State: probe.ReaderAbsent}}
		}, map[string]Level{
			"parallels.version": Unsure, "parallels.needed": Unsure, "parallels.asked": Fail, "parallels.loaded": Warn, "window": Fail,
			"macos.update-offered": Unsure, "macos.auto-update": Unsure, "backup.recent": Unsure, "sip": Unsure, "kext-consent": Unsure, "mdm.kext-policy": Unsure,
			"session.console": Warn, "session.locked": Warn, "session.remote": Warn, "session.input-tools": Warn, "session.admin": Warn, "settings.pane-open": Warn,
			"settings.valid": Warn, "agent.installed": Warn, "agent.running": Warn, "notifications": Warn, "tray": Warn,
		}},
		{"mistyped settings", func(_ *approval.Status, own *Own) {
			own.UnknownKeys = []UnknownKey{{"IgnoreVendor", "/Users/me/Library/Preferences/io.kextwatch.agent.plist", "IgnoreVendors"}, {"Shout", "/Library/Managed Preferences/io.kextwatch.agent.plist", ""}}
		}, map[string]Level{"settings.valid": Warn}},
		{"a mistyped setting", func(_ *approval.Status, own *Own) {
			own.UnknownKeys = []UnknownKey{{"IgnoreVendor", "/Users/me/Library/Preferences/io.kextwatch.agent.plist", "IgnoreVendors"}}
		}, map[string]Level{"settings.valid": Warn}},
		{"a file of other settings", func(_ *approval.Status, own *Own) {
			for i := range 1000 {
				own.UnknownKeys = append(own.UnknownKeys, UnknownKey{Key: fmt.Sprint("Key", i), File: "/Users/me/Library/Preferences/io.kextwatch.agent.plist"})
			}
		}, map[string]Level{"settings.valid": Warn}},
		{"mistyped and invalid settings", func(_ *approval.Status, own *Own) {
			own.Settings = []string{"Reminders: not a list"}
			own.UnknownKeys = []UnknownKey{{"Shout", "/Users/me/Library/Preferences/io.kextwatch.agent.plist", ""}}
		}, map[string]Level{"settings.valid": Warn}},
		{"nothing can be read", func(st *approval.Status, own *Own) {
			*st, *own = statusWith(approval.Unknown, "12.7.6"), Own{}
			st.Mac.OS = probe.OSVersion{}
		}, map[string]Level{
			"policy.source": Fail, "policy.reader": Unsure, "parallels.version": Unsure, "parallels.needed": Unsure, "parallels.asked": Unsure,
			"parallels.loaded": Unsure, "parallels.service": Unsure, "restart": Unsure, "window": Unsure, "kexts.others": Unsure,
			"macos.version": Unsure, "macos.update-offered": Unsure, "macos.auto-update": Unsure, "backup.recent": Unsure,
			"sip": Unsure, "kext-consent": Unsure, "mdm.kext-policy": Unsure, "system-extensions": Unsure, "session.console": Unsure,
			"session.locked": Unsure, "session.remote": Unsure, "session.input-tools": Unsure, "session.admin": Unsure, "settings.pane-open": Unsure,
			"settings.valid": Unsure, "agent.installed": Unsure, "agent.running": Unsure, "notifications": Unsure,
		}},
		{"a program that is not watched has a system extension that waits", func(st *approval.Status, own *Own) {
			st.Facts.Situation.Extensions = []probe.SystemExtension{{BundleID: "org.pqrs.driver", State: "activated waiting for user"}, {BundleID: "org.pqrs.other", State: "activated enabled"}}
			st.Gaps = append(st.Gaps, probe.NewGap(probe.FactSystemExtensions, errors.New("only some were read"), ""))
		}, map[string]Level{"system-extensions": Warn}},
		{"managed", func(st *approval.Status, own *Own) {
			st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.Managed, approval.Managed, false
			st.Products[0].Reasons = []approval.Reason{{Code: approval.ReasonManaged, About: []string{"Fleet"}}}
		}, map[string]Level{"parallels.asked": Fail, "parallels.loaded": Warn, "mdm.kext-policy": Fail}},
		{"Apple silicon", func(st *approval.Status, own *Own) { *st, *own = silicon() }, nil},
		{"Full Security, and macOS on an external disk", func(st *approval.Status, own *Own) {
			*st, *own = silicon()
			st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.NeedsRecovery, approval.NeedsRecovery, false
			st.Products[0].Reasons = []approval.Reason{{Code: approval.ReasonNeedsRecovery}}
			st.Facts.Boot.Security, st.Facts.Boot.External = probe.FullSecurity, probe.Yes
		}, map[string]Level{"parallels.asked": Fail, "parallels.loaded": Warn, "boot.policy": Fail, "boot.volume": Warn}},
		{"Full Security, and MDM decides", func(st *approval.Status, own *Own) {
			*st, *own = silicon()
			st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.Managed, approval.Managed, false
			st.Products[0].Reasons = []approval.Reason{{Code: approval.ReasonBootManaged}}
			st.Facts.Boot.Virtual = probe.Yes
		}, map[string]Level{"parallels.asked": Fail, "parallels.loaded": Warn, "boot.policy": Fail, "boot.volume": Warn}},
		{"another product waits", func(st *approval.Status, own *Own) {
			st.Verdict = approval.BlockedClosed
			other := approval.Product{ID: "VB5E2TV963", Name: "VirtualBox", TeamID: "VB5E2TV963", Verdict: approval.BlockedClosed, Known: &approval.KnownKexts{Product: "VirtualBox"},
				Window: &approval.Window{OpenedAt: st.At.Add(-time.Hour), ClosesAt: st.At.Add(-30 * time.Minute)}}
			st.Products = append([]approval.Product{other}, st.Products...)
		}, map[string]Level{"window": Fail, "kexts.others": Fail}},
		{"macOS does not load Parallels, and another product waits", func(st *approval.Status, own *Own) {
			st.Verdict = approval.BlockedOpen
			failing := statusWith(approval.LoadFailing, "12.7.6").Products[0]
			failing.Made = st.Products[0].Made
			failing.Need = st.Products[0].Need
			other := approval.Product{ID: "VB5E2TV963", Name: "VirtualBox", TeamID: "VB5E2TV963", Verdict: approval.BlockedOpen, Known: &approval.KnownKexts{Product: "VirtualBox"},
				Window: &approval.Window{OpenedAt: st.At, ClosesAt: st.At.Add(30 * time.Minute), Left: 30 * time.Minute}}
			st.Products = []approval.Product{other, failing}
		}, map[string]Level{"parallels.loaded": Fail, "restart": Warn, "window": Fail, "kexts.others": Fail}},
		{"Parallels is ignored, and blocked", func(st *approval.Status, own *Own) {
			blocked := statusWith(approval.BlockedOpen, "12.7.6").Products[0]
			blocked.Made, blocked.Need = st.Products[0].Made, st.Products[0].Need
			blocked.Listed, blocked.Ignored = true, true
			st.Verdict, st.Products[0] = approval.NotInstalled, blocked
		}, nil},
		{"Parallels is ignored, and macOS does not load it", func(st *approval.Status, own *Own) {
			failing := statusWith(approval.LoadFailing, "12.7.6").Products[0]
			failing.Made, failing.Need = st.Products[0].Made, st.Products[0].Need
			failing.Listed, failing.Ignored = true, true
			st.Verdict, st.Products[0] = approval.NotInstalled, failing
		}, nil},
		{"another product is only listed", func(st *approval.Status, own *Own) {
			st.Products = append(st.Products, approval.Product{ID: "VB5E2TV963", Name: "VirtualBox", TeamID: "VB5E2TV963", Verdict: approval.BlockedUnknown, Listed: true})
		}, nil},
		{"another product is allowed, and was not seen loaded", func(st *approval.Status, own *Own) {
			*st, *own = silicon()
			st.Products = append(st.Products, approval.Product{ID: "3T5GSNBU6W", Name: "macFUSE", TeamID: "3T5GSNBU6W", Verdict: approval.Approved, Uncertain: true, Listed: true})
		}, nil},
		{"Parallels is allowed, and was not seen loaded", func(st *approval.Status, own *Own) {
			p := &st.Products[0]
			p.Verdict, p.Loaded, p.Uncertain = approval.Approved, false, true
			p.Reasons = []approval.Reason{{Code: approval.ReasonNotSeenLoaded, Severity: approval.Note, Check: "parallels.loaded"}}
		}, nil},
		{"there is no virtual machine", func(st *approval.Status, own *Own) {
			st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.NotAsked, approval.NotAsked, false
			st.Products[0].Need, st.Facts.Machines = approval.Need{}, probe.Machines{Known: true}
		}, nil},
		{"the virtual machines are not known", func(st *approval.Status, own *Own) {
			st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.NotAsked, approval.NotAsked, false
			st.Products[0].Need, st.Facts.Machines = approval.Need{}, probe.Machines{}
		}, map[string]Level{"parallels.needed": Unsure}},
		{"there is no virtual machine, and macOS blocked an extension", func(st *approval.Status, own *Own) {
			st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.BlockedUnknown, approval.BlockedUnknown, false
			st.Products[0].Need, st.Facts.Machines = approval.Need{}, probe.Machines{Known: true}
		}, map[string]Level{"parallels.needed": Unsure, "parallels.asked": Fail, "parallels.loaded": Warn, "window": Unsure}},
		{"Full Security, and nothing waits", func(st *approval.Status, own *Own) {
			*st, *own = silicon()
			st.Facts.Boot.Security = probe.FullSecurity
		}, nil},
		{"a macOS is offered that Parallels was not made for", func(st *approval.Status, own *Own) {
			st.Facts.Updates.Offered = []probe.Offer{{Version: "14.7.2"}}
			st.Facts.Updates.Install = probe.Yes
			st.Facts.Updates.Backup.Last = st.At.Add(-30 * 24 * time.Hour)
		}, map[string]Level{"macos.update-offered": Warn, "macos.auto-update": Warn, "backup.recent": Warn}},
		{"the reader is broken, and the framework differs", func(st *approval.Status, own *Own) {
			st.Sources[1] = probe.Source{Name: probe.Reader, State: probe.Failed, Reason: "is stale"}
			st.Facts.Disagree = "the framework allows one more"
		}, map[string]Level{"policy.source": Warn, "policy.reader": Fail}},
	}
	var out strings.Builder
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, own := allWell()
			tt.mac(&st, &own)
			checks := Checks(st, own)
			fmt.Fprintf(&out, "=== %s\n%s\n", tt.name, CheckText(checks, true).String())
			var ids []string
			for _, c := range checks {
				ids = append(ids, c.ID)
				want := tt.want[c.ID]
				if want == "" {
					want = Ok
				}
				if c.Level != want {
					t.Errorf("%s is %s (%s), want %s", c.ID, c.Level, c.Summary, want)
				}
				if c.Summary == "" || c.Level != Ok && c.Next == "" {
					t.Errorf("%s: a text is missing: %+v", c.ID, c)
				}
			}
			if !slices.Equal(ids, checkIDs) {
				t.Errorf("checks %q, want %q", ids, checkIDs)
			}
		})
	}
	golden(t, "testdata/checks.txt", out.String())
}

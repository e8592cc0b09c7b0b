package view

import (
	"slices"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// takeAway has a function for each fact that makes it missing. Nil: a gap that names
// the fact is enough.
var takeAway = map[probe.Fact]func(st *approval.Status, own *Own){
	probe.FactMacOSVersion: func(st *approval.Status, _ *Own) { st.Mac.OS = probe.OSVersion{} },
	probe.FactParallels:    func(st *approval.Status, _ *Own) { st.Products[0].App = nil },
	probe.FactLoadedKexts: func(st *approval.Status, _ *Own) {
		st.Facts.Loaded, st.Products[0].Loaded = probe.Loaded{}, false
	},
	probe.FactVMs:              func(st *approval.Status, _ *Own) { st.Products[0].Need = approval.Need{} },
	probe.FactProcessor:        func(st *approval.Status, _ *Own) { st.Mac.Arch = "" },
	probe.FactBootPolicy:       func(st *approval.Status, _ *Own) { st.Facts.Boot.Security = "" },
	probe.FactBootVolume:       func(st *approval.Status, _ *Own) { st.Facts.Boot.External = "" },
	probe.FactVirtual:          func(st *approval.Status, _ *Own) { st.Facts.Boot.Virtual = "" },
	probe.FactSIP:              func(st *approval.Status, _ *Own) { st.Facts.Enforcement.SIP = probe.SIP{} },
	probe.FactConsent:          func(st *approval.Status, _ *Own) { st.Facts.Enforcement.Consent = probe.Consent{} },
	probe.FactKextProfile:      func(st *approval.Status, _ *Own) { st.Facts.Enforcement.Profile = probe.KextProfile{} },
	probe.FactProfiles:         func(st *approval.Status, _ *Own) { st.Facts.Enforcement.Profile = probe.KextProfile{} },
	probe.FactPrograms:         func(st *approval.Status, _ *Own) { s := &st.Facts.Situation; s.Service, s.PaneOpen = "", "" },
	probe.FactConsoleUser:      func(st *approval.Status, _ *Own) { st.Facts.Situation.ConsoleUID = -1 },
	probe.FactScreenLock:       func(st *approval.Status, _ *Own) { st.Facts.Situation.Locked = "" },
	probe.FactAdmin:            func(st *approval.Status, _ *Own) { st.Facts.Situation.Admin = "" },
	probe.FactOfferedUpdates:   func(st *approval.Status, _ *Own) { st.Facts.Updates.Offered = nil },
	probe.FactUpdateSettings:   func(st *approval.Status, _ *Own) { st.Facts.Updates.Install = "" },
	probe.FactBackup:           func(st *approval.Status, _ *Own) { st.Facts.Updates.Backup = probe.Backup{} },
	probe.FactNetwork:          nil,
	probe.FactKextsOnDisk:      nil,
	probe.FactRecoveryTeams:    nil,
	probe.FactSystemExtensions: nil,

	probe.FactLoadHistory: nil,
	probe.FactBootSession: nil,
	factMadeFor:           func(st *approval.Status, _ *Own) { st.Products[0].Made = nil },
	factPolicy: func(st *approval.Status, _ *Own) {
		st.Source, st.Verdict = "", approval.Unknown
		st.Products[0].Loaded, st.Products[0].Verdict = false, approval.Unknown
	},
	factPane:     func(st *approval.Status, _ *Own) { st.Facts.Situation.PaneOpen = "" },
	factSettings: func(_ *approval.Status, own *Own) { own.SettingsRead = false },
}

// harmless is a Mac with many obstacles to a click on Allow. Nothing waits for a
// click there.
func harmless() (approval.Status, Own) {
	st, own := allWell()
	s := &st.Facts.Situation
	s.ConsoleUID, s.Locked, s.Admin, s.PaneOpen = 502, probe.Yes, probe.No, probe.Yes
	s.Remote, s.InputTools = []string{"TeamViewer"}, []string{"SteerMouse"}
	st.Facts.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
	st.Facts.Updates.Offered, st.Facts.Updates.Install = []probe.Offer{{Version: "12.7.7"}}, probe.Yes
	st.Products[0].Loaded = false // so a restart may be needed
	st.Facts.Enforcement.SIP.State, st.Facts.Enforcement.Consent.Enabled = probe.SIPCustom, probe.No
	return st, own
}

// A check whose fact is missing is unknown, with the reason and the next step
// of that fact. It is never ok.
func TestMissingFactIsNeverOk(t *testing.T) {
	for _, row := range checks() {
		for _, fact := range slices.Concat(row.needs, row.facts) {
			tried := false
			for _, mac := range []func() (approval.Status, Own){allWell, harmless, silicon} {
				st, own := mac()
				if row.early != nil && !slices.Contains(row.needs, fact) {
					if _, decided := row.early(newChecking(st, own)); decided {
						continue // on this Mac the fact does not matter
					}
				}
				tried = true
				take, known := takeAway[fact]
				if !known {
					t.Errorf("%s needs %q: add a row to takeAway", row.id, fact)
					continue
				}
				if take != nil {
					take(&st, &own)
				}
				if slices.Contains(probe.Facts, fact) {
					st.Gaps = []probe.Gap{{Source: fact, Err: "damaged", Next: "Repair it."}}
				}
				got := row.run(newChecking(st, own))
				if got.Level != Unsure || got.Summary == "" || got.Summary != OnScreen(st.Mac, row.unknown) {
					t.Errorf("%s without %q is %s (%s), want unknown (%s)", row.id, fact, got.Level, got.Summary, row.unknown)
				}
				if len(st.Gaps) > 0 && (got.Detail != "damaged" || got.Next != "Repair it.") {
					t.Errorf("%s without %q: detail %q, next %q, want those of the gap", row.id, fact, got.Detail, got.Next)
				}
				if len(st.Gaps) == 0 && got.Detail == "" {
					t.Errorf("%s without %q has no detail", row.id, fact)
				}
			}
			if !tried {
				t.Errorf("%s does not depend on %q on any Mac of this test", row.id, fact)
			}
		}
	}
}

// Before the first snapshot no gap has a reason, but no check may be ok.
func TestNothingIsOkBeforeTheFirstSnapshot(t *testing.T) {
	for _, row := range checks() {
		if got := row.run(newChecking(approval.Status{}, Own{})); got.Level == Ok && len(row.needs)+len(row.facts) > 0 {
			t.Errorf("%s is ok: %s", row.id, got.Summary)
		}
	}
}

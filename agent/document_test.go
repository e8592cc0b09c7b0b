package main

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/settings"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

var update = flag.Bool("update", false, "rewrite the expected documents")

const goldenDocuments = "testdata/documents/"

// documented is a status that fills every part of a document.
func documented() approval.Status {
	at := time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)
	window := &approval.Window{Number: 1, OpenedAt: at.Add(-5 * time.Minute), ClosesAt: at.Add(25 * time.Minute), Basis: approval.LoadHistory, Left: 25 * time.Minute}
	vms := []probe.VM{
		{Name: "Windows\x1b 11", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor, Nested: probe.Yes},
		{Name: "Ubuntu", State: probe.VMRunning, Hypervisor: probe.AppleHypervisor},
	}
	return approval.Status{
		At: at, Verdict: approval.BlockedOpen, Source: probe.Database, ReadAt: at,
		Mac: probe.Mac{OS: probe.OSVersion{Version: "12.7.6", Build: "21H1320"}, Arch: probe.Intel, BootedAt: at.Add(-time.Hour), BootSession: "B00C"},
		Sources: []probe.Source{
			{Name: probe.Database, State: probe.OK},
			{Name: probe.Reader, State: probe.Absent, Reason: "not\ninstalled", Next: "sudo kextwatch install --reader"},
		},
		Products: []approval.Product{
			{
				Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Developer: "Parallels International GmbH", Verdict: approval.BlockedOpen, Window: window,
				App:  &probe.App{Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Path: "/Applications/Parallels Desktop.app", Version: "17.1.7", Build: "51588", Edition: probe.Standard},
				Need: approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: vms[:1]},
				Made: &approval.Row{Major: 17, MaxMacOS: "12"},
				Reasons: []approval.Reason{
					{Code: approval.ReasonNotAdmin, Severity: approval.Obstacle, Check: "session.admin"},
					{Code: approval.ReasonRemote, Severity: approval.Obstacle, Check: "session.remote", About: []string{"Team\tViewer"}},
				},
				Items: []approval.Item{{
					Key: "item", Name: "Parallels Desktop", Verdict: approval.BlockedOpen, Window: window,
					Attempts: []approval.Attempt{{At: at.Add(-5 * time.Minute), Evidence: approval.LoadHistory, BundleID: "com.parallels.kext.hypervisor"}},
					Kexts: []approval.Kext{{
						BundleID: "com.parallels.kext.hypervisor", Path: "/Applications/Parallels Desktop.app/Contents/Library/prl_hypervisor.kext",
						Asked: true, Blocked: true, DiskVersion: "17.1.7 51588", LastSeen: at.Add(-5 * time.Minute),
					}},
				}},
			},
			{Name: "Parallels Access", TeamID: probe.ParallelsTeamID, Verdict: approval.NotInstalled},
		},
		Gaps: []probe.Gap{
			{Source: probe.FactBackup, Err: "open\x07 it: permission denied", Next: "Look at Time Machine yourself."},
			{Source: probe.FactSIP, Err: "csrutil did not answer in time"},
		},
		Facts: probe.Snapshot{
			Boot:   probe.Boot{Security: probe.ReducedSecurity, UserKexts: probe.Yes, MDMKexts: probe.No, External: probe.No, Virtual: probe.No},
			Loaded: probe.Loaded{Known: true}, Machines: probe.Machines{Known: true, From: "prlctl", List: vms},
		},
	}
}

// documentedUpgrade fills every part of the document about an upgrade.
func documentedUpgrade(st approval.Status) approval.Upgrade {
	to := probe.OSVersion{Version: "27"}
	return approval.Upgrade{To: to, CannotRun: true, Findings: []approval.Finding{
		{Product: approval.Product{Name: "MOTU", TeamID: "KRCLLMGZ2D"}, To: to, Result: approval.NotLoadable, Rule: approval.UpgradeNoFireWire, Kexts: []string{"com.motu.driver\x1b.FireWireAudio"}, Limit: "15", Confidence: approval.Sure, Source: "captures of macOS 26.6", Already: true},
		{Product: st.Products[0], To: to, Result: approval.NeedsNewer, Rule: approval.UpgradeAppOlder, Limit: "12", Confidence: approval.Likely, Source: "released for Monterey"},
		{Product: approval.Product{Name: "Somebody", TeamID: "AAAAAAAAAA"}, To: to, Result: approval.NotKnown, Rule: approval.UpgradeNoEntry, Kexts: []string{"com.example.driver"}, Confidence: approval.Unsure},
	}}
}

// Scripts read these documents. Additions are allowed, changes are not.
func TestDocuments(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	st := documented()
	asPlist, err := plist.MarshalIndent(view.NewDocument(st), plist.XMLFormat, "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, goldenDocuments+"status.plist", asPlist)
	golden(t, goldenDocuments+"status.json", asJSON(view.NewDocument(st)))
	golden(t, goldenDocuments+"status_empty.json", asJSON(view.NewDocument(approval.Status{At: st.At, Verdict: approval.Unknown})))
	golden(t, goldenDocuments+"doctor.json", asJSON(doctorDocument(view.Checks(st, view.Own{Reader: probe.ReaderInstallation{State: probe.ReaderAbsent}}))))
	golden(t, goldenDocuments+"upgrade.json", asJSON(view.NewUpgradeDocument(st, documentedUpgrade(st))))
	golden(t, goldenDocuments+"upgrade_none.json", asJSON(view.NewNoUpgradeDocument(st)))
	s := settings.Default()
	s.Origins["Reminders"] = settings.Origin{Managed: true, File: "/Library/Managed Preferences/io.kextwatch.agent.plist"}
	golden(t, goldenDocuments+"settings.json", asJSON(newSettingsDoc(s, []settings.Problem{
		{Key: "Snooze", File: "/Users/me/settings.plist", Unknown: true}, {File: "/Users/me/settings.plist", Why: "it is damaged"},
	})))
}

// The JSON of a Mac in another time zone has times in UTC.
func TestTimesAreInUTC(t *testing.T) {
	st := documented()
	zone := time.FixedZone("", 2*60*60)
	st.At, st.ReadAt, st.Mac.BootedAt = st.At.In(zone), st.ReadAt.In(zone), st.Mac.BootedAt.In(zone)
	for _, p := range st.Products {
		if p.Window != nil {
			p.Window.OpenedAt, p.Window.ClosesAt = p.Window.OpenedAt.In(zone), p.Window.ClosesAt.In(zone)
		}
		for _, item := range p.Items {
			for i := range item.Attempts {
				item.Attempts[i].At = item.Attempts[i].At.In(zone)
			}
			for i := range item.Kexts {
				item.Kexts[i].LastSeen = item.Kexts[i].LastSeen.In(zone)
			}
		}
	}
	checkDocument(t, "status", string(asJSON(view.NewDocument(st))), "status")
	checkDocument(t, "upgrade-check", string(asJSON(view.NewUpgradeDocument(st, documentedUpgrade(st)))), "upgrade-check")
}

func asJSON(doc any) []byte {
	var out bytes.Buffer
	cli.Output{Stdout: &out}.Document(doc)
	return out.Bytes()
}

// golden compares with a file that the repository keeps.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s changed; go test ./agent -run %s -update rewrites it, then read the difference; it is now\n%s", file, t.Name(), got)
	}
}

package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// finding is a finding about macFUSE or, for the rules of Parallels Desktop, about that.
func finding(rule approval.UpgradeRule, result approval.UpgradeResult, to, limit string) approval.Finding {
	f := approval.Finding{
		Product: approval.Product{Name: "macFUSE", TeamID: "3T5GSNBU6W", Known: &approval.KnownKexts{Product: "macFUSE"}},
		To:      probe.OSVersion{Version: to}, Result: result, Rule: rule, Limit: limit,
		Kexts: []string{"io.macfuse.filesystems.macfuse.25"}, Confidence: approval.Sure, Source: "macFUSE issues 1108 and 1158 on GitHub", InUse: true,
	}
	if strings.HasPrefix(string(rule), "app-") {
		f.Product, f.Kexts = statusWith(approval.Approved, "26.2").Products[0], nil
	}
	return f
}

// everyFinding has each rule with its result, and some twins.
var everyFinding = []struct {
	rule   approval.UpgradeRule
	result approval.UpgradeResult
	to     string
	limit  string
	change func(f *approval.Finding, st *approval.Status)
}{
	{approval.UpgradeNoCode, approval.NotLoadable, "27", "", nil},
	{approval.UpgradeNoCode, approval.NotLoadable, "26", "", func(f *approval.Finding, _ *approval.Status) { f.Already = true }},
	{approval.UpgradeNoFireWire, approval.NotLoadable, "26", "", nil},
	{approval.UpgradeOtherProcessor, approval.NotLoadable, "27", "", nil},
	{approval.UpgradeOtherProcessor, approval.NotLoadable, "26", "", nil},
	{approval.UpgradeUnsureEntry, approval.NotKnown, "26", "", nil},
	{approval.UpgradeContradicted, approval.NotKnown, "26.3", "15", nil},
	{approval.UpgradeOtherKext, approval.NeedsApproval, "26", "26", nil},
	{approval.UpgradeOtherKext, approval.NeedsApproval, "26", "26", func(_ *approval.Finding, st *approval.Status) {
		st.Facts.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
	}},
	{approval.UpgradePolicyUnread, approval.NotKnown, "26", "26", func(_ *approval.Finding, st *approval.Status) {
		st.Source, st.Sources = "", []probe.Source{{Name: probe.Database, State: probe.Denied, Reason: "only root may read it", Next: "run sudo kextwatch status"}}
	}},
	{approval.UpgradeMadeFor, approval.Works, "26", "26", nil},
	{approval.UpgradeMadeFor, approval.Works, "26", "26", func(f *approval.Finding, _ *approval.Status) { f.InUse = false }},
	{approval.UpgradeDiskUnread, approval.NotKnown, "26", "15", func(_ *approval.Finding, st *approval.Status) {
		st.Gaps = []probe.Gap{{Source: probe.FactOtherKexts, Err: "permission denied", Next: "Run sudo kextwatch upgrade-check."}}
	}},
	{approval.UpgradeNewerRelease, approval.NeedsNewer, "26", "15", nil},
	{approval.UpgradeAfterTable, approval.NotKnown, "27", "26", nil},
	{approval.UpgradeMadeForOlder, approval.NotLoadable, "11", "10.15", func(f *approval.Finding, _ *approval.Status) {
		f.Product.Name, f.Product.TeamID = "Cisco AnyConnect", "DE8Y96K9QP"
	}},
	{approval.UpgradeMadeForOlder, approval.NotLoadable, "26", "15", func(f *approval.Finding, _ *approval.Status) {
		f.Product.Name, f.Product.TeamID = "MOTU", "KRCLLMGZ2D"
	}},
	{approval.UpgradeNoEntry, approval.NotKnown, "27", "", nil},
	{approval.UpgradeNoEntry, approval.NotKnown, "27", "", func(f *approval.Finding, _ *approval.Status) {
		f.Product = approval.Product{Name: "Somebody", TeamID: "AAAAAAAAAA", Items: []approval.Item{{Kexts: []approval.Kext{{BundleID: "com.example.driver", Path: "/Library/Extensions/driver.kext"}}}}}
		f.Source = ""
	}},
	{approval.UpgradeNoEntry, approval.NotKnown, "27", "", func(f *approval.Finding, _ *approval.Status) {
		f.Product, f.Source = statusWith(approval.Approved, "26.2").Products[0], ""
	}},
	{approval.UpgradeAppUnread, approval.NotKnown, "27", "", nil},
	{approval.UpgradeAppOlder, approval.NeedsNewer, "26", "11", nil},
	{approval.UpgradeAppOlder, approval.NeedsNewer, "28", "11", nil},
	{approval.UpgradeAppFits, approval.Works, "26", "26", nil},
}

// testdata/upgrade.txt shows the words of every rule: the check, the alerts before and
// after the upgrade, the history and doctor.
func TestUpgradeWords(t *testing.T) {
	var out strings.Builder
	shown := map[approval.UpgradeRule]bool{}
	for _, tt := range everyFinding {
		st := statusWith(approval.Approved, "15.7.2")
		f := finding(tt.rule, tt.result, tt.to, tt.limit)
		if f.Result == approval.NotKnown {
			f.Confidence = approval.Unsure
		}
		if tt.change != nil {
			tt.change(&f, &st)
		}
		shown[tt.rule] = true
		if findingWhy(f) == "" || f.Result != approval.Works && findingNext(f, st) == "" {
			t.Errorf("%s: a text is missing", tt.rule)
		}
		fmt.Fprintf(&out, "=== %s, to macOS %s\n%s", tt.rule, tt.to, UpgradeText(st, approval.Upgrade{To: f.To, Findings: []approval.Finding{f}}))
		if f.Result.NeedsAction() && !f.Already {
			n := approval.Notice{Event: approval.MacOSOffered, Urgency: approval.Plain, Product: f.Product, From: "15.7.2", To: tt.to, Findings: []approval.Finding{f}}
			a := Alert(n, st, true)
			fmt.Fprintf(&out, "--- alert\n%s\n%s\nhistory: %s\n", a.Title, a.Body, EventText(n, st.Mac))
			n.Event, st.Mac.OS = approval.MacOSUpdated, f.To
			fmt.Fprintf(&out, "--- after the upgrade\n%s\n", changedByUpgrade(n, st))
		}
		out.WriteString("\n")
	}
	for _, rule := range approval.UpgradeRules {
		if !shown[rule] {
			t.Errorf("no finding has the rule %s", rule)
		}
	}
	several := approval.Notice{Event: approval.MacOSOffered, Urgency: approval.Plain, To: "26.2"}
	for _, i := range []int{2, 7, 13, 15, 21} {
		f := finding(everyFinding[i].rule, everyFinding[i].result, "26.2", everyFinding[i].limit)
		several.Findings = append(several.Findings, f)
	}
	several.Product = several.Findings[0].Product
	st := statusWith(approval.Approved, "15.7.2")
	for _, tray := range []bool{true, false} {
		a := Alert(several, st, tray)
		fmt.Fprintf(&out, "=== several products, tray %v\n%s\n%s\nhistory: %s\n", tray, a.Title, a.Body, EventText(several, st.Mac))
	}
	fmt.Fprintf(&out, "=== the Mac cannot run it\n%s", UpgradeText(st, approval.Upgrade{To: probe.OSVersion{Version: "27"}, CannotRun: true}))
	st.Mac.Arch, st.Mac.OS = "", probe.OSVersion{}
	st.Gaps = []probe.Gap{{Source: probe.FactOtherKexts, Err: "permission denied", Next: "Run sudo kextwatch upgrade-check."}}
	fmt.Fprintf(&out, "=== facts are missing\n%s", UpgradeText(st, approval.Upgrade{To: probe.OSVersion{Version: "27"}}))
	for _, read := range []bool{true, false} {
		st.Facts.Updates.OffersRead = read
		why, next := noUpgrade(st)
		fmt.Fprintf(&out, "=== none is offered, read %v\n%s\n%s\n", read, why, next)
	}
	golden(t, "testdata/upgrade.txt", out.String())
}

// The check of an offered macOS names what needs something, then what is not known.
func TestUpdateOfferedNamesOtherProducts(t *testing.T) {
	const team, id = "3T5GSNBU6W", "io.macfuse.filesystems.macfuse.23"
	for _, tt := range []struct {
		name, offer string
		allowed     bool
		want        Level
		says        string
	}{
		{"a newer version", "26.2", true, Warn, "macOS 26.2 is offered; macFUSE needs a newer version"},
		{"not known", "27.0", true, Unsure, "kextwatch cannot tell whether macFUSE works on macOS 27.0, which is offered"},
		{"within one release", "15.7.3", true, Ok, "macOS 15.7.3 is offered"},
	} {
		st, own := silicon()
		st.Mac.OS.Version = "15.7.2"
		st.Products[0].Made = &approval.Row{Major: 27, MaxMacOS: "27", MinMacOS: "14.7", Confidence: approval.Likely}
		st.Products = append(st.Products, approval.Product{Name: "macFUSE", TeamID: team, Verdict: approval.Approved, Listed: true,
			Items: []approval.Item{{Kexts: []approval.Kext{{BundleID: id, Allowed: tt.allowed}}}}})
		st.Facts.Kexts = []probe.Kext{{BundleID: id, TeamID: team, Path: "/Library/Filesystems/macfuse.fs/Contents/Extensions/14/macfuse.kext"}}
		st.Facts.Updates.Offered = []probe.Offer{{Version: tt.offer}}
		for _, check := range Checks(st, own) {
			if check.ID == "macos.update-offered" && (check.Level != tt.want || check.Summary != tt.says || tt.want != Ok && check.Next == "") {
				t.Errorf("%s: %+v, want %s: %s", tt.name, check, tt.want, tt.says)
			}
		}
	}
}

// Names on the disk may be hostile.
func TestUpgradeShowsCleanText(t *testing.T) {
	for _, name := range []string{"\x1b[31mred\x07\x00", "line\nbreak", "\u202egnp.exe", strings.Repeat("x", 10_000), "\xff\xfe"} {
		st := statusWith(approval.Approved, "15.7.2")
		var u approval.Upgrade
		for _, tt := range everyFinding {
			f := finding(tt.rule, tt.result, "27", name)
			f.Kexts, f.Source, f.Limit = []string{name}, name, "15"
			f.Product.Items = []approval.Item{{Kexts: []approval.Kext{{BundleID: name, Path: name}}}}
			f.Product.Known = nil
			if f.Product.App != nil {
				f.Product.App.Version, f.Product.App.Build = name, name
			}
			u.Findings = append(u.Findings, f)
		}
		u.To = probe.OSVersion{Version: "27"}
		n := approval.Notice{Event: approval.MacOSOffered, Product: u.Findings[0].Product, To: name, Findings: u.Findings}
		a := Alert(n, st, true)
		doc, err := json.Marshal(NewUpgradeDocument(st, u))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{UpgradeText(st, u).String(), a.Title, a.Body, EventText(n, st.Mac), string(doc)} {
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%.20q: shows %.200q", name, line)
				}
				if len(line) > 2000 && line != string(doc) {
					t.Errorf("%.20q: a line of %d bytes", name, len(line))
				}
			}
		}
	}
}

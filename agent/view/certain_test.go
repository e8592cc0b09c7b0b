package view

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// lose makes a fact missing, and reports it as a gap like the code that reads it.
func lose(st *approval.Status, facts ...probe.Fact) {
	for _, fact := range facts {
		switch fact {
		case factPolicy:
			st.Source, st.ReadAt, st.Facts.Policy = "", time.Time{}, nil
			st.Sources = []probe.Source{{Name: probe.Framework, State: probe.Timeout, Reason: "no answer", Next: "check again"}}
			continue
		case probe.FactLoadedKexts:
			st.Facts.Loaded = probe.Loaded{}
		case probe.FactMacOSVersion:
			st.Mac.OS = probe.OSVersion{}
		}
		st.Gaps = append(st.Gaps, probe.Gap{Source: fact, Err: "cannot be read", Next: "Repair it."})
	}
}

// Where a fact is missing that the verdict depends on, nothing looks as if all were
// well: the icon, the head of the report, and Certain, which decides the exit status.
func TestMissingFactNeverLooksWell(t *testing.T) {
	everything := append(slices.Clone(probe.Facts), factPolicy)
	for _, tt := range []struct {
		name    string
		verdict approval.Verdict
		mac     func(*approval.Status)
		needs   []probe.Fact // a missing one of all others changes nothing
	}{
		{"approved", approval.Approved, func(*approval.Status) {},
			[]probe.Fact{factPolicy, probe.FactLoadHistory, probe.FactMacOSVersion, probe.FactBootSession, probe.FactLoadedKexts}},
		{"approved, the disk of another Mac", approval.Approved, func(st *approval.Status) { st.Mac.Offline = true },
			[]probe.Fact{factPolicy, probe.FactLoadHistory, probe.FactMacOSVersion}},
		{"approved and loaded", approval.Approved, func(st *approval.Status) { st.Products[0].Loaded = true }, nil},
		{"not asked", approval.NotAsked, func(*approval.Status) {}, []probe.Fact{factPolicy, probe.FactLoadHistory}},
		{"not needed", approval.NotNeeded, func(*approval.Status) {}, nil},
		{"not installed", approval.NotInstalled, func(*approval.Status) {}, []probe.Fact{probe.FactParallels, probe.FactMacOSVersion}},
		{"not installed, and others count", approval.NotInstalled, func(st *approval.Status) { st.OthersInFull = true }, []probe.Fact{factPolicy, probe.FactParallels, probe.FactMacOSVersion}},
		{"not needed, and others count", approval.NotNeeded, func(st *approval.Status) { st.OthersInFull = true }, []probe.Fact{factPolicy}},
		{"no product", approval.NotInstalled, func(st *approval.Status) { st.Products = nil }, []probe.Fact{factPolicy}},
	} {
		for _, fact := range append(everything, "") {
			st := statusWith(tt.verdict, "12.7.6")
			tt.mac(&st)
			if fact != "" {
				lose(&st, fact)
			}
			want := !slices.Contains(tt.needs, fact) && fact != probe.FactPerson && fact != probe.FactOwnSettings // the memory of an unknown agent, and who is watched, matter always
			if Certain(st) != want {
				t.Errorf("%s without %q: certain is %t, want %t", tt.name, fact, !want, want)
			}
			if (Menu(st, around).Icon == notify.IconWell) != want {
				t.Errorf("%s without %q: the icon says that all is well: %t, want %t", tt.name, fact, !want, want)
			}
			r := NewReport(st, nil, nil, "1.0", plain)
			next := strings.Join(r.Head.Next, " ")
			if well := strings.Contains(string(r.Head.html()), `<header class="well">`); well != want {
				t.Errorf("%s without %q: the head of the report looks well: %t, want %t", tt.name, fact, well, want)
			}
			if !want && (strings.Contains(next+Text(st).String(), "Nothing to do") || strings.Contains(r.Head.Why, "not been asked") || fact != factPolicy && strings.Contains(r.Head.Why, "is not installed") || len(st.Products) > 0 && !strings.Contains(next, factName(fact))) {
				t.Errorf("%s without %q: next step %q, want the missing fact", tt.name, fact, next)
			}
			if !want && !strings.Contains(Text(st).String(), factName(fact)) {
				t.Errorf("%s without %q: status does not name it:\n%s", tt.name, fact, Text(st).String())
			}
			if !want && !slices.ContainsFunc(NewDocument(st).Gaps, func(g probe.Gap) bool { return g.Source == fact && g.Err != "" }) {
				t.Errorf("%s without %q: the document does not name it", tt.name, fact)
			}
		}
	}
	for _, v := range approval.Verdicts {
		if st := statusWith(v, "12.7.6"); v.NeedsAction() && !Certain(st) || v == approval.Unknown && Certain(st) {
			t.Errorf("%s: certain is %t", v, Certain(st))
		}
	}
}

// While a tool still answers, its fact is not known, and no text says that it cannot be
// read.
func TestFactThatIsBeingReadDoesNotLookWell(t *testing.T) {
	st := statusWith(approval.Approved, "12.7.6")
	st.Facts.Loaded, st.Facts.Pending = probe.Loaded{}, true
	if next := Next(st.Products[0], st); Certain(st) || next != "" {
		t.Errorf("certain %t, next %q, want an unknown state and no next step", Certain(st), next)
	}
	lose(&st, probe.FactLoadedKexts)
	if next := Next(st.Products[0], st); !strings.Contains(next, "Not known: loaded kernel extensions") {
		t.Errorf("next %q, want the fact that could not be read", next)
	}
}

// What is not known is absent from the document. It is not false, and not an empty
// text or list.
func TestDocumentLeavesOutWhatIsNotKnown(t *testing.T) {
	kext := approval.Kext{BundleID: "com.parallels.kext.hypervisor", Path: "/p", DiskVersion: "1", Leftover: true}
	tests := []struct {
		name   string
		lose   func(st *approval.Status)
		absent string // in the document of the Mac without the fact, and not in that with it
	}{
		{"policy", func(st *approval.Status) { lose(st, factPolicy) }, `"source" "read_at" "allowed" "allowed_by"`},
		{"a row may be missing", func(st *approval.Status) { st.Facts.Policy.Stale = true }, `"allowed" "allowed_by"`},
		{"loaded kexts", func(st *approval.Status) { lose(st, probe.FactLoadedKexts) }, `"loaded" "loaded_version"`},
		{"kexts on disk", func(st *approval.Status) { lose(st, probe.FactKextsOnDisk) }, `"leftover"`},
		{"version of macOS", func(st *approval.Status) { lose(st, probe.FactMacOSVersion) }, `"macos" "build" "extra"`},
		{"processor", func(st *approval.Status) { st.Mac.Arch = "" }, `"arch"`},
		{"boot session", func(st *approval.Status) { st.Mac.BootSession = "" }, `"boot_session"`},
		{"boot time", func(st *approval.Status) { st.Mac.BootedAt = time.Time{} }, `"booted_at"`},
		{"virtual machines", func(st *approval.Status) { st.Facts.Machines = probe.Machines{} }, `"virtual_machines" "hypervisor" "nested_virtualization" "state" "stuck"`},
		{"the hypervisor of one", func(st *approval.Status) { st.Facts.Machines.List[0].Hypervisor = "" }, `"hypervisor" "stuck"`},
		{"the state of one", func(st *approval.Status) { st.Facts.Machines.List[0].State = "" }, `"state"`},
		{"nested virtualization", func(st *approval.Status) { st.Facts.Machines.List[0].Nested = "" }, `"nested_virtualization"`},
		{"need", func(st *approval.Status) { st.Products[0].Need.Answer = "" }, `"needed"`},
		{"what it was made for", func(st *approval.Status) { st.Products[0].Made = nil }, `"made_for_macos"`},
		{"developer", func(st *approval.Status) { st.Products[0].Developer = "" }, `"developer"`},
		{"versions of the app", func(st *approval.Status) { a := st.Products[0].App; a.Version, a.Build, a.Edition = "", "", "" }, `"version" "build" "edition"`},
		{"place and version of a kext", func(st *approval.Status) {
			k := &st.Products[0].Items[0].Kexts[0]
			k.Path, k.DiskVersion = "", ""
		}, `"path" "disk_version"`},
		{"last seen", func(st *approval.Status) { st.Products[0].Items[0].Kexts[0].LastSeen = time.Time{} }, `"last_seen"`},
	}
	mac := func() approval.Status {
		st := statusWith(approval.BlockedClosed, "12.7.6")
		st.Mac.BootSession, st.ReadAt = "B00C", st.At
		p := &st.Products[0]
		p.App.TeamID, p.App.Path = probe.ParallelsTeamID, "/Applications/Parallels Desktop.app"
		p.Need.Answer, p.Made = probe.Yes, &approval.Row{Major: 16, MaxMacOS: "11"}
		k := kext
		k.LastSeen = st.At
		p.Items[0].Kexts = []approval.Kext{k}
		st.Facts.Machines = probe.Machines{Known: true, List: []probe.VM{{Name: "Windows", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor, Nested: probe.No}}}
		return st
	}
	fields := func(st approval.Status) map[string]int {
		text, err := json.Marshal(NewDocument(st))
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, name := range fieldForm.FindAllStringSubmatch(string(text), -1) {
			count[name[1]]++
		}
		return count
	}
	for _, tt := range tests {
		st := mac()
		before := fields(st)
		tt.lose(&st)
		after := fields(st)
		var gone []string
		for name := range before {
			if after[name] < before[name] {
				gone = append(gone, name)
			}
		}
		if tt.name == "virtual machines" {
			gone = slices.DeleteFunc(gone, func(name string) bool { return name == `"name"` })
		}
		want := strings.Fields(tt.absent)
		slices.Sort(gone)
		slices.Sort(want)
		if !slices.Equal(gone, want) {
			t.Errorf("without the %s, the fields %s are absent, want %s", tt.name, gone, want)
		}
	}
	never := statusWith(approval.Unknown, "12.7.6")
	never.Products[0].Items[0].Kexts = []approval.Kext{kext}
	if text := Explain(never, true).String(); strings.Contains(text, "has no entry") || strings.Contains(text, ", not loaded") || !strings.Contains(text, "not known whether it is allowed") || !strings.Contains(text, "not known whether it is loaded") {
		t.Errorf("explain answers what nobody read:\n%s", text)
	}
}

var fieldForm = regexp.MustCompile(`("[a-z_]+"):`)

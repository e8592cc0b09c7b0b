package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// fuseWith returns the status of a Mac with Apple silicon, Reduced Security and macFUSE.
func fuseWith(v approval.Verdict, change ...func(st *approval.Status, p *approval.Product)) approval.Status {
	st := statusWith(v, "26.2")
	st.Mac.Arch = probe.AppleSilicon
	st.Facts.Boot = probe.Boot{Security: probe.ReducedSecurity, UserKexts: probe.Yes, MDMKexts: probe.No, External: probe.No, Virtual: probe.No}
	p := &st.Products[0]
	p.Name, p.TeamID, p.Developer, p.App, p.Known = "macFUSE", "3T5GSNBU6W", "Benjamin Fleischer", nil, &approval.KnownKexts{}
	p.Items[0].Kexts = p.Items[0].Kexts[:1]
	k := &p.Items[0].Kexts[0]
	k.BundleID, k.Developer = "io.macfuse.filesystems.macfuse.25", p.Developer
	switch v {
	case approval.NeedsRecovery:
		st.Facts.Boot.Security, st.Facts.Boot.UserKexts = probe.FullSecurity, probe.No
	case approval.RestartPending:
		k.AllowedBy = approval.ByUser
	}
	for _, c := range change {
		c(&st, p)
	}
	return st
}

func policyUnknown(st *approval.Status, p *approval.Product) {
	st.Facts.Boot.Security, st.Facts.Boot.UserKexts = "", ""
	p.Reasons = []approval.Reason{{Code: approval.ReasonBootUnknown, Severity: approval.Note}}
}

// testdata/guide.txt shows the guide for every verdict on three versions of macOS, and for
// Macs with Apple silicon.
func TestGuide(t *testing.T) {
	var out strings.Builder
	write := func(name string, st approval.Status) {
		g := GuideTo(st)
		fmt.Fprintf(&out, "=== %s\n%s\n", name, g.Text(76))
		for line := range strings.Lines(g.Text(76)) {
			if n := utf8.RuneCountInString(line); n > 81 {
				t.Errorf("%s: a line of %d characters: %q", name, n, line)
			}
		}
	}
	for _, macOS := range []string{"10.15.7", "12.7.6", "26.2"} {
		for _, v := range approval.Verdicts {
			write(fmt.Sprintf("macOS %s, %s", macOS, v), statusWith(v, macOS))
		}
	}
	for _, v := range approval.Verdicts {
		write(fmt.Sprintf("Apple silicon, %s", v), fuseWith(v))
	}
	for _, c := range []struct {
		name    string
		verdict approval.Verdict
		change  func(st *approval.Status, p *approval.Product)
	}{
		{"the boot policy is not known", approval.BlockedOpen, policyUnknown},
		{"the boot policy is not known, and the time is over", approval.BlockedClosed, policyUnknown},
		{"the processor is not known", approval.BlockedClosed, func(st *approval.Status, _ *approval.Product) {
			st.Mac.Arch, st.Facts.Boot = "", probe.Boot{}
		}},
		{"an external disk", approval.NeedsRecovery, func(st *approval.Status, _ *approval.Product) { st.Facts.Boot.External = probe.Yes }},
		{"a developer that nobody knows", approval.NeedsRecovery, func(_ *approval.Status, p *approval.Product) {
			p.Name, p.TeamID, p.Developer, p.Known = "Somebody", "ABCDE12345", "Somebody", nil
			p.Items[0].Kexts[0] = approval.Kext{BundleID: "com.example.driver", Path: "/Library/Extensions/Driver.kext", Blocked: true}
		}},
		{"other developers wait", approval.BlockedOpen, func(st *approval.Status, _ *approval.Product) {
			st.Waiting = []approval.Developer{{TeamID: "EG7KH642X6", Name: "VMware, Inc."}}
		}},
		{"obstacles", approval.BlockedClosed, func(_ *approval.Status, p *approval.Product) {
			p.Reasons = []approval.Reason{
				{Code: approval.ReasonNotAdmin, Severity: approval.Obstacle}, {Code: approval.ReasonPaneOpen, Severity: approval.Obstacle},
				{Code: approval.ReasonWindowOver, Severity: approval.Obstacle}, {Code: approval.ReasonSIP, Severity: approval.Note},
			}
		}},
		{"the approval is gone", approval.BlockedUnknown, func(_ *approval.Status, p *approval.Product) { p.Items[0].Kexts[0].Lost = true }},
		{"a profile allows it", approval.RestartPending, func(_ *approval.Status, p *approval.Product) { p.Items[0].Kexts[0].AllowedBy = approval.ByMDM }},
		{"a profile forbids it", approval.Managed, func(_ *approval.Status, p *approval.Product) {
			p.Reasons = []approval.Reason{{Code: approval.ReasonManaged, Severity: approval.Obstacle, About: []string{"Standard"}}}
		}},
		{"no source, and the log refuses", approval.Unknown, func(_ *approval.Status, p *approval.Product) {
			p.Window = statusWith(approval.BlockedOpen, "26.2").Products[0].Window
		}},
		{"no product", approval.NotInstalled, func(st *approval.Status, _ *approval.Product) { st.Products = nil }},
	} {
		write("Apple silicon, "+c.name, fuseWith(c.verdict, c.change))
	}
	golden(t, "testdata/guide.txt", out.String())
}

// The number of a step stays the same on the way through macOS Recovery, and each state of
// the Mac is at a later step than the one before.
func TestGuideKeepsItsNumbers(t *testing.T) {
	var before []GuideStep
	for _, tt := range []struct {
		at       approval.Verdict
		progress string
	}{
		{approval.NeedsRecovery, "Step 1 of 5"},
		{approval.BlockedUnknown, "Step 3 of 5"}, {approval.BlockedClosed, "Step 3 of 5"}, {approval.UpgradePending, "Step 3 of 5"},
		{approval.BlockedOpen, "Step 4 of 5"},
		{approval.RestartPending, "Step 5 of 5"},
	} {
		st := fuseWith(tt.at)
		steps := GuideTo(st).Steps
		if got := Progress(st.Products[0], st); got != tt.progress {
			t.Errorf("%s: %q, want %q", tt.at, got, tt.progress)
		}
		for i, s := range steps {
			want := StepLater
			switch now := fmt.Sprintf("Step %d of %d", i+1, len(steps)); {
			case now == tt.progress:
				want = StepNow
			case now < tt.progress:
				want = StepDone
			}
			if s.Number != i+1 || s.State != want {
				t.Errorf("%s: step %d has the number %d and is %s, want %s", tt.at, i+1, s.Number, s.State, want)
			}
			if before != nil && i < 2 && s.Do != before[i].Do {
				t.Errorf("%s: step %d changed: %q, before %q", tt.at, i+1, s.Do, before[i].Do)
			}
		}
		before = steps
	}
}

// Back from macOS Recovery, the alert names the step that is next. Somebody who was not
// there did not follow the steps.
func TestAlertNamesTheStep(t *testing.T) {
	for v, want := range map[approval.Verdict]string{approval.BlockedUnknown: "Step 3 of 5. ", approval.BlockedClosed: "Step 3 of 5. ", approval.RestartPending: "Step 5 of 5. "} {
		st := fuseWith(v)
		n := approval.Notice{Event: approval.BlockedNoWindow, Product: st.Products[0], From: string(approval.NeedsRecovery)}
		if a := Alert(n, st, true); !strings.HasPrefix(a.Body, want) {
			t.Errorf("%s: %q, want %q first", v, a.Body, want)
		}
		n.From = string(approval.Approved)
		if a := Alert(n, st, true); strings.Contains(a.Body, "Step ") {
			t.Errorf("%s, which was approved before: %q", v, a.Body)
		}
	}
}

// A guide has one step that is next, and says how far it is only if the state of the Mac
// tells that.
func TestGuideHasOneNextStep(t *testing.T) {
	for _, macOS := range []string{"", "10.15.7", "12.7.6", "26.2"} {
		for _, v := range approval.Verdicts {
			for _, st := range []approval.Status{statusWith(v, macOS), fuseWith(v), fuseWith(v, policyUnknown)} {
				g := GuideTo(st)
				now := 0
				for _, s := range g.Steps {
					if s.State == StepNow {
						now++
					}
					if s.Do == "" {
						t.Errorf("macOS %s, %s: step %d is empty", macOS, v, s.Number)
					}
				}
				if want := v.NeedsAction() || v == approval.Unknown; want != (now == 1) || now > 1 || !want && (len(g.Steps) > 0 || len(g.Notes) == 0) {
					t.Errorf("macOS %s, %s: %d steps are next, of %+v; notes %q", macOS, v, now, g.Steps, g.Notes)
				}
			}
		}
		st := statusWith(approval.BlockedOpen, macOS)
		if p := Progress(st.Products[0], st); p != "" {
			t.Errorf("macOS %s on Intel: %q, want nothing", macOS, p)
		}
	}
	for _, v := range approval.Verdicts {
		if st := fuseWith(v, policyUnknown); v != approval.NeedsRecovery && v != approval.RestartPending && Progress(st.Products[0], st) != "" {
			t.Errorf("%s, and the boot policy is not known: %q, want nothing", v, Progress(st.Products[0], st))
		}
	}
}

// The steps are about what needs them, also if nothing tries to load it at this moment.
func TestGuideProduct(t *testing.T) {
	with := func(products ...approval.Product) approval.Status { return approval.Status{Products: products} }
	product := func(name string, v approval.Verdict) approval.Product {
		return approval.Product{Name: name, Verdict: v}
	}
	listed := func(p approval.Product) approval.Product { p.Listed = true; return p }
	open := func(p approval.Product) approval.Product { p.Window = &approval.Window{Left: time.Minute}; return p }
	ignored := func(p approval.Product) approval.Product { p.Listed, p.Ignored = true, true; return p }
	uncertain := func(p approval.Product) approval.Product { p.Uncertain = true; return p }
	for _, tt := range []struct {
		name string
		st   approval.Status
		want string
	}{
		{"none", with(), ""},
		{"the leading one", with(product("a", approval.BlockedOpen), product("b", approval.Managed)), "a"},
		{"nothing to do", with(product("a", approval.Approved), listed(product("b", approval.NotAsked))), "a"},
		{"one that nothing tries to load now", with(product("a", approval.NotInstalled), listed(product("b", approval.BlockedUnknown))), "b"},
		{"unknown, and one that needs something", with(product("a", approval.Unknown), listed(product("b", approval.NeedsRecovery))), "b"},
		{"unknown with an open window", with(open(product("a", approval.Unknown)), listed(product("b", approval.NeedsRecovery))), "a"},
		{"ignored", with(product("a", approval.Approved), ignored(product("b", approval.BlockedUnknown))), "a"},
		{"not installed, and one that may need a restart", with(product("a", approval.NotInstalled), listed(uncertain(product("b", approval.Approved)))), "b"},
		{"not needed, and one that may need a restart", with(product("a", approval.NotNeeded), listed(uncertain(product("b", approval.Approved)))), "b"},
		{"approved, and one that may need a restart", with(product("a", approval.Approved), listed(uncertain(product("b", approval.Approved)))), "a"},
		{"unknown, and one that may need a restart", with(product("a", approval.Unknown), listed(uncertain(product("b", approval.Approved)))), "a"},
		{"one that may need a restart is ignored", with(product("a", approval.NotInstalled), ignored(uncertain(product("b", approval.Approved)))), "a"},
		{"all listed", with(listed(product("a", approval.NotAsked)), listed(product("b", approval.BlockedUnknown))), "b"},
		{"all ignored", with(ignored(product("a", approval.BlockedOpen))), "a"},
	} {
		if p, found := GuideProduct(tt.st); p.Name != tt.want || found != (tt.want != "") {
			t.Errorf("%s: %q, want %q", tt.name, p.Name, tt.want)
		}
	}
}

// The page refers to nothing outside, and a hostile name neither becomes markup nor
// controls a terminal.
func TestGuideOfHostileNames(t *testing.T) {
	guide := func(name string) Guide {
		st := fuseWith(approval.Managed)
		p := &st.Products[0]
		p.Developer, p.App, p.Known = name, &probe.App{Version: name, Build: name}, nil
		p.Items[0].Kexts[0] = approval.Kext{BundleID: name, Path: name, Developer: name, Blocked: true}
		st.Waiting = []approval.Developer{{TeamID: "EG7KH642X6", Name: name}}
		p.Reasons = []approval.Reason{
			{Code: approval.ReasonManaged, Severity: approval.Obstacle, About: []string{name}},
			{Code: approval.ReasonInputTool, Severity: approval.Obstacle, About: []string{name, name}},
		}
		g := GuideTo(st)
		p.Verdict = approval.BlockedUnknown
		g.Steps = append(g.Steps, GuideTo(st).Steps...)
		return g
	}
	before := elements(t, string(guide("Somebody").HTML()))
	for _, name := range hostileNames {
		g := guide(name)
		page := string(g.HTML())
		if after := elements(t, page); after != before {
			t.Errorf("%.30q: the page has %d elements, want %d", name, after, before)
		}
		for _, foreign := range []string{"<script", "http-equiv=\"refresh\"", "src=\"http", "href="} {
			if strings.Contains(page, foreign) {
				t.Errorf("%.30q: the page contains %q", name, foreign)
			}
		}
		for _, shown := range []string{page, g.Text(76)} {
			for _, r := range shown {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%.30q: shows %q", name, r)
					break
				}
			}
			if strings.Contains(shown, strings.Repeat("x", 900)) {
				t.Errorf("%.30q: a name is not cut", name)
			}
		}
		for line := range strings.Lines(g.Text(76)) {
			if len(line) > 1000 {
				t.Errorf("%.30q: a line of %d bytes", name, len(line))
			}
		}
	}
}

// The alert names the menu entry only if there is an icon with a menu.
func TestAlertLeadsToTheGuide(t *testing.T) {
	st := fuseWith(approval.NeedsRecovery)
	n := approval.Notice{Event: approval.NeedsRecoveryEvent, Urgency: approval.Plain, Product: st.Products[0]}
	if a := Alert(n, st, true); !strings.Contains(a.Body, "Choose Show the Steps… in the kextwatch menu") {
		t.Errorf("with an icon: %q", a.Body)
	}
	if a := Alert(n, st, false); strings.Contains(a.Body, "menu") || !strings.Contains(a.Body, "Reduced Security") {
		t.Errorf("without an icon: %q", a.Body)
	}
}

// The entry of the menu is dimmed if there are no steps, and the details say how far the
// user is.
func TestMenuLeadsToTheGuide(t *testing.T) {
	for _, v := range approval.Verdicts {
		m := Menu(fuseWith(v), around)
		first := m.Primary.Action == notify.ShowGuide && m.Primary.Label != ""
		if want := v.NeedsAction() || v == approval.Unknown; (m.Items[notify.ShowGuide].Enabled || first) != want {
			t.Errorf("%s: enabled %t, want %t", v, !want, want)
		}
		if first && m.Items[notify.ShowGuide].Label != "" {
			t.Errorf("%s: the entry is there twice", v)
		}
	}
	m := Menu(fuseWith(approval.BlockedUnknown), around)
	if !slices.Contains(m.Details, "Step 3 of 5: choose Show the Steps…") {
		t.Errorf("details %q, want the step", m.Details)
	}
	st := fuseWith(approval.BlockedUnknown)
	st.Products[0].Listed = true
	if m := Menu(st, around); !m.Items[notify.ShowGuide].Enabled && m.Primary.Action != notify.ShowGuide {
		t.Error("dimmed while nothing tries to load it, want the steps of what is listed")
	}
	if m := Menu(approval.Status{}, around); m.Items[notify.ShowGuide].Enabled {
		t.Error("enabled before the first snapshot")
	}
}

// The menu says that the agent forgets everything after a restart.
func TestMenuSaysThatNothingIsSaved(t *testing.T) {
	const line = "kextwatch cannot save: make room on the disk"
	for _, v := range approval.Verdicts {
		st := fuseWith(v)
		if slices.Contains(Menu(st, around).Details, line) {
			t.Errorf("%s: the files can be written", v)
		}
		st.Gaps = append(st.Gaps, probe.Gap{Source: probe.FactOwnFiles, Err: "no space left on device"})
		if m := Menu(st, around); !slices.Contains(m.Details, line) {
			t.Errorf("%s: details %q", v, m.Details)
		}
	}
}

// The guide that status names is the one that `kextwatch guide` shows.
func TestStatusLeadsToTheGuide(t *testing.T) {
	st := fuseWith(approval.BlockedUnknown)
	other := st.Products[0]
	other.Name = "Other"
	ignored := other
	ignored.Name, ignored.Listed, ignored.Ignored = "Ignored", true, true
	st.Products = append(st.Products, other, ignored)
	if text := Text(st).String(); strings.Count(text, "Step 3 of 5. kextwatch guide shows all of them.") != 1 {
		t.Errorf("status\n%s\nwant the step once", text)
	}
	st.Products = st.Products[2:]
	if text := Text(st).String(); strings.Contains(text, "Step ") {
		t.Errorf("status\n%s\nwant no step of an ignored developer", text)
	}
}

package view

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/hostile"
)

var update = flag.Bool("update", false, "rewrite the expected output")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

var around = Around{Version: "1.0", SnoozeMinutes: 10, AtLogin: probe.LoginJob{State: probe.LoginReady}}

var opened = time.Date(2026, 5, 6, 5, 45, 0, 0, time.UTC)

// statusWith returns the status of a Mac whose only product has this verdict.
func statusWith(v approval.Verdict, macOS string) approval.Status {
	p := approval.Product{
		Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Developer: "Parallels International GmbH", Verdict: v,
		App: &probe.App{Product: "Parallels Desktop", Version: "16.5.1", Build: "49187", Edition: probe.Standard},
	}
	item := approval.Item{Key: "4C6364ACXT /Applications/Parallels Desktop.app", Name: "Parallels Desktop", Verdict: v}
	for _, id := range []string{"hypervisor", "vnic"} {
		item.Kexts = append(item.Kexts, approval.Kext{
			BundleID: "com.parallels.kext." + id, Developer: p.Developer, Asked: true, Blocked: v.Blocked(), DiskVersion: "16.5.1 49187",
		})
	}
	switch v {
	case approval.BlockedOpen:
		item.Window = &approval.Window{Number: 1, OpenedAt: opened, ClosesAt: opened.Add(30 * time.Minute), Basis: approval.LoadHistory, Left: 25 * time.Minute}
	case approval.BlockedClosed:
		item.Window = &approval.Window{Number: 1, OpenedAt: opened, ClosesAt: opened.Add(30 * time.Minute), Basis: approval.LoadHistory}
	case approval.CannotLoad:
		item.Kexts[0].Failure = probe.Excluded
	case approval.LoadFailing:
		p.Proof = approval.RuleLoadFailing
	case approval.NotInstalled:
		p.App = nil
	}
	p.Window, p.Items = item.Window, []approval.Item{item}
	st := approval.Status{
		At: opened.Add(5 * time.Minute), Verdict: v, Products: []approval.Product{p}, Source: probe.Database,
		Mac:     probe.Mac{OS: probe.OSVersion{Version: macOS, Build: "1A1"}, Arch: probe.Intel, BootedAt: opened.Add(-time.Hour)},
		Sources: []probe.Source{{Name: probe.Database, State: probe.OK}},
		Compat:  approval.Compat(),
		Facts:   probe.Snapshot{Policy: &probe.Policy{Source: probe.Database}, Loaded: probe.Loaded{Known: true}},
	}
	if v == approval.Unknown {
		st.Source, st.Facts = "", probe.Snapshot{}
		st.Sources = []probe.Source{{Name: probe.Database, State: probe.Denied, Reason: "only root may read it", Next: "run sudo kextwatch status"}}
	}
	return st
}

var iconNames = map[notify.Icon]string{
	notify.IconUnsure: "unsure", notify.IconWell: "well", notify.IconWaiting: "waiting", notify.IconBlocked: "blocked", notify.IconTodo: "todo",
}

// The clock stays while the pane may have a button, and never longer.
func TestClockMeansButton(t *testing.T) {
	for _, v := range approval.Verdicts {
		st := statusWith(v, "12.7.6")
		if icon := shapeOf(st); (icon == notify.IconWaiting) != (PaneHelps(st) && v.NeedsAction()) {
			t.Errorf("%s: icon %s, the pane helps: %t", v, iconNames[icon], PaneHelps(st))
		}
		for i := range st.Products[0].Items[0].Kexts {
			st.Products[0].Items[0].Kexts[i].Lost = v.Blocked()
		}
		if icon := shapeOf(st); v == approval.BlockedUnknown && icon != notify.IconBlocked {
			t.Errorf("the approval is gone: icon %s", iconNames[icon])
		}
	}
}

// testdata/words.txt shows status and menu for every verdict on three versions of
// macOS.
func TestWords(t *testing.T) {
	var out strings.Builder
	for _, macOS := range []string{"10.15.7", "12.7.6", "26.2"} {
		for _, v := range approval.Verdicts {
			st := statusWith(v, macOS)
			fmt.Fprintf(&out, "=== macOS %s, %s\n%s", macOS, v, Text(st).String())
			writeMenu(&out, Menu(st, around))
		}
	}
	golden(t, "testdata/words.txt", out.String())
}

func writeMenu(out *strings.Builder, m notify.Menu) {
	fmt.Fprintf(out, "--- menu, icon %s, title %q\n%s\n", iconNames[m.Icon], m.Title, m.State)
	if m.Primary.Label != "" {
		fmt.Fprintf(out, "> %s (%s)\n", m.Primary.Label, m.Primary.Action)
	}
	for _, line := range m.Next {
		fmt.Fprintf(out, "  %s\n", line)
	}
	if len(m.Details) > 0 {
		out.WriteString("  Details\n")
	}
	for _, d := range m.Details {
		fmt.Fprintf(out, "    %s\n", d)
	}
	out.WriteString("\n")
}

// testdata/alerts.txt shows every alert and its line in the history.
func TestAlerts(t *testing.T) {
	older := &approval.Row{Major: 16, MaxMacOS: "10.14", ReleaseNotes: "https://kb.parallels.com/125053"}
	events := []struct {
		event approval.EventName
		after approval.Verdict
		made  *approval.Row
	}{
		{approval.WindowOpened, approval.BlockedOpen, nil},
		{approval.WindowReopened, approval.BlockedOpen, nil},
		{approval.WindowReminder, approval.BlockedOpen, nil},
		{approval.WindowClosed, approval.BlockedClosed, nil},
		{approval.WindowClosed, approval.Unknown, nil},
		{approval.BlockedNoWindow, approval.BlockedUnknown, nil},
		{approval.ApprovedEvent, approval.Approved, nil},
		{approval.RestartNeeded, approval.RestartPending, nil},
		{approval.KextsLoaded, approval.Approved, nil},
		{approval.UpgradeEvent, approval.UpgradePending, nil},
		{approval.LoadFailingEvent, approval.LoadFailing, nil},
		{approval.ManagedEvent, approval.Managed, nil},
		{approval.VerdictChanged, approval.Unknown, nil},
		{approval.VerdictChanged, approval.Incompatible, nil},
		{approval.MacOSUpdated, approval.NotAsked, nil},
		{approval.MacOSUpdated, approval.NotAsked, older},
		{approval.MacOSUpdated, approval.BlockedClosed, older},
		{approval.MacOSUpdated, approval.Incompatible, older},
		{approval.MacOSUpdated, approval.Unknown, nil},
		{approval.MacOSUpdated, approval.Approved, older},
		{approval.MacOSUpdated, approval.NotNeeded, older},
		{approval.MacOSUpdated, approval.Approved, nil},
		{approval.ParallelsUpdated, approval.BlockedClosed, nil},
		{approval.ParallelsInstalled, approval.NotAsked, nil},
		{approval.ParallelsRemoved, approval.NotInstalled, nil},
	}
	var out strings.Builder
	for _, macOS := range []string{"10.15.7", "26.2"} {
		for _, e := range events {
			st := statusWith(e.after, macOS)
			st.Products[0].Made = e.made
			n := approval.Notice{Event: e.event, Urgency: approval.Plain, Product: st.Products[0], Window: st.Products[0].Window, Minutes: 5, From: "16.5.0-49183", To: "16.5.1-49187"}
			if e.event == approval.MacOSUpdated {
				n.Product, n.From, n.To = approval.Product{}, "10.14.6", macOS
			}
			a := Alert(n, st, true)
			if a.Body == "" {
				a.Title = "(recorded, and not shown)" // nothing to do or to know
			}
			fmt.Fprintf(&out, "=== macOS %s, %s, now %s\n%s\n%s\nhistory: %s\n\n", macOS, e.event, e.after, a.Title, a.Body, EventText(n, st.Mac))
		}
	}
	golden(t, "testdata/alerts.txt", out.String())
}

// After an update, only what the user must do or know is announced, never that there is
// nothing to do.
func TestUpdateOfOneProductSaysNothingOfTheOthers(t *testing.T) {
	st := statusWith(approval.BlockedClosed, "10.15.7")
	for _, v := range []approval.Verdict{approval.Approved, approval.NotNeeded, approval.NotInstalled} {
		other := statusWith(v, "10.15.7").Products[0]
		other.Name = "Quiet"
		st.Products = append(st.Products, other)
	}
	n := approval.Notice{Event: approval.MacOSUpdated, Urgency: approval.Plain, From: "10.14.6", To: "10.15.7"}
	a := Alert(n, st, true)
	if !strings.HasPrefix(a.Body, "Parallels Desktop: blocked") || strings.Contains(a.Body, "Quiet") || strings.Contains(a.Body, "Nothing to do") {
		t.Errorf("body %q, want the blocked product alone", a.Body)
	}
}

// An alert that an update leads to also says that the product was made for an older
// macOS. It says it once.
func TestAlertAfterAnUpdateSaysMadeForOlderOnce(t *testing.T) {
	for _, tt := range []struct {
		event   approval.EventName
		verdict approval.Verdict
	}{
		{approval.KextsLoaded, approval.Approved},
		{approval.VerdictChanged, approval.Incompatible},
		{approval.MacOSUpdated, approval.Approved},
		{approval.MacOSUpdated, approval.Incompatible},
	} {
		st := statusWith(tt.verdict, "12.7.6")
		p := &st.Products[0]
		p.Made = &approval.Row{Major: 16, MaxMacOS: "11"}
		if tt.verdict == approval.BlockedOpen {
			p.Reasons = []approval.Reason{{Code: approval.ReasonTooOld, Severity: approval.Obstacle, About: []string{"11"}}}
		}
		n := approval.Notice{
			Event: tt.event, Urgency: approval.Plain, Product: *p, Window: p.Window, From: "11.7.10", To: "12.7.6",
			Updates: []approval.Update{{Event: approval.MacOSUpdated, Product: "macOS", From: "11.7.10", To: "12.7.6"}},
		}
		a := Alert(n, st, true)
		said := strings.Count(strings.ToLower(a.Body), "made for ")
		if said != 1 || strings.Count(strings.ToLower(a.Body), "update parallels desktop") != 1 {
			t.Errorf("%s, now %s: %q, want the older macOS and the way out once", tt.event, tt.verdict, a.Body)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the output differs from %s. Read the difference, then run go test -update", file)
		for i, line := range strings.Split(got, "\n") {
			if lines := strings.Split(string(want), "\n"); i >= len(lines) || lines[i] != line {
				t.Fatalf("line %d is %q", i+1, line)
			}
		}
	}
}

func TestAlertWithoutIconNamesThePane(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "10.15.7")
	n := approval.Notice{Event: approval.WindowOpened, Urgency: approval.Urgent, Product: st.Products[0], Window: st.Products[0].Window}
	a := Alert(n, st, false)
	if strings.Contains(a.Body, "icon") || !strings.Contains(a.Body, "System Preferences > Security & Privacy > General") || !a.Urgent {
		t.Errorf("alert %+v, want the path to the pane", a)
	}
}

// The text of an alert fits, and loses whole sentences from its end.
func TestFittedAlert(t *testing.T) {
	long := strings.Repeat("word ", 30)
	for text, want := range map[string]string{
		"":                  "",
		"Restart. Or wait.": "Restart. Or wait.",
		"Update it (https://example.com/a). Then restart.":  "Update it. Then restart.",
		"Update it (what it needs: https://example.com/a).": "Update it.",
		"Click Allow. macOS asks nothing. W" + long + ".":   "Click Allow. macOS asks nothing.",
		"Open “VMware, Inc. Tools” now. kextwatch " + long:  "Open “VMware, Inc. Tools” now.",
		long: strings.Repeat("word ", 22) + "word…",
	} {
		if got := fitted(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// No alert is longer than what macOS shows, whatever holds on this Mac.
func TestAlertsFit(t *testing.T) {
	for _, tag := range eachLanguage {
		for _, macOS := range []string{"10.15.7", "12.7.6", "26.2"} {
			for _, v := range approval.Verdicts {
				for _, st := range []approval.Status{statusWith(v, macOS), otherStatus("macFUSE", v, macOS, probe.AppleSilicon), otherStatus("Somebody", v, macOS, probe.Intel)} {
					alertsFit(t, inLanguage(st, tag))
				}
			}
		}
	}
}

func alertsFit(t *testing.T, st approval.Status) {
	p := &st.Products[0]
	for _, code := range []approval.ReasonCode{approval.ReasonNotAdmin, approval.ReasonPaneOpen, approval.ReasonRemote} {
		p.Reasons = append(p.Reasons, approval.Reason{Code: code, Severity: approval.Obstacle, About: []string{"TeamViewer"}})
	}
	st.Waiting = []approval.Developer{{TeamID: "EG7KH642X6", Name: "VMware, Inc."}, {TeamID: "PPNVCC9Z68", Name: "Tuxera Inc"}}
	for _, event := range approval.Events {
		n := approval.Notice{Event: event, Product: *p, Window: &approval.Window{ClosesAt: opened}, From: "11.7.10", To: "12.7.6",
			Updates: []approval.Update{{Event: approval.MacOSUpdated, Product: "macOS", From: "11.7.10", To: "12.7.6"}}}
		for _, tray := range []bool{true, false} {
			a := Alert(n, st, tray)
			cut := (event == approval.WindowOpened || event == approval.WindowReopened || event == approval.WindowReminder) && strings.HasSuffix(a.Body, "…")
			if utf8.RuneCountInString(a.Body) > alertLength || strings.Contains(a.Body, "https:") || strings.ContainsAny(a.Title+a.Body, "{}") || cut {
				t.Errorf("%q, macOS %s, %s, %s, tray %v: %q", st.Mac.Language, st.Mac.OS, p.Verdict, event, tray, a.Body)
			}
		}
	}
}

func TestAlertNamesTheUpdateThatOpenedTheWindow(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "10.15.7")
	n := approval.Notice{
		Event: approval.WindowOpened, Urgency: approval.Urgent, Product: st.Products[0], Window: st.Products[0].Window,
		Updates: []approval.Update{{Event: approval.MacOSUpdated, Product: "macOS", From: "10.14.6", To: "10.15.7"}},
	}
	if a := Alert(n, st, true); !strings.HasPrefix(a.Body, "Until 06:15: click") || !strings.HasSuffix(a.Body, "Since the update to macOS 10.15.7.") {
		t.Errorf("body %q, want the update after what to click", a.Body)
	}
}

func TestNextNamesDetailsForSeveralDevelopers(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	st.Waiting = []approval.Developer{{TeamID: "EG7KH642X6", Name: "VMware, Inc."}}
	next := Next(st.Products[0], st)
	if !strings.Contains(next, "click Details…, select “Parallels International GmbH”") {
		t.Errorf("next %q, want Details…", next)
	}
}

// Text from a database or a property list may be hostile. It must not reach the
// terminal or the menu without cleaning.
func TestHostileNames(t *testing.T) {
	for _, name := range hostileNames {
		st := statusWith(approval.BlockedOpen, "10.15.7")
		p := &st.Products[0]
		p.Developer, p.App.Version, p.App.Build = name, name, name
		p.Items[0].Kexts[0] = approval.Kext{BundleID: name, Path: name, Developer: name, Blocked: true, DiskVersion: name, LoadedVersion: name}
		st.Waiting = []approval.Developer{{TeamID: "EG7KH642X6", Name: name}}
		st.Gaps = []probe.Gap{{Source: "database", Err: name, Next: name}}
		st.Sources = append(st.Sources, probe.Source{Name: "reader", State: probe.Failed, Reason: name, Next: name})
		st.Fired = []approval.Fired{{Rule: approval.RuleScan, Subject: name}}
		menu := Menu(st, around)
		shown := append([]string{Explain(st, true).String(), menu.State, menu.Tooltip, menu.Primary.Label}, slices.Concat(menu.Next, menu.Details)...)
		n := approval.Notice{Event: approval.ParallelsUpdated, Urgency: approval.Plain, Product: *p, From: name, To: name}
		alert := Alert(n, st, true)
		shown = append(shown, alert.Title, alert.Body, EventText(n, st.Mac))
		for _, text := range shown {
			if !utf8.ValidString(text) {
				t.Errorf("%.20q: invalid text %.80q", name, text)
			}
			for _, r := range text {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%.20q: shows %q in %.80q", name, r, text)
					break
				}
			}
			for line := range strings.Lines(text) {
				if len(line) > 1000 {
					t.Errorf("%.20q: a line of %d bytes", name, len(line))
				}
			}
		}
	}
}

func TestMenuBeforeTheFirstSnapshot(t *testing.T) {
	m := Menu(approval.Status{}, around)
	if m.Icon != notify.IconUnsure || m.State == "" || m.Primary.Label == "" {
		t.Errorf("menu %+v, want the unknown icon, a state and a primary entry", m)
	}
}

// A job of an administrator is not switched from the menu.
func TestOpenAtLogin(t *testing.T) {
	for _, tt := range []struct {
		job              probe.LoginJob
		enabled, checked bool
	}{
		{probe.LoginJob{State: probe.LoginReady}, true, true},
		{probe.LoginJob{State: probe.LoginAbsent}, true, false},
		{probe.LoginJob{State: probe.LoginReady, OfAll: true}, false, true},
		{probe.LoginJob{State: probe.LoginProgramMissing, OfAll: true}, false, false},
		{probe.LoginJob{Why: "not permitted"}, false, false},
	} {
		item := Menu(statusWith(approval.Approved, "12.7.6"), Around{AtLogin: tt.job}).Items[notify.OpenAtLogin]
		if item.Enabled != tt.enabled || item.Checked != tt.checked {
			t.Errorf("%+v: %+v, want enabled %v, checked %v", tt.job, item, tt.enabled, tt.checked)
		}
	}
}

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		want string
	}{{30 * time.Minute, "██████████"}, {15 * time.Minute, "█████░░░░░"}, {0, "░░░░░░░░░░"}} {
		if got := Bar(tt.left, 30*time.Minute, 10); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.left, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("Parallels International GmbH")
	f.Add("\x1b[0m\u202e\xff")
	hostile.Fuzz(f, func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || len(got) > 210 {
			t.Errorf("Clean(%q) = %q", s, got)
		}
	})
}

// No policy source answers, but the log contains a refusal: there is a button to
// click.
func TestWindowWithoutASource(t *testing.T) {
	st := statusWith(approval.Unknown, "12.7.6")
	p := &st.Products[0]
	p.Window = &approval.Window{Number: 1, OpenedAt: st.At, ClosesAt: st.At.Add(approval.WindowLength), Left: approval.WindowLength, Basis: approval.Log}
	st.Sources = []probe.Source{{Name: probe.Framework, State: probe.Unsupported, Reason: strings.Repeat("no framework ", 20), Next: "look for a newer kextwatch"}}
	if next := Next(*p, st); !strings.HasPrefix(next, "Open System Preferences > Security & Privacy > General and click Allow") || !strings.Contains(next, "Look for a newer") {
		t.Errorf("next %q", next)
	}
	m := Menu(st, Around{})
	if m.Icon != notify.IconWaiting || m.Title != "30m" {
		t.Errorf("icon %v, title %q", m.Icon, m.Title)
	}
	for _, line := range m.Details {
		if n := utf8.RuneCountInString(line); n > 60 {
			t.Errorf("a line of %d characters: %q", n, line)
		}
	}
}

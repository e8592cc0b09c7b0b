package view

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/hostile"
)

func screenText(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		mark := "  "
		if l.Tone != NoTone {
			mark = "* "
		}
		b.WriteString(strings.TrimRight(mark+l.Text, " ") + "\n")
	}
	return b.String()
}

func TestScreen(t *testing.T) {
	past := []Past{{opened.Add(-time.Hour), "kextwatch started."}, {opened, "macOS blocked Parallels Desktop; the Allow button is there until 06:15."}}
	var out strings.Builder
	for _, size := range [][2]int{{80, 24}, {40, 24}, {80, 8}} {
		for _, v := range []approval.Verdict{approval.BlockedOpen, approval.Approved, approval.Unknown} {
			st := statusWith(v, "12.7.6")
			st.Gaps = []probe.Gap{{Source: "virtual machines", Err: "no tool answered", Next: "Start Parallels Desktop once."}}
			fmt.Fprintf(&out, "=== %d × %d, %s\n%s", size[0], size[1], v, screenText(Live{Status: st, Past: past, Keys: size[0] == 80}.Screen(size[0], size[1])))
		}
	}
	golden(t, "testdata/screen.txt", out.String())
}

// The screen always fits into the terminal, and the state of the product comes
// first.
func TestScreenFits(t *testing.T) {
	for _, columns := range []int{1, 20, 33, 80, 300} {
		for _, rows := range []int{1, 5, 24, 100} {
			for _, v := range approval.Verdicts {
				st := statusWith(v, "26.2")
				st.Products[0].App = &probe.App{Product: "Parallels Desktop", Version: strings.Repeat("9", 500)}
				var past []Past
				for range 200 {
					past = append(past, Past{opened, strings.Repeat("word ", 30)})
				}
				lines := Live{Status: st, Past: past, Keys: true, Said: "Opened. " + strings.Repeat("x", 10)}.Screen(columns, rows)
				if len(lines) > max(rows, 5) {
					t.Errorf("%d × %d, %s: %d lines", columns, rows, v, len(lines))
				}
				for _, l := range lines {
					if n := utf8.RuneCountInString(l.Text); n > max(columns, 20) || strings.Contains(l.Text, "\n") {
						t.Errorf("%d × %d, %s: a line of %d characters: %q", columns, rows, v, n, l.Text)
					}
				}
			}
		}
	}
}

func FuzzScreen(f *testing.F) {
	f.Add("Parallels International GmbH", 80, 24)
	f.Add("\x1b[2J\u202e\xff\x00 "+strings.Repeat("x", 300), 33, 5)
	f.Add("19H2026\x9b31m", 1, 1)
	hostile.Fuzz(f, func(t *testing.T, name string, columns, rows int) {
		if len(name) > 16*probe.MaxText {
			t.Skip() // no reader returns such a text
		}
		columns, rows = columns%500, rows%500
		st := statusWith(approval.BlockedOpen, "12.7.6")
		p := &st.Products[0]
		p.Developer, p.App.Version, p.App.Build, st.Mac.OS.Build = name, name, name, name
		st.Waiting = []approval.Developer{{TeamID: "EG7KH642X6", Name: name}}
		st.Gaps = []probe.Gap{{Source: "database", Err: name, Next: name}}
		for _, l := range (Live{st, []Past{{opened, name}}, true, name}).Screen(columns, rows) {
			if strings.ContainsFunc(l.Text, func(r rune) bool { return !unicode.IsPrint(r) }) || utf8.RuneCountInString(l.Text) > max(columns, 20) {
				t.Errorf("%d × %d: %q", columns, rows, l.Text)
			}
		}
	})
}

func TestPlainLines(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "10.15.7")
	p := st.Products[0]
	want := "Parallels Desktop 16.5.1 (49187): waiting for your approval, 25 minutes left. " +
		"Next: Open System Preferences > Security & Privacy > General and click Allow. If the button does nothing, press Tab until it is selected, then press Space."
	if got := PlainState(st); len(got) != 1 || got[0] != want {
		t.Errorf("state %q, want %q", got, want)
	}
	changed := approval.Notice{Event: approval.VerdictChanged, Product: p}
	opened := approval.Notice{Event: approval.WindowOpened, Product: p, Window: p.Window}
	want = "macOS blocked Parallels Desktop; the Allow button is there until 06:15. " +
		"Next: Open System Preferences > Security & Privacy > General and click Allow. If the button does nothing, press Tab until it is selected, then press Space."
	if got := PlainChange([]approval.Notice{changed, opened}, st); len(got) != 1 || got[0] != want {
		t.Errorf("change %q, want %q alone", got, want)
	}
	if got := PlainChange([]approval.Notice{changed}, st); len(got) != 1 || !strings.HasPrefix(got[0], "Parallels Desktop: waiting") {
		t.Errorf("change %q, want the new verdict", got)
	}
	if got := PlainChange(nil, st); got != nil {
		t.Errorf("no change: %q", got)
	}
}

func TestNotifyTestNamesTheSettingsOfThisMacOS(t *testing.T) {
	for version, want := range map[string]string{
		"10.13.6": "System Preferences > Notifications > Script Editor",
		"12.7.6":  "System Preferences > Notifications > Script Editor",
		"13.0":    "System Settings > Notifications > Script Editor",
		"":        "System Settings > Notifications > Script Editor",
	} {
		if _, next := TestPosted(probe.Mac{OS: probe.OSVersion{Version: version}}, true); !strings.Contains(next, want) {
			t.Errorf("macOS %s: %q, want %q", version, next, want)
		}
	}
	if _, next := TestPosted(probe.Mac{}, false); strings.Contains(next, "System") {
		t.Errorf("on Linux: %q", next)
	}
}

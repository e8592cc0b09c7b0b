package view

import (
	"strings"
	"testing"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

func TestBrokenLines(t *testing.T) {
	for name, c := range map[string]struct {
		columns    int
		text, want string
	}{
		"short":                      {40, "macFUSE: approved", "macFUSE: approved\n"},
		"aligned below label":        {40, "  Next    Open System Settings and click Allow, then restart.", "  Next    Open System Settings and click\n          Allow, then restart.\n"},
		"without a label":            {40, "macFUSE: blocked until you change the startup security", "macFUSE: blocked until you change the\nstartup security\n"},
		"a path stays whole":         {40, "  kext    /Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext is there", "  kext    /Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext\n          is there\n"},
		"no room for a label":        {40, strings.Repeat("x", 38) + "  the rest of the line is long, too", strings.Repeat("x", 38) + "\n    the rest of the line is long, too\n"},
		"a column in the right half": {40, "  sip enabled|disabled|custom  System Integrity Protection is changed", "  sip enabled|disabled|custom\n      System Integrity Protection is\n      changed\n"},
		"below its label":            {40, "  Window  ██████████████  10:02 – 10:32 (from the log)", "  Window  ██████████████\n          10:02 – 10:32 (from the log)\n"},
		"in the middle of a gap":     {40, "  new" + strings.Repeat(" ", 42) + "make a simulated Mac", "  new\n      make a simulated Mac\n"},
		"indented too far":           {40, strings.Repeat(" ", 30) + "Minutes left at which you are reminded.", "    Minutes left at which you are\n    reminded.\n"},
		"letters, not bytes":         {10, "ÄÖÜ ÄÖÜ ÄÖÜ", "ÄÖÜ ÄÖÜ\nÄÖÜ\n"},
		"an empty line":              {10, "", "\n"},
	} {
		if got := (Lines{{Text: c.text}}).Broken(c.columns).String(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// Two ways have numbers, one has none.
func TestNumberedWays(t *testing.T) {
	for step, want := range map[string]string{
		"Click Allow.": "  Next    Click Allow.\n",
		"Click Allow. If that fails, restart. Or use version 7. Or remove it.": "  Next    1  Click Allow. If that fails, restart.\n          2  Use version 7.\n          3  Remove it.\n",
		"": "",
	} {
		var l Lines
		if l.next(step); l.String() != want {
			t.Errorf("%q:\n%s\nwant\n%s", step, l, want)
		}
	}
}

// Breaking a text changes only where its lines end.
func TestBrokenLinesKeepTheWords(t *testing.T) {
	for _, v := range approval.Verdicts {
		st := otherStatus("macFUSE", v, "26.2", probe.AppleSilicon)
		for _, text := range []Lines{Text(st), Explain(st, true), CheckText(Checks(st, Own{}), true)} {
			for _, columns := range []int{40, 60, 100, 120} {
				broken := text.Broken(columns)
				if got, want := strings.Fields(broken.String()), strings.Fields(text.String()); strings.Join(got, " ") != strings.Join(want, " ") {
					t.Fatalf("%s, %d columns: the words changed", v, columns)
				}
				for _, line := range broken {
					if n := utf8.RuneCountInString(line.Text); n > columns && len(strings.Fields(line.Text)) > 2 {
						t.Errorf("%s: a line of %d characters in %d columns: %s", v, n, columns, line.Text)
					}
				}
			}
		}
	}
}

// What is not ok comes first, the worst before the others, and the same advice once.
func TestOrderOfChecks(t *testing.T) {
	got := CheckText([]Check{
		{"a", Ok, "fine", "", ""}, {"b", Unsure, "who knows", "", "Ask."}, {"c", Warn, "careful", "", "Restart."}, {"d", Fail, "broken", "why", "Restart."}, {"e", Ok, "fine, too", "", ""},
	}, false).String()
	const want = `X FAIL     d: broken
           why
           Next: Restart.
! warn     c: careful
           Next: as for d
? unknown  b: who knows
           Next: Ask.

1 failed, 1 warning, 1 unknown; 2 checks passed (--all shows them)
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// advice that is a part of other advice is the same
	parts := CheckText([]Check{{"a", Fail, "blocked", "", "Try again. Then click Allow."}, {"b", Fail, "over", "", "Try again."}}, true).String()
	if !strings.Contains(parts, "b: over\n           Next: as for a\n") {
		t.Errorf("the part of an advice is repeated:\n%s", parts)
	}
	if got := CheckText([]Check{{"a", Ok, "fine", "", ""}}, true).String(); got != "ok         a: fine\n\n1 check passed\n" {
		t.Errorf("all is well: %q", got)
	}
}

// Where nothing on this Mac needs a kernel extension, most checks were not made. That is one
// entry, without a next step that changes nothing.
func TestChecksThatNothingNeeds(t *testing.T) {
	st, own := silicon()
	st.Verdict, st.Products[0].Verdict, st.Products[0].Loaded = approval.NotNeeded, approval.NotNeeded, false
	st.Facts = probe.Snapshot{Updates: st.Facts.Updates}
	checks := Checks(st, own)
	text := CheckText(checks, false).String()
	for _, want := range []string{
		"? unknown  parallels.service, ", "session.locked", notNeeded, "Next: " + noAction,
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%d times %q, want once, in\n%s", strings.Count(text, want), want, text)
		}
	}
	if strings.Contains(text, "Check again in a moment.") {
		t.Errorf("checking again changes nothing, but is advised:\n%s", text)
	}
	if all := CheckText(checks, true).String(); !strings.Contains(all, "? unknown  session.locked: ") {
		t.Errorf("--all does not show each check:\n%s", all)
	}
}

// What runs on another Mac is not known from its disk, and what is installed here does not
// help there.
func TestChecksOfAnotherMacsDisk(t *testing.T) {
	st, own := allWell()
	st.Mac.Offline = true
	own.AtLogin.State, own.Running, own.Tray = probe.LoginAbsent, probe.No, "no display"
	for _, c := range Checks(st, own) {
		switch c.ID {
		case "agent.running", "tray", "notifications":
			if c.Level != Unsure || c.Next != onThatMac {
				t.Errorf("%s is %s, with the next step %q", c.ID, c.Level, c.Next)
			}
		case "agent.installed":
			if c.Next != "On that Mac, run kextwatch install." {
				t.Errorf("the next step of %s is %q", c.ID, c.Next)
			}
		}
	}
}

// What is cut ends after a word, and not after the first words of a sentence.
func TestCutAfterWord(t *testing.T) {
	for text, want := range map[string]string{
		"then restart the Mac. If nothing waits":       "then restart the Mac. …",
		"restart. If nothing waits there, start again": "restart. If nothing waits…",
		"a text without a sentence that ends here":     "a text without a sentence…",
		"it fits": "it fits",
	} {
		if got := cutAfterWord(text, 28); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
	if got := Clean(strings.Repeat("word ", 60)); !strings.HasSuffix(got, " word…") {
		t.Errorf("a long text is cut to %q", got)
	}
}

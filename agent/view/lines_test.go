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
	if got := CheckText([]Check{{"a", Ok, "fine", "", ""}}, true).String(); got != "ok         a: fine\n\n1 check passed\n" {
		t.Errorf("all is well: %q", got)
	}
}

package probe

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is not known is neither yes nor no.
func TestUnknownIsNoAnswer(t *testing.T) {
	for state, want := range map[LoginState]Answer{"": "", LoginReady: Yes, LoginAbsent: No, LoginDamaged: No, LoginRefused: No, LoginProgramMissing: No, LoginOtherProgram: No} {
		if got := (LoginJob{State: state}).Starts(); got != want {
			t.Errorf("a login job that is %q starts: %q, want %q", state, got, want)
		}
	}
	for _, tt := range []struct {
		present, overrides Answer
		forbids            bool
	}{{Yes, No, true}, {Yes, Yes, false}, {Yes, "", false}, {No, No, false}, {"", No, false}} {
		if got := (KextProfile{Present: tt.present, UserOverrides: tt.overrides}).ForbidsUsers(); got != tt.forbids {
			t.Errorf("a profile (present %q, overrides %q) forbids users: %t, want %t", tt.present, tt.overrides, got, tt.forbids)
		}
	}
}

// Only the database and its copy have the times of attempts, and only if their load
// history has the usual form.
func TestWhoTellsTimes(t *testing.T) {
	for source, want := range map[SourceName]bool{Database: true, Reader: true, Framework: false, "": false} {
		p := Policy{Source: source}
		if source.TellsTimes() != want || p.TellsTimes() != want {
			t.Errorf("%q tells times: %t, want %t", source, p.TellsTimes(), want)
		}
		if p.HistoryErr = "no column last_seen"; p.TellsTimes() {
			t.Errorf("%q tells times without the load history", source)
		}
	}
}

func TestOutcomesThatNoApprovalChanges(t *testing.T) {
	for _, o := range []Outcome{Tried, Refused, Upgrade, NeedsRestart, Permitted} {
		if o.Failure() {
			t.Errorf("an approval changes %q", o)
		}
	}
	for _, o := range Failures {
		if !o.Failure() {
			t.Errorf("no approval changes %q", o)
		}
	}
}

func TestWaitingExtensions(t *testing.T) {
	s := Situation{Extensions: []SystemExtension{
		{BundleID: "com.example.net", State: "activated waiting for user"},
		{BundleID: "com.example.on", State: "activated enabled"},
	}}
	if got := s.WaitingExtensions(); !slices.Equal(got, []string{"com.example.net"}) {
		t.Errorf("%v wait, want only the one that waits for the user", got)
	}
}

func TestPathsOfParallels(t *testing.T) {
	for path, want := range map[string]bool{
		"/Applications/Parallels Desktop.app/Contents/MacOS/x":                                        true,
		"/Library/StagedExtensions/Applications/Parallels Desktop.app/Contents/x.kext":                true,
		"/Users/anna/Parallels.app/Contents/Library/Extensions/10.9/prl_vnic.kext":                    true,
		"/Users/anna/Other.app/Contents/Library/Extensions/10.9/vnic.kext":                            false,
		"/Library/Extensions/prl_vnic.kext":                                                           false,
		"/Applications/Parallels Desktop.app.old/Contents/x":                                          false,
		"/Library/StagedExtensions/Users/a/P.app/Contents/Library/Extensions/10.9/prl_netbridge.kext": true,
	} {
		if got := InParallels(path); got != want {
			t.Errorf("%s is in Parallels: %t, want %t", path, got, want)
		}
	}
}

// Vendors install newer kexts under the bundle IDs of those that come with macOS, so the
// place and the team count, too.
func TestKextsThatComeWithMacOS(t *testing.T) {
	const iop, raid = "com.highpoint-tech.kext.HighPointIOP", "com.softraid.driver.SoftRAID"
	for _, tt := range []struct {
		team, id, path string
		want           bool
	}{
		{"DX6G69M9N2", iop, Extensions + "/HighPointIOP.kext", true},
		{"", iop, Extensions + "/HighPointIOP.kext", true},
		{"AAAAAAAAAA", iop, Extensions + "/HighPointIOP.kext", false},
		{"DX6G69M9N2", iop, "/Library/Application Support/HighPointIOP.kext", false},
		{"BBBBBBBBBB", raid, Extensions + "/SoftRAID.kext", true},
		{"", "com.example.other", Extensions + "/SoftRAID.kext", false},
	} {
		if got := ShippedWithMacOS(tt.team, tt.id, tt.path); got != tt.want {
			t.Errorf("%s of %q at %s comes with macOS: %t, want %t", tt.id, tt.team, tt.path, got, tt.want)
		}
	}
}

// A long value is replaced by one that no real value equals, and bytes that are no text do
// not pass.
func TestLongAndBrokenTexts(t *testing.T) {
	for text, want := range map[string]string{"": "", "com.example": "com.example", "a\xffb": "a\uFFFDb", strings.Repeat("a", MaxText): strings.Repeat("a", MaxText), strings.Repeat("a", MaxText+1): TooLong} {
		if got := Cap(text); got != want {
			t.Errorf("%.20q… becomes %.20q…, want %.20q…", text, got, want)
		}
	}
}

func TestEarlierTime(t *testing.T) {
	a, b := time.Unix(1, 0), time.Unix(2, 0)
	if Earlier(a, b) != a || Earlier(b, a) != a {
		t.Error("the later time was returned")
	}
}

// A signal that nobody received yet is not sent again, and never blocks.
func TestASignalNeverBlocks(t *testing.T) {
	c := make(chan struct{}, 1)
	Signal(c)
	Signal(c)
	if len(c) != 1 {
		t.Errorf("%d signals, want one", len(c))
	}
}

// The reason of a missing fact is foreign text.
func TestTheReasonOfAGapIsPrintable(t *testing.T) {
	g := NewGap(FactSIP, errors.New("csrutil: \x1b[31mfailed"), "Try again.")
	if strings.Contains(g.Err, "\x1b") || !strings.Contains(g.Err, "failed") || g.Source != FactSIP || g.Next != "Try again." {
		t.Errorf("%+v", g)
	}
}

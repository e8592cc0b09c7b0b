package approval

import (
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
)

// Each of these facts alone shows that there is, or was, an extension.
func TestOneFactIsEnough(t *testing.T) {
	const id = "com.example.kext"
	for name, f := range map[string]kextFacts{
		"a row of the policy": {row: &probe.PolicyRow{}},
		"the memory":          {recalled: true},
		"a file":              {disk: []probe.Kext{{Path: "/Library/Extensions/example.kext"}}},
		"the load history":    {history: []probe.LoadRecord{{}}},
		"a refusal":           {reported: []probe.Attempt{{}}},
		"the kernel":          {loaded: "1.0"},
	} {
		if f.bundleID = id; !f.exists() {
			t.Errorf("%s is not enough", name)
		}
	}
	if (&kextFacts{bundleID: id}).exists() {
		t.Error("there is an extension without a fact")
	}
}

// The products of Parallels keep their names whatever their extensions are called, and every
// other developer is one product.
func TestProductsOfTheFacts(t *testing.T) {
	of := func(team, id, path string) *kextFacts {
		return &kextFacts{teamID: team, bundleID: id, known: knownKext(team, id), disk: []probe.Kext{{Path: path}}}
	}
	vnic := of(probe.ParallelsTeamID, "com.parallels.kext.vnic", "/Applications/Parallels Desktop.app/prl_vnic.kext")
	vnic.row = &probe.PolicyRow{Developer: "Parallels International GmbH"}
	got := Vendors{All: true}.products([]*kextFacts{
		of("EG7KH642X6", "com.example.first", "/Library/Extensions/first.kext"),
		vnic,
		of("EG7KH642X6", "com.example.second", "/Library/Extensions/second.kext"),
		of("", "com.example.unsigned", "/Library/Extensions/Unsigned.kext"),
	})
	var names []string
	for _, w := range got {
		names = append(names, w.name)
	}
	var want []string
	for _, w := range parallelsProducts {
		want = append(want, w.name)
	}
	want = append(want, teamName("EG7KH642X6"), "Unsigned")
	if !slices.Equal(names, want) {
		t.Errorf("products %q, want %q", names, want)
	}
}

// Without a path, the bundle ID is the name.
func TestFileNames(t *testing.T) {
	for _, tc := range []struct{ path, want string }{{"/Library/Extensions/Some Driver.kext", "Some Driver"}, {"", "com.example.kext"}} {
		f := &kextFacts{bundleID: "com.example.kext", disk: []probe.Kext{{Path: tc.path}}}
		if got := f.fileName(); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.path, got, tc.want)
		}
	}
}

// Two developers with one name are told apart. What this program calls a team or a product of
// Parallels is no developer's choice, and stays.
func TestUniqueNames(t *testing.T) {
	const team, other = "ABCDE12345", "EG7KH642X6"
	got := uniqueNames([]watched{
		{name: "Same", teamID: team}, {name: "Same", teamID: other}, {name: "Same", bundleID: "com.example.kext"},
		{name: "Alone", teamID: team},
		{name: teamName(team), teamID: team}, {name: teamName(team), teamID: other},
		{name: "Parallels Desktop", teamID: probe.ParallelsTeamID}, {name: "Parallels Desktop", teamID: team},
	})
	want := []string{
		"Same (ABCDE12345)", "Same (EG7KH642X6)", "Same (com.example.kext)", "Alone",
		teamName(team), teamName(team) + " (EG7KH642X6)", "Parallels Desktop", "Parallels Desktop (ABCDE12345)",
	}
	for i, w := range got {
		if w.name != want[i] {
			t.Errorf("%q, want %q", w.name, want[i])
		}
	}
}

// An item that moved keeps what was said: its newer window leads if it led, and belongs to
// the session of the newest attempt.
func TestJoinedItems(t *testing.T) {
	window := func(n int, closes time.Time) Window {
		return Window{Number: n, OpenedAt: closes.Add(-WindowLength), ClosesAt: closes}
	}
	for _, tc := range []struct {
		name          string
		here, there   ItemMemory
		lead          string // before: the window that led
		session, want string
	}{
		{"the other is newer", ItemMemory{Session: "A", Windows: 1, Window: window(1, at(30)), Attempts: []Attempt{{At: at(0)}}},
			ItemMemory{Session: "B", Windows: 4, Window: window(4, at(50)), Attempts: []Attempt{{At: at(20)}}}, windowID("there", 4), "B", windowID("here", 2)},
		{"the other is newer and did not lead", ItemMemory{Session: "A", Windows: 1, Window: window(1, at(30)), Attempts: []Attempt{{At: at(0)}}},
			ItemMemory{Session: "B", Windows: 4, Window: window(4, at(50)), Attempts: []Attempt{{At: at(20)}}}, windowID("here", 1), "B", windowID("here", 1)},
		{"the other is older", ItemMemory{Session: "A", Windows: 1, Window: window(1, at(50)), Attempts: []Attempt{{At: at(20)}}},
			ItemMemory{Session: "B", Windows: 4, Window: window(4, at(30)), Attempts: []Attempt{{At: at(0)}}}, windowID("here", 1), "A", windowID("here", 1)},
		{"of one moment", ItemMemory{Session: "A", Attempts: []Attempt{{At: at(20)}}}, ItemMemory{Session: "B", Attempts: []Attempt{{At: at(20)}}}, "", "A", ""},
		{"nothing here", ItemMemory{}, ItemMemory{Session: "B", Attempts: []Attempt{{At: at(0)}}}, "", "B", ""},
		{"nothing there", ItemMemory{Session: "A", Attempts: []Attempt{{At: at(0)}}}, ItemMemory{Session: "B"}, "", "A", ""},
	} {
		got, announced := tc.here.join("here", tc.there, "there", Announced{Lead: tc.lead})
		if got.Session != tc.session || announced.Lead != tc.want {
			t.Errorf("%s: session %s, lead %q; want %s, %q", tc.name, got.Session, announced.Lead, tc.session, tc.want)
		}
	}
}

// What one rule proved in this boot is not what another one would.
func TestFailedByARule(t *testing.T) {
	a := &assessment{snap: probe.Snapshot{Mac: probe.Mac{BootSession: "now"}}}
	is := KextMemory{FailedIn: "now", FailedBy: RuleAttemptFailed}
	earlier := KextMemory{FailedIn: "before", FailedBy: RuleAttemptFailed}
	if !a.failed(is, RuleAttemptFailed) || a.failed(is, RuleRunsWithout) || a.failed(earlier, RuleAttemptFailed) {
		t.Error("failed mixes up rules or boots")
	}
}

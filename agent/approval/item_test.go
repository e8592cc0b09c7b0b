package approval

import (
	"testing"
	"time"

	"kextwatch/probe"
)

// An item has the name of its application. Outside of one, the only extension of an unknown
// developer has the name of its file, and everything else that of its product.
func TestItemNames(t *testing.T) {
	w := watched{name: "The Developer"}
	on := func(path string, known *KnownKexts) *kextFacts {
		return &kextFacts{known: known, disk: []probe.Kext{{Path: path}}}
	}
	stranger := on("/Library/Extensions/Strange.kext", nil)
	for _, tc := range []struct {
		at    string
		facts []*kextFacts
		want  string
	}{
		{"/Applications/Some App.app", []*kextFacts{stranger}, "Some App"},
		{"/Library/Extensions", []*kextFacts{stranger}, "Strange"},
		{"/Library/Extensions", []*kextFacts{on("/Library/Extensions/Known.kext", &KnownKexts{})}, "The Developer"},
		{"/Library/Extensions", []*kextFacts{stranger, on("/Library/Extensions/Other.kext", nil)}, "The Developer"},
	} {
		if got := itemName(w, tc.at, tc.facts); got != tc.want {
			t.Errorf("%s with %d extensions: %q, want %q", tc.at, len(tc.facts), got, tc.want)
		}
	}
}

// macOS was asked about an extension if the policy has a row of it.
func TestAskedMeansThatThereIsARow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.policy().Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: allKexts[0], Allowed: true}}
	s.said(at(2))
	for _, k := range s.last.Products[0].Kexts() {
		if want := k.BundleID == allKexts[0]; k.Asked != want {
			t.Errorf("%s: asked %v, want %v", k.BundleID, k.Asked, want)
		}
	}
}

// From macOS 11, other code needs a new approval, even in the same version. Its hash tells,
// where both are known.
func TestOtherCodeInTheSameVersion(t *testing.T) {
	const version = "1.0"
	for _, tc := range []struct {
		seen, now string
		want      bool
	}{
		{"aa", "aa", false},
		{"aa", "bb", true},
		{"", "bb", false},
		{"aa", "", false},
	} {
		f := &kextFacts{disk: []probe.Kext{{Version: version}}, history: []probe.LoadRecord{{CDHash: tc.now}}}
		if got := f.replaced(KextMemory{LoadedVersion: version, LoadedCDHash: tc.seen}); got != tc.want {
			t.Errorf("loaded with %q, now %q: replaced %v, want %v", tc.seen, tc.now, got, tc.want)
		}
	}
}

// A remembered attempt counts for the length of a window. One in the future, after the clock
// was set back, counts only while its window is open.
func TestRememberedAttempts(t *testing.T) {
	now := at(60)
	const team, id = "EG7KH642X6", "com.example.kext"
	for _, tc := range []struct {
		ago  time.Duration
		left time.Duration
		want bool
	}{
		{0, 0, true},
		{WindowLength, 0, true},
		{WindowLength + time.Second, 0, false},
		{-time.Second, 0, false},
		{-time.Hour, 10 * time.Minute, true},
		{time.Hour, 10 * time.Minute, true},
	} {
		item := ItemMemory{Attempts: []Attempt{{At: now.Add(-tc.ago), BundleID: id}}}
		if tc.left > 0 {
			item.Window = Window{Number: 1, OpenedAt: now, ClosesAt: now.Add(tc.left), Left: tc.left, LeftAt: now}
		}
		x := newIndex(nil, Memory{Items: map[string]ItemMemory{key(team, "/Library/Extensions"): item}}, probe.Snapshot{}, now)
		if got := x.attempted[key(team, id)]; got != tc.want {
			t.Errorf("%v ago, %v left: %v, want %v", tc.ago, tc.left, got, tc.want)
		}
	}
}

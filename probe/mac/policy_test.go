package mac

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestFrameworkBesideBetterSource(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	s.sql(`INSERT INTO kext_policy VALUES ('4C6364ACXT', 'com.parallels.kext.hypervisor', 1, '', 1), ('4C6364ACXT', 'com.parallels.kext.usbconnect', 1, '', 1)`)
	a := &queryStory{snapshotStory: s, now: snapshotAt}
	a.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "[]"))
	old := time.Now().Add(-time.Hour)
	settle := func() {
		mactest.NoError(t, os.Chtimes(filepath.Join(s.m.Root, probe.KextPolicy), old, old))
		old = old.Add(time.Minute)
	}
	a.move(parallelsInfo)
	settle()
	if snap := a.want("a look", 0, false, 0); len(snap.Sources) != 2 || snap.Disagree != "" {
		t.Errorf("%+v, %q", snap.Sources, snap.Disagree)
	}
	a.wantIn("a better source answers", 0, false)
	const differ = "com.parallels.kext.usbconnect is allowed by the database, not by the framework; com.parallels.kext.vnic is allowed by the framework, not by the database"
	snap := a.want("somebody asks", 0, true, 1)
	if snap.Policy.Source != probe.Database || len(snap.Sources) != 3 || snap.Disagree != differ {
		t.Errorf("%+v, %q", snap.Sources, snap.Disagree)
	}
	if snap = a.want("somebody asks again, nothing moved", 0, true, 0); snap.Disagree != differ {
		t.Errorf("%q", snap.Disagree)
	}
	published := &probe.Policy{Source: probe.Reader, ReadAt: time.Now()}
	if got := disagree(published, s.prober.framework.Comparable(s.m, published)); !strings.Contains(got, "allowed by the framework, not by the reader") {
		t.Errorf("the reader: %q", got)
	}
	published.ReadAt = old.Add(-time.Hour)
	if got := disagree(published, s.prober.framework.Comparable(s.m, published)); got != "" {
		t.Errorf("the reader, from before the policy moved: %q", got)
	}
	s.sql(`UPDATE kext_policy SET flags = 5`)
	settle()
	if snap = a.want("the policy moved", 0, false, 0); snap.Disagree != "" || len(snap.Sources) != 3 {
		t.Errorf("an old answer compared with a new one: %q", snap.Disagree)
	}
	s.sql(`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', NULL, 1, 'uuid')`)
	settle()
	if snap = a.want("a profile allows the team", 0, true, 1); snap.Disagree != "" {
		t.Errorf("%q", snap.Disagree)
	}
	mactest.Remove(t, s.m.Root, probe.KextPolicy)
	if snap = a.want("the database is gone", 0, false, 1); snap.Policy == nil || snap.Policy.Source != probe.Framework {
		t.Errorf("%+v", snap.Sources)
	}
	s.m.NoTools = true
	s.prober = NewProber(s.m)
	if snap = a.want("files only", 0, true, 0); snap.Policy != nil || len(snap.Sources) != 2 {
		t.Errorf("%+v", snap.Sources)
	}
}

// Two sources are compared for every vendor but Apple. What a profile allows is left out,
// for its team or its kext only.
func TestDisagree(t *testing.T) {
	row := func(team, bundle string) probe.PolicyRow {
		return probe.PolicyRow{TeamID: team, BundleID: bundle, Allowed: true}
	}
	blocked := row("A", "com.example.a")
	blocked.Allowed = false
	for name, c := range map[string]struct {
		database, framework []probe.PolicyRow
		mdm                 []probe.MDMRow
		want                string
	}{
		"the same":                  {[]probe.PolicyRow{row("A", "com.example.a")}, []probe.PolicyRow{row("A", "com.example.a")}, nil, ""},
		"another vendor":            {[]probe.PolicyRow{row("A", "com.example.a")}, []probe.PolicyRow{blocked}, nil, "com.example.a is allowed by the database, not by the framework"},
		"another team":              {nil, []probe.PolicyRow{row("B", "com.example.a")}, []probe.MDMRow{{TeamID: "A", Allowed: true}}, "com.example.a is allowed by the framework, not by the database"},
		"Apple's":                   {[]probe.PolicyRow{row("", "com.apple.nke.rvi")}, nil, nil, ""},
		"by a profile, the team":    {[]probe.PolicyRow{row("A", "com.example.a")}, nil, []probe.MDMRow{{TeamID: "A", Allowed: true}}, ""},
		"by a profile, the kext":    {[]probe.PolicyRow{row("A", "com.example.a")}, nil, []probe.MDMRow{{TeamID: "A", BundleID: "com.example.a", Allowed: true}}, ""},
		"refused by a profile":      {[]probe.PolicyRow{row("A", "com.example.a")}, nil, []probe.MDMRow{{TeamID: "A"}}, "com.example.a is allowed by the database, not by the framework"},
		"unsigned, with two rows":   {[]probe.PolicyRow{row("", "com.example.a"), row("", "com.example.a")}, nil, nil, "com.example.a is allowed by the database, not by the framework"},
		"a name with control codes": {[]probe.PolicyRow{row("", "a\x1b[31m")}, nil, nil, "a[31m is allowed by the database, not by the framework"},
		"many": {[]probe.PolicyRow{row("A", "a.1"), row("A", "a.2"), row("A", "a.3"), row("A", "a.4"), row("A", "a.5"), row("A", "a.6")}, nil, nil,
			"a.1 is allowed by the database, not by the framework; a.2 is allowed by the database, not by the framework; " +
				"a.3 is allowed by the database, not by the framework; a.4 is allowed by the database, not by the framework; and 2 more"},
	} {
		database := &probe.Policy{Source: probe.Database, Rows: c.database, MDM: c.mdm}
		framework := &probe.Policy{Source: probe.Framework, Rows: c.framework}
		if got := disagree(database, framework); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFrameworkNotQueriedForBusyDatabase(t *testing.T) {
	t.Parallel()
	s := newSnapshotStory(t, "10.15.7", "")
	a := &queryStory{snapshotStory: s, now: snapshotAt}
	a.answers(mactest.FrameworkAnswer("[]", "[]"))
	rest := mactest.NeverRests(t, filepath.Join(s.m.Root, probe.KextPolicy))
	var snap probe.Snapshot
	for tries := 0; tries < 20 && (tries == 0 || snap.Sources[0].State != probe.Busy); tries++ {
		snap = a.want("a look in the middle of it", 0, false, 0)
	}
	rest()
	if snap.Policy != nil || snap.Sources[0].State != probe.Busy {
		t.Errorf("%+v, %+v", snap.Policy, snap.Sources)
	}
	a.wantIn("a busy database", 0, false)
}

// The framework does not report load attempts, so the kernel is queried when the
// policy files changed.
func TestLoadedWithFrameworkAsSource(t *testing.T) {
	s := newQueryStory(t)
	_, queried := s.snapshot(false)
	if !strings.Contains(queried, "kextstat") {
		t.Errorf("the first look queried %q", queried)
	}
	snapshot := func(after, want string) {
		t.Helper()
		s.now = s.now.Add(time.Second)
		mactest.NoError(t, os.RemoveAll(filepath.Join(s.m.Root, "queried")))
		s.prober.Snapshot(t.Context(), s.now, Options{})
		data, err := os.ReadFile(filepath.Join(s.m.Root, "queried"))
		if err != nil && !root.NotExist(err) {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(string(data)), " "); got != want {
			t.Errorf("%s: queried %q, want %q", after, got, want)
		}
	}
	s.move(probe.KextPolicy)
	snapshot("an attempt, blocked", "osascript")
	s.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "[]"))
	s.move(probe.KextPolicy)
	snapshot("the user clicked Allow", "osascript kextstat")
	snapshot("nothing", "")
	s.move(probe.KextPolicy)
	snapshot("a load", "osascript kextstat")
	snapshot("nothing", "")
}

// An empty answer of a framework that refuses to answer must not look like a Mac on
// which nothing waits for approval.
func TestFrameworkThatLosesAllRows(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	a := &queryStory{snapshotStory: s, now: snapshotAt}
	a.answers(mactest.FrameworkAnswer("[]", "[]"))
	if snap := a.want("no rows anywhere", 0, true, 1); len(snap.Sources) != 3 || snap.Sources[2].State != probe.OK {
		t.Errorf("%+v", snap.Sources)
	}
	s.sql(mactest.BlockedRow)
	snap := a.want("a row in the database", 0, true, 1)
	if snap.Policy.Source != probe.Database || snap.Sources[2].State != probe.Failed || !strings.Contains(snap.Sources[2].Reason, "it returned some before") {
		t.Errorf("%+v", snap.Sources)
	}
	mactest.Remove(t, s.m.Root, probe.KextPolicy)
	if snap = a.want("the database is gone", time.Minute, false, 1); snap.Policy != nil {
		t.Errorf("%+v", snap.Policy)
	}
	a.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, false)+"]", "[]"))
	if snap = a.want("the framework answers", time.Minute, true, 1); snap.Policy == nil {
		t.Errorf("%+v", snap.Sources)
	}
}

// Answers about different states of the policy are not compared.
func TestFrameworkWhilePolicyChanges(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	a := &queryStory{snapshotStory: s, now: snapshotAt}
	file := filepath.Join(s.m.Root, probe.KextPolicy)
	a.does("touch -t 200001010000 '" + file + "'\ncat <<'END'\n" + mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "[]") + "\nEND\n")
	if snap := a.want("a move in the middle of it", 0, true, 1); snap.Sources[2].State != probe.OK || snap.Disagree != "" {
		t.Errorf("%+v, %q", snap.Sources, snap.Disagree)
	}
	if snap := a.want("a look later", 0, true, 1); snap.Disagree == "" {
		t.Errorf("%+v", snap.Sources)
	}
}

// A comparison with the database failed. When the database cannot be read any more,
// the framework is queried at once, not after the pause of a failure.
func TestFrameworkAfterAFailedComparison(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	a := &queryStory{snapshotStory: s, now: snapshotAt}
	a.does("kill -SEGV $$")
	if snap := a.want("somebody asks", 0, true, 1); snap.Policy.Source != probe.Database || snap.Sources[2].State != probe.Failed {
		t.Errorf("%+v", snap.Sources)
	}
	a.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, false)+"]", "[]"))
	mactest.Remove(t, s.m.Root, probe.KextPolicy)
	if snap := a.want("the database is gone", time.Second, false, 1); snap.Policy == nil || snap.Policy.Source != probe.Framework {
		t.Errorf("%+v", snap.Sources)
	}
}

package mac

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/tool/tooltest"
)

// No output of kmutil with kexts that are in the auxiliary collection and not loaded
// is public. These rows are invented: as they are for loaded kexts, with zeros and
// dashes, and with the name alone.
func TestParseCollection(t *testing.T) {
	const id, other = "com.parallels.kext.hypervisor", "io.macfuse.filesystems.macfuse.23"
	head := tableHead + "\n"
	loaded := "  163    0 0xffffff7f84210000 0x27000    0x27000    " + other + " (2128.20) " + testSession + " <7 5 4 3 1>\n"
	want := []probe.LoadedKext{{BundleID: other, Version: "2128.20"}, {BundleID: id, Version: "18.1.1 53328"}}
	for row, known := range map[string]bool{
		"  151    0 0                  0          0          " + id + " (18.1.1 53328) " + testSession + " <7 5 4 3 1>\n": true,
		"    -    - -                  -          -          " + id + " (18.1.1 53328) " + testSession + " <>\n":          true,
		"    0    0 0x0                0x0        0x0        " + id + " (18.1.1 53328)\n":                                 true,
		id + " (18.1.1 53328)\r\n":                true,
		"Error: unable to read the collection\n":  false,
		"kmutil encountered error (27)\n":         false,
		"error (27)\n":                            false,
		id + "\n":                                 false,
		id + " 18.1.1\n":                          false,
		"not loaded: " + id + " (18.1.1 53328)\n": false,
		"1 2 3 4 5 6 " + id + " (18.1.1 53328)\n": false,
		id + " (18.1.1 53328)x\n":                 false,
		"    1  140 0 0 0 com.apple.kpi.bsd (25.2.0) <>\n" + id + " (1)": false,
		"\x00\xff\n":                             false,
		strings.Repeat("a.b (1)\n", loadedLimit): false,
	} {
		for _, out := range []string{head + loaded + row, loaded + row, "Executing: /usr/bin/kmutil showloaded\nNo variant specified, falling back to release\n" + loaded + "\n" + row} {
			got, err := parseCollection([]byte(out))
			if got.Known != known || (err == nil) != known || known && !slices.Equal(got.Kexts, want) || !known && got.Kexts != nil {
				t.Errorf("%q: %+v, %v", row, got, err)
			}
		}
	}
	for _, empty := range []string{"", head, "No variant specified, falling back to release\n"} {
		if got, err := parseCollection([]byte(empty)); got.Known || err != nil {
			t.Errorf("%q: %+v, %v; an empty list proves nothing", empty, got, err)
		}
	}
}

func FuzzParseCollection(f *testing.F) {
	f.Add([]byte(tableHead + tableRows))
	f.Add([]byte("- - - - - a.b (1)\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		got, err := parseCollection(out)
		if got.Known != (len(got.Kexts) > 0) || err != nil && got.Known || len(got.Kexts) > loadedLimit {
			t.Fatalf("%d kexts, known %v, %v", len(got.Kexts), got.Known, err)
		}
		for _, k := range got.Kexts {
			if !probe.IsBundleID(k.BundleID) && len(k.BundleID) <= 255 || strings.HasPrefix(k.BundleID, kernelPrefix) {
				t.Errorf("%+v", k)
			}
		}
	})
}

// collectionStory is a Mac with macOS 12, an allowed kext of Parallels that is not
// loaded, and a kmutil whose queries are recorded.
func collectionStory(t *testing.T, collection string) *snapshotStory {
	s := newSnapshotStory(t, "12.7.6", "")
	s.sql(mactest.BlockedRow, insertRecord, `UPDATE kext_policy SET allowed = 1`)
	s.kmutil("com.example.x (1.0)", collection)
	return s
}

// kmutil sets what the kernel has loaded, and what kmutil does when it is asked for
// the auxiliary collection.
func (s *snapshotStory) kmutil(loaded, collection string) {
	log := filepath.Join(s.m.Root, "queried")
	mactest.AddTool(s.t, s.m.Root, probe.KmutilTool, `case "$*" in
'showloaded --show all --collection aux --list-only') echo collection >>'`+log+`'
`+collection+` ;;
*) echo '1 2 3 4 5 `+loaded+`' ;;
esac`)
}

func (s *snapshotStory) wantCollection(after string, fresh, queried, known bool) {
	s.t.Helper()
	snap, did := s.snapshot(fresh)
	if got := strings.Contains(did, "collection"); got != queried || snap.Collection.Known != known {
		s.t.Errorf("%s: queried %v, want %v; %+v", after, got, queried, snap.Collection)
	}
	if missesCollection(snap) {
		s.t.Errorf("%s: gaps %+v", after, snap.Gaps)
	}
}

func missesCollection(snap probe.Snapshot) bool {
	return probe.HasGap(snap.Gaps, probe.FactCollection)
}

const vnicRow = "echo '- - - - - com.parallels.kext.vnic (14.0.1 45154)'"

// The collection is queried only if its answer can change a verdict, and once in a
// boot session.
func TestCollectionQueriedOnlyIfItMatters(t *testing.T) {
	s := collectionStory(t, vnicRow)
	s.wantCollection("allowed and not loaded", false, true, true)
	s.wantCollection("nothing", false, false, true)
	s.sql(`UPDATE kext_load_history_v3 SET last_seen = '2026-07-01 20:59:00'`)
	s.wantCollection("another attempt", false, false, true)
	s.wantCollection("somebody asks", true, false, true)
	s.sql(`UPDATE kext_policy SET allowed = 0`)
	s.wantCollection("the kext is blocked", true, false, false)
	s.sql(`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', NULL, 1, '')`)
	s.wantCollection("a profile allows the team", false, false, true)
	s.kmutil(hypervisorID+" (14.0.1 45154)", vnicRow)
	s.snapshot(true)
	s.wantCollection("the kext is loaded", true, false, false)

	loaded := collectionStory(t, vnicRow)
	loaded.kmutil(hypervisorID+" (14.0.1 45154)", vnicRow)
	loaded.wantCollection("loaded at the first snapshot", true, false, false)
	blocked := collectionStory(t, vnicRow)
	blocked.sql(`UPDATE kext_policy SET allowed = 0`)
	blocked.wantCollection("blocked at the first snapshot", true, false, false)
	gone := collectionStory(t, vnicRow)
	mactest.Remove(t, gone.m.Root, hypervisorPath)
	gone.wantCollection("not on the disk", true, false, false)
	unknown := collectionStory(t, vnicRow)
	unknown.kmutil("rubbish", vnicRow)
	unknown.wantCollection("what is loaded is not known", true, false, false)
	old := newSnapshotStory(t, "10.15.7", "")
	old.sql(mactest.BlockedRow, insertRecord, `UPDATE kext_policy SET allowed = 1`)
	mactest.AddTool(t, old.m.Root, kextstatTool, "echo '1 2 3 4 5 com.example.x (1.0)'")
	old.kmutil("com.example.x (1.0)", vnicRow)
	old.wantCollection("macOS 10.15", true, false, false)
}

// A profile that allows the team of a kext on the disk is enough, without a policy row and
// without Parallels.
func TestCollectionOfOtherVendors(t *testing.T) {
	s := collectionStory(t, vnicRow)
	mactest.Remove(t, s.m.Root, probe.ParallelsApp)
	addKext(t, s.m, vboxDriver, vboxID, "6.1.50")
	s.sql(removeAll, `DELETE FROM kext_load_history_v3`,
		`INSERT INTO kext_load_history_v3 VALUES ('`+vboxDriver+`', '`+vboxTeam+`', '`+vboxID+`', '', '2026-07-01 20:50:00', '2026-07-01 20:50:00', 0)`)
	s.wantCollection("nobody allows it", false, false, false)
	s.sql(`INSERT INTO kext_policy_mdm VALUES ('` + vboxTeam + `', NULL, 1, 'uuid')`)
	s.wantCollection("a profile allows the team", false, true, true)
	s.wantCollection("nothing", false, false, true)
}

// The team of a kext on the disk may be unknown.
func TestAllowedNotLoaded(t *testing.T) {
	rows := func(row probe.PolicyRow, mdm ...probe.MDMRow) *probe.Policy {
		return &probe.Policy{Rows: []probe.PolicyRow{row}, MDM: mdm}
	}
	allowed := probe.PolicyRow{TeamID: vboxTeam, BundleID: vboxID, Allowed: true}
	blocked := probe.PolicyRow{TeamID: vboxTeam, BundleID: vboxID}
	for name, c := range map[string]struct {
		team   string
		policy *probe.Policy
		want   bool
	}{
		"allowed":                              {vboxTeam, rows(allowed), true},
		"allowed, of another team":             {"TEAMOTHER1", rows(allowed), false},
		"allowed, team not known":              {"", rows(allowed), true},
		"blocked":                              {vboxTeam, rows(blocked), false},
		"a profile allows the team":            {vboxTeam, rows(blocked, probe.MDMRow{TeamID: vboxTeam, Allowed: true}), true},
		"a profile allows another team":        {vboxTeam, rows(blocked, probe.MDMRow{TeamID: "TEAMOTHER1", Allowed: true}), false},
		"a profile, team not known":            {"", rows(blocked, probe.MDMRow{TeamID: vboxTeam, Allowed: true}), true},
		"a profile, another kext":              {"", rows(blocked, probe.MDMRow{TeamID: vboxTeam, BundleID: "com.example.x", Allowed: true}), false},
		"a profile that allows nothing":        {"", rows(blocked, probe.MDMRow{TeamID: vboxTeam}), false},
		"it is not known what the policy says": {vboxTeam, nil, false},
	} {
		snap := probe.Snapshot{Policy: c.policy, Loaded: probe.Loaded{Known: true}}
		if got := allowedNotLoaded(snap, probe.Kext{TeamID: c.team, BundleID: vboxID}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCollectionThatIsNotKnown(t *testing.T) {
	for how, gap := range map[string]bool{
		"true":                             false, // an empty list
		"echo 'Error: unknown collection'": true,
		"echo sorry >&2; " + vnicRow + "; exit 1": true,
	} {
		snap, _ := collectionStory(t, how).snapshot(false)
		if snap.Collection.Known || missesCollection(snap) != gap {
			t.Errorf("%s: %+v, gaps %+v", how, snap.Collection, snap.Gaps)
		}
	}
}

// A collection query that hangs holds up no other answer, and no snapshot.
func TestHangingCollectionDelaysNothing(t *testing.T) {
	tooltest.ShortLimit(t, 2*time.Second)
	s := collectionStory(t, "sleep 60 & wait")
	ctx, cancel := context.WithCancel(t.Context())
	defer s.prober.Wait()
	defer cancel()
	var snap probe.Snapshot
	for {
		snap = s.prober.SnapshotNow(ctx, snapshotAt, Options{})
		if snap.Policy == nil || len(snap.Kexts) != 1 || snap.Collection.Known {
			t.Fatalf("%+v", snap)
		}
		if snap.Loaded.Known && snap.Enforcement.Consent.Enabled == probe.Yes {
			break
		}
		<-s.prober.Answers()
	}
	if !snap.Pending {
		t.Error("the snapshot does not say that a tool still answers")
	}
	wait := s.prober.Snapshot(t.Context(), snapshotAt.Add(time.Second), Options{})
	if again, planned := s.prober.NextQuery(snapshotAt.Add(time.Second)); wait.Pending || !planned || again <= 0 {
		t.Errorf("pending %v; the next query is planned: %v, in %v", wait.Pending, planned, again)
	}
	if !missesCollection(wait) {
		t.Errorf("gaps %+v", wait.Gaps)
	}
}

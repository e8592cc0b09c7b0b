package mac

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// The folder is not one of those that are searched.
const (
	vboxFolder = "/Library/VirtualBox/"
	vboxDriver = vboxFolder + "VBoxDrv.kext"
	vboxID     = "org.virtualbox.kext.VBoxDrv"
	vboxTeam   = "VB5E2TV963"
)

// refusedAt are attempts of the log for kexts at these paths, at the time of the snapshot.
func refusedAt(places ...string) (attempts []probe.Attempt) {
	for _, place := range places {
		attempts = append(attempts, probe.Attempt{At: snapshotAt, Path: place, From: probe.FromLog, Outcome: probe.Refused})
	}
	return attempts
}

// refused takes a snapshot with these attempts and returns the kexts that they are for.
func (s *snapshotStory) refused(attempts []probe.Attempt) (names []string, snap probe.Snapshot) {
	s.t.Helper()
	snap = s.prober.Snapshot(s.t.Context(), snapshotAt, Options{Attempts: attempts})
	for _, a := range snap.Attempts {
		names = append(names, strings.TrimSpace(a.TeamID+" "+a.BundleID))
	}
	return names, snap
}

// The kext at a path is the one on the disk; if it cannot be read any more, the one that
// the load history has for the path. Its team is known if other facts name it.
func TestRefusedPath(t *testing.T) {
	const record = `INSERT INTO kext_load_history_v3 VALUES ('%s', '%s', '%s', '', '2026-07-01 20:50:00', '2026-07-01 20:50:00', 0)`
	const row = `INSERT INTO kext_policy VALUES ('%s', '` + vboxID + `', 0, 'Oracle America, Inc.', 4)`
	recorded := func(place, team, id string) string { return fmt.Sprintf(record, place, team, id) }
	disk := func(s *snapshotStory) { addKext(s.t, s.m, vboxDriver, vboxID, "6.1.50") }
	for name, c := range map[string]struct {
		mac  func(s *snapshotStory)
		rows []string
		want string
		gaps string
	}{
		"on the disk": {disk, nil, vboxID, ""},
		"only its staged copy": {func(s *snapshotStory) {
			addKext(s.t, s.m, probe.StagedExtensions+vboxDriver, vboxID, "6.1.50")
		}, nil, vboxID, ""},
		"a row tells the team":          {disk, []string{fmt.Sprintf(row, vboxTeam)}, vboxTeam + " " + vboxID, ""},
		"two teams have it":             {disk, []string{fmt.Sprintf(row, vboxTeam), fmt.Sprintf(row, "TEAMOTHER1")}, vboxID, ""},
		"a profile tells the team":      {disk, []string{`INSERT INTO kext_policy_mdm VALUES ('` + vboxTeam + `', '` + vboxID + `', 1, 'uuid')`}, vboxTeam + " " + vboxID, ""},
		"recorded":                      {disk, []string{recorded(vboxDriver, vboxTeam, vboxID)}, vboxTeam + " " + vboxID, ""},
		"recorded, staged":              {disk, []string{recorded(probe.StagedExtensions+vboxDriver, vboxTeam, vboxID)}, vboxTeam + " " + vboxID, ""},
		"recorded, removed":             {func(*snapshotStory) {}, []string{recorded(vboxDriver, vboxTeam, vboxID)}, vboxTeam + " " + vboxID, ""},
		"recorded, replaced by another": {func(s *snapshotStory) { addKext(s.t, s.m, vboxDriver, "com.example.new", "1") }, []string{recorded(vboxDriver, vboxTeam, vboxID)}, "com.example.new", ""},
		"nothing is there":              {func(*snapshotStory) {}, nil, "", ""},
		"Apple's":                       {func(s *snapshotStory) { addKext(s.t, s.m, vboxDriver, "com.apple.nke.rvi", "1") }, nil, "", ""},
		"no bundle ID":                  {func(s *snapshotStory) { addKext(s.t, s.m, vboxDriver, "a b\x1b[31m", "1") }, nil, "", "other kernel extensions on the disk"},
		"no property list":              {func(s *snapshotStory) { mactest.AddFile(t, s.m.Root, vboxDriver+"/Contents/Info.plist", "bplist00") }, nil, "", "other kernel extensions on the disk"},
		"a link out of the Mac":         {func(s *snapshotStory) { mactest.AddLink(t, s.m.Root, vboxDriver+"/Contents/Info.plist", "/etc/hosts") }, nil, "", "other kernel extensions on the disk"},
		"a link to a folder not to be read": {func(s *snapshotStory) {
			addKext(s.t, s.m, "/Users/you/Desktop/x.kext", vboxID, "1")
			mactest.AddLink(t, s.m.Root, vboxDriver, "/Users/you/Desktop/x.kext")
		}, nil, "", "other kernel extensions on the disk"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSnapshotStory(t, "10.13.6", "")
			c.mac(s)
			s.sql(c.rows...)
			names, snap := s.refused(refusedAt(vboxDriver))
			if got := strings.Join(names, ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			wantGaps(t, slices.DeleteFunc(snap.Gaps, func(g probe.Gap) bool { return g.Source != probe.FactOtherKexts }), c.gaps)
		})
	}
}

// Where a path may not be read, an attempt that macOS may still show a button for is a
// missing fact, and a later one replaces an earlier one. Everything else stays as it was.
func TestRefusedPathsBesideOthers(t *testing.T) {
	s := newSnapshotStory(t, "10.13.6", "")
	addKext(t, s.m, vboxDriver, vboxID, "6.1.50")
	const outside = "/Users/you/Documents/x.kext"
	addKext(t, s.m, outside, "com.example.x", "1")
	whole := probe.Attempt{At: snapshotAt, TeamID: probe.ParallelsTeamID, From: probe.FromLog, Outcome: probe.Refused}
	named := probe.Attempt{At: snapshotAt, BundleID: "com.example.y", From: probe.FromLog, Outcome: probe.Refused}
	before := slices.Concat([]probe.Attempt{whole}, refusedAt(outside, vboxDriver), []probe.Attempt{named})
	given := slices.Clone(before)
	names, snap := s.refused(given)
	if got := strings.Join(names, ", "); got != "4C6364ACXT, "+vboxID+", com.example.y" || !slices.Equal(given, before) {
		t.Errorf("got %q from %+v", got, given)
	}
	wantGaps(t, snap.Gaps, "other kernel extensions on the disk")
	if gap := snap.Gaps[len(snap.Gaps)-1]; !strings.Contains(gap.Err, outside) || !strings.Contains(gap.Err, "outside the folders") {
		t.Errorf("%+v", gap)
	}
	old := refusedAt(outside)
	old[0].At = snapshotAt.Add(-refusedFor - time.Second)
	if names, snap = s.refused(old); len(names) > 0 {
		t.Errorf("%q", names)
	}
	wantGaps(t, snap.Gaps, "")
	if _, snap = s.refused(append(old, refusedAt(outside)...)); len(snap.Gaps) != 1 {
		t.Errorf("tried again: %+v", snap.Gaps)
	}
}

// The attempt was for the kext that was there then, whatever is there later.
func TestRefusedPathIsRemembered(t *testing.T) {
	s := newSnapshotStory(t, "10.13.6", "")
	addKext(t, s.m, vboxDriver, vboxID, "6.1.50")
	want := func(when string, attempts []probe.Attempt, want string) {
		t.Helper()
		if names, _ := s.refused(attempts); strings.Join(names, ", ") != want {
			t.Errorf("%s: %q, want %q", when, names, want)
		}
	}
	first := refusedAt(vboxDriver)
	want("refused", first, vboxID)
	s.sql(`INSERT INTO kext_policy VALUES ('` + vboxTeam + `', '` + vboxID + `', 0, '', 4)`)
	want("a row tells the team", first, vboxTeam+" "+vboxID)
	s.sql(removeAll)
	want("the row is gone", first, vboxTeam+" "+vboxID)
	mactest.Remove(t, s.m.Root, vboxDriver)
	want("removed", first, vboxTeam+" "+vboxID)
	addKext(t, s.m, vboxDriver, "com.example.new", "1")
	second := refusedAt(vboxDriver)
	second[0].At = snapshotAt.Add(time.Second)
	want("another one is there", append(first, second...), vboxTeam+" "+vboxID+", com.example.new")
	want("forgotten", nil, "")
	want("with the attempt", first, "com.example.new")
}

// A log full of paths does not make a snapshot read hundreds of files.
func TestFewRefusedPathsAreRead(t *testing.T) {
	s := newSnapshotStory(t, "10.13.6", "")
	var places []string
	for i := range 256 {
		place := fmt.Sprintf("%sx%d.kext", vboxFolder, i)
		addKext(t, s.m, place, fmt.Sprint("com.example.x", i), "1")
		places = append(places, place)
	}
	names, _ := s.refused(refusedAt(places...))
	if len(names) != pathsRead || names[len(names)-1] != "com.example.x255" {
		t.Errorf("%d: %q", len(names), names)
	}
	reads := len(s.prober.infos.now)
	mactest.NoError(t, os.RemoveAll(filepath.Join(s.m.Root, vboxFolder)))
	if names, _ = s.refused(refusedAt(places...)); len(names) != pathsRead {
		t.Errorf("later: %q", names)
	}
	if reads > pathsRead+8 {
		t.Errorf("%d property lists were read", reads)
	}
}

package mac

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

var snapshotAt = time.Date(2026, 7, 1, 21, 0, 0, 0, time.UTC)

const (
	insertRecord = `INSERT INTO kext_load_history_v3 VALUES ('` + hypervisorPath + `', '4C6364ACXT', 'com.parallels.kext.hypervisor', '', '2026-07-01 20:50:00', '2026-07-01 20:50:00', 0)`
	removeAll    = `DELETE FROM kext_policy`
)

// enforcementGaps are the gaps of a Mac without tools.
const enforcementGaps = "System Integrity Protection, consent to kernel extensions, configuration profiles"

// snapshotStory is a Mac with Parallels whose tools record their calls.
type snapshotStory struct {
	t      *testing.T
	m      root.FS
	prober *Prober
}

func newSnapshotStory(t *testing.T, version, arm64 string) *snapshotStory {
	t.Helper()
	m := root.FS{Root: mactest.Root(t)}
	addPlist(t, m, probe.SystemVersion, systemVersionPlist{Version: version, Build: "19H2026"})
	addPlist(t, m, probe.ParallelsApp+"/Contents/Info.plist", root.BundleInfo{ID: "com.parallels.desktop.console", ShortVersion: "14.0.1", Version: "45154"})
	addKext(t, m, hypervisorPath, hypervisorID, "14.0.1 45154")
	note := func(what string) string { return "echo " + what + " >>'" + filepath.Join(m.Root, "queried") + "'\n" }
	mactest.AddTool(t, m.Root, probe.SysctlTool, note("sysctl")+sysctlScript(arm64))
	mactest.AddTool(t, m.Root, probe.ProfilerTool, prints(bootPolicyAnswer("Reduced Security", "Yes", "No", "No")))
	mactest.AddTool(t, m.Root, probe.DiskutilTool, prints(diskAnswer("<true/>")))
	mactest.AddTool(t, m.Root, kextstatTool, note("kextstat")+"cat <<'END'\n"+tableRows+"END\n")
	for tool, says := range map[string]string{
		"/usr/bin/csrutil":  "System Integrity Protection status: enabled.",
		"/usr/sbin/spctl":   "Kernel Extension User Consent: ENABLED",
		"/usr/bin/profiles": "There are no configuration profiles installed for user 'me'",
		"/bin/ps":           "    0 10:00 /sbin/launchd",
		"/usr/bin/id":       "20 80",
		"/usr/sbin/netstat": "Active Internet connections (including servers)",
	} {
		mactest.AddTool(t, m.Root, tool, `case "$*" in *list) echo 'spctl: no kext consent configuration found.';; *) echo "`+says+`";; esac`)
	}
	mactest.AddFile(t, m.Root, probe.KextPolicy, "")
	mactest.FillDatabase(t, filepath.Join(m.Root, probe.KextPolicy), mactest.ApplePolicy("WAL")...)
	return &snapshotStory{t: t, m: m, prober: NewProber(m)}
}

func (s *snapshotStory) sql(statements ...string) {
	s.t.Helper()
	mactest.FillDatabase(s.t, filepath.Join(s.m.Root, probe.KextPolicy), statements...)
}

// snapshot takes a snapshot and returns the tools that it ran.
func (s *snapshotStory) snapshot(fresh bool) (snap probe.Snapshot, queried string) {
	s.t.Helper()
	log := filepath.Join(s.m.Root, "queried")
	if err := os.RemoveAll(log); err != nil {
		s.t.Fatal(err)
	}
	snap = s.prober.Snapshot(s.t.Context(), snapshotAt, Options{Fresh: fresh})
	data, err := os.ReadFile(log)
	if err != nil && !root.NotExist(err) {
		s.t.Fatal(err)
	}
	return snap, strings.Join(strings.Fields(string(data)), " ")
}

func (s *snapshotStory) wantQueried(after string, fresh bool, want string) probe.Snapshot {
	s.t.Helper()
	snap, queried := s.snapshot(fresh)
	sorted := func(names string) []string { return slices.Sorted(slices.Values(strings.Fields(names))) }
	if !slices.Equal(sorted(queried), sorted(want)) { // they ran at the same time
		s.t.Errorf("%s: queried %q, want %q", after, queried, want)
	}
	return snap
}

func TestSnapshot(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	s.sql(mactest.BlockedRow, insertRecord)
	snap, _ := s.snapshot(false)
	seen := time.Date(2026, 7, 1, 20, 50, 0, 0, time.UTC)
	_, reader := policy.SnapshotReader(s.m).Policy(snapshotAt, policy.ReaderMemory{})
	want := probe.Snapshot{
		Policy: &probe.Policy{
			Source: probe.Database, ReadAt: snapshotAt,
			Rows:    []probe.PolicyRow{{TeamID: "4C6364ACXT", BundleID: hypervisorID, Developer: "Parallels International GmbH"}},
			History: []probe.LoadRecord{{Path: hypervisorPath, TeamID: "4C6364ACXT", BundleID: hypervisorID, LastSeen: seen}},
		},
		Sources: []probe.Source{{Name: probe.Database, State: probe.OK}, reader},
		Mac: probe.Mac{
			OS: probe.OSVersion{Version: "10.15.7", Build: "19H2026"}, Arch: probe.Intel,
			BootedAt: time.Date(2026, 7, 1, 20, 42, 19, 240908000, time.UTC), BootSession: testSession,
		},
		Apps: []probe.App{{
			Product: "Parallels Desktop", TeamID: "4C6364ACXT", BundleID: "com.parallels.desktop.console",
			Path: probe.ParallelsApp, Version: "14.0.1", Build: "45154", Edition: probe.Standard,
		}},
		Kexts:  []probe.Kext{{BundleID: hypervisorID, TeamID: "4C6364ACXT", Path: hypervisorPath, Version: "14.0.1 45154"}},
		Loaded: probe.Loaded{Known: true, Kexts: tableKexts},
	}
	if snap.Enforcement.SIP.State != probe.SIPEnabled || snap.Enforcement.Consent.Enabled != probe.Yes {
		t.Errorf("enforcement %+v", snap.Enforcement)
	}
	snap.Enforcement = probe.Enforcement{}
	want.Loaded.ReadAt = snapshotAt
	if !reflect.DeepEqual(snap, want) {
		t.Errorf("got  %+v\nwant %+v", snap, want)
	}
}

func TestSnapshotRunsToolsOnlyIfNeeded(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	const machine = "sysctl"
	s.wantQueried("first snapshot", false, machine+" kextstat")
	s.wantQueried("nothing", false, "")
	s.wantQueried("fresh snapshot", true, machine+" kextstat")

	s.sql(mactest.BlockedRow, insertRecord)
	snap := s.wantQueried("a block of a kext that was loaded", false, "kextstat")
	if len(snap.Policy.Rows) != 1 || !snap.Loaded.Known || snap.Mac.BootSession != testSession {
		t.Errorf("%+v", snap)
	}
	s.sql(`UPDATE kext_load_history_v3 SET last_seen = '2026-07-01 20:55:00'`)
	s.wantQueried("another attempt, blocked, and still in the list", false, "kextstat")
	s.sql(`INSERT INTO kext_policy VALUES ('TEAM', 'com.example', 1, 'Example', 0)`)
	s.wantQueried("another vendor", false, "kextstat")

	s.sql(`UPDATE kext_policy SET allowed = 1 WHERE team_id = '4C6364ACXT'`)
	s.wantQueried("the user clicked Allow", false, "kextstat")
	s.wantQueried("nothing", false, "")
	s.sql(`UPDATE kext_load_history_v3 SET last_seen = '2026-07-01 20:56:00'`)
	s.wantQueried("a load", false, "kextstat")
	addKext(t, s.m, hypervisorPath, hypervisorID, "14.0.2 45155")
	s.wantQueried("an update", false, "kextstat")
	s.sql(`INSERT INTO kext_policy VALUES ('4C6364ACXT', 'com.parallels.kext.vnic', 0, '', 0)`)
	s.wantQueried("another block", false, "")
	s.sql(`INSERT INTO kext_load_history_v3 VALUES ('/Library/Extensions/vnic.kext', '4C6364ACXT', 'com.parallels.kext.vnic', '', '2026-07-01 20:57:00', '2026-07-01 20:57:00', 0)`)
	s.wantQueried("an attempt of a blocked kext that is not in the list", false, "")
	s.sql(`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', NULL, 1, 'uuid')`)
	s.wantQueried("a profile", false, "kextstat")
	s.wantQueried("nothing", false, "")

	mactest.Remove(t, s.m.Root, probe.ParallelsApp)
	s.wantQueried("uninstalled, rows left", false, "kextstat")
	s.sql(removeAll, `DELETE FROM kext_policy_mdm`)
	snap = s.wantQueried("only the load history left", false, "kextstat")
	if !snap.Loaded.Known || len(snap.Gaps) > 0 {
		t.Errorf("%+v", snap)
	}
	s.sql(`DELETE FROM kext_load_history_v3`)
	snap = s.wantQueried("all rows gone", false, "")
	if snap.Loaded.Known || len(snap.Gaps) > 0 {
		t.Errorf("%+v", snap)
	}
}

func TestSnapshotWithoutPolicyNoticesUpdates(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	mactest.Remove(t, s.m.Root, probe.KextPolicy)
	snap := s.wantQueried("first snapshot", false, "sysctl kextstat")
	if snap.Policy != nil || len(snap.Sources) != 3 || snap.Sources[0].State != probe.Absent || len(snap.Gaps) > 0 {
		t.Errorf("%+v", snap)
	}
	s.wantQueried("nothing", false, "")
	addKext(t, s.m, hypervisorPath, hypervisorID, "14.0.2 45155")
	s.wantQueried("an update", false, "kextstat")
}

// Kexts of Parallels on Apple silicon are left over from an Intel Mac. Those of any other
// vendor are queried as on Intel.
func TestSnapshotOnAppleSilicon(t *testing.T) {
	s := newSnapshotStory(t, "14.0", "1")
	s.sql(mactest.BlockedRow)
	snap := s.wantQueried("first snapshot", false, "sysctl")
	if snap.Mac.Arch != probe.AppleSilicon || snap.Loaded.Known || snap.Policy == nil || len(snap.Gaps) > 0 {
		t.Errorf("%+v", snap)
	}
	s.wantQueried("fresh snapshot", true, "sysctl")
	s.sql(`INSERT INTO kext_policy VALUES ('3T5GSNBU6W', 'io.macfuse.filesystems.macfuse.25', 0, 'Benjamin Fleischer', 4)`)
	if snap = s.wantQueried("another vendor", false, "kextstat"); !snap.Loaded.Known {
		t.Errorf("%+v", snap)
	}
	s.wantQueried("nothing", false, "")
	s.sql(`DELETE FROM kext_policy WHERE team_id = '3T5GSNBU6W'`, `INSERT INTO kext_policy_mdm VALUES ('3T5GSNBU6W', NULL, 1, 'uuid')`)
	s.wantQueried("a profile allows another vendor", false, "kextstat")
	s.sql(`DELETE FROM kext_policy_mdm`)
	s.wantQueried("only Parallels again", false, "")
}

// A clock that was wrong when the Mac started, or is wrong now, gives a boot time that
// cannot be.
func TestBootTimeInTheFuture(t *testing.T) {
	s := newSnapshotStory(t, "12.7.6", "0")
	booted := time.Unix(1782938539, 240908000).UTC()
	for _, c := range []struct {
		now  time.Time
		want time.Time
		gaps string
	}{
		{booted, booted, ""},
		{booted.Add(-time.Second), time.Time{}, "boot time"},
		{booted.Add(time.Second), booted, ""}, // the clock is right again
	} {
		snap := s.prober.Snapshot(t.Context(), c.now, Options{})
		wantGaps(t, snap.Gaps, c.gaps)
		if !snap.Mac.BootedAt.Equal(c.want) || snap.Mac.BootSession != testSession {
			t.Errorf("now %v: %+v", c.now, snap.Mac)
		}
	}
}

// Any product may have a system extension, also one on Apple silicon that nobody
// watches.
func TestSystemExtensionsOnAppleSilicon(t *testing.T) {
	s := newSnapshotStory(t, "14.0", "1")
	mactest.Remove(t, s.m.Root, probe.ParallelsApp)
	addPlist(t, s.m, probe.SystemExtensionsList, map[string]any{"extensions": []any{map[string]any{"identifier": "org.pqrs.driver", "state": "activated_waiting_for_user"}}})
	for _, fresh := range []bool{false, true} {
		got := s.prober.Snapshot(t.Context(), snapshotAt, Options{Fresh: fresh}).Situation
		if got.Asked || got.ExtensionsAsked != fresh || len(got.WaitingExtensions()) != len(got.Extensions) || (len(got.Extensions) == 1) != fresh {
			t.Errorf("fresh %v: %+v", fresh, got)
		}
	}
}

func TestSnapshotWithoutParallelsQueriesNoKexts(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	s.prober.kexts.wait = mactest.Patience // until the search has ended, an extension may be there
	mactest.Remove(t, s.m.Root, probe.ParallelsApp)
	s.wantQueried("first snapshot", false, "sysctl")
	s.sql(mactest.BlockedRow)
	s.wantQueried("a row of Parallels", false, "kextstat")
	s.sql(removeAll)
	s.wantQueried("row gone", false, "")
	s.sql(mactest.BlockedRow)
	s.wantQueried("row back", false, "kextstat")
}

func TestSnapshotCachesGaps(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	const failing = "echo tried >>'%'; exit 1"
	log := filepath.Join(s.m.Root, "queried")
	mactest.AddTool(t, s.m.Root, probe.SysctlTool, strings.ReplaceAll(failing, "%", log))
	mactest.AddTool(t, s.m.Root, kextstatTool, strings.ReplaceAll(failing, "%", log))
	mactest.Remove(t, s.m.Root, probe.SystemVersion)
	mactest.AddFile(t, s.m.Root, probe.ParallelsApp+"/Contents/Info.plist", "bplist00")
	const all = "macOS version, processor, boot time, boot session, Parallels Desktop, loaded kernel extensions"
	snap := s.wantQueried("first snapshot", false, "tried tried")
	wantGaps(t, snap.Gaps, all)
	snap = s.wantQueried("nothing", false, "")
	wantGaps(t, snap.Gaps, all)
	if snap.Loaded.Known || snap.Mac != (probe.Mac{}) || len(snap.Apps) != 1 {
		t.Errorf("%+v", snap)
	}
}

func TestSnapshotWithoutTools(t *testing.T) {
	s := newSnapshotStory(t, "14.0", "1")
	s.m.NoTools = true
	s.prober = NewProber(s.m)
	snap := s.wantQueried("first snapshot", false, "")
	wantGaps(t, snap.Gaps, "processor, boot time, boot session, loaded kernel extensions, "+enforcementGaps)
	if snap.Mac.OS.Version != "14.0" || len(snap.Apps) != 1 || len(snap.Kexts) != 1 || snap.Policy == nil {
		t.Errorf("%+v", snap)
	}
}

// A snapshot that was cut short is not cached.
func TestCanceledSnapshotIsNotCached(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	mactest.Remove(t, s.m.Root, probe.KextPolicy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	snap := s.prober.Snapshot(ctx, snapshotAt, Options{})
	wantGaps(t, snap.Gaps, "boot time, boot session, other kernel extensions on the disk, loaded kernel extensions, "+enforcementGaps)
	snap = s.wantQueried("the next snapshot", false, "sysctl kextstat")
	wantGaps(t, snap.Gaps, "")
	if !snap.Loaded.Known || snap.Mac.BootSession == "" {
		t.Errorf("%+v", snap)
	}
}

// A later snapshot must not change an earlier one.
func TestSnapshotsShareNoMemory(t *testing.T) {
	s := newSnapshotStory(t, "14.0", "")
	s.m.NoTools = true
	s.prober = NewProber(s.m)
	first, _ := s.snapshot(false)
	for i := range first.Gaps {
		first.Gaps[i] = probe.Gap{}
	}
	second, _ := s.snapshot(false)
	wantGaps(t, second.Gaps, "processor, boot time, boot session, loaded kernel extensions, "+enforcementGaps)
}

func BenchmarkSnapshot(b *testing.B) { benchmarkSnapshot(b, 0) }

// BenchmarkSnapshotOfMany is BenchmarkSnapshot for a Mac with 300 kexts of other vendors.
func BenchmarkSnapshotOfMany(b *testing.B) { benchmarkSnapshot(b, 300) }

func benchmarkSnapshot(b *testing.B, others int) {
	m := root.FS{Root: mactest.Root(b)}
	addPlist(b, m, probe.SystemVersion, systemVersionPlist{Version: "10.15.7", Build: "19H2026"})
	addPlist(b, m, probe.ParallelsApp+"/Contents/Info.plist", root.BundleInfo{ID: "com.parallels.desktop.console", ShortVersion: "14.0.1", Version: "45154"})
	addCode(b, m, hypervisorPath, hypervisorID, "14.0.1 45154", probe.ParallelsTeamID, probe.Intel)
	for i := range others {
		addCode(b, m, fmt.Sprintf("%s/Example%03d.kext", probe.Extensions, i), fmt.Sprintf("com.example.driver%d", i), "1.0", testTeam, bothArchs...)
	}
	mactest.AddFile(b, m.Root, probe.KextPolicy, "")
	mactest.FillDatabase(b, filepath.Join(m.Root, probe.KextPolicy), mactest.ApplePolicy("WAL", mactest.BlockedRow, insertRecord)...)
	m.NoTools = true
	p := NewProber(m)
	p.Snapshot(b.Context(), snapshotAt, Options{})
	for b.Loop() {
		if snap := p.Snapshot(b.Context(), snapshotAt, Options{}); snap.Policy == nil {
			b.Fatalf("%+v", snap.Sources)
		}
	}
}

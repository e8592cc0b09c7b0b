package simmac_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

const (
	policy  = `SELECT team_id, bundle_id, allowed, developer_name FROM kext_policy ORDER BY bundle_id`
	history = `SELECT bundle_id, created_at, last_seen FROM kext_load_history_v3 WHERE team_id = '4C6364ACXT' ORDER BY bundle_id`
)

func policyRows(allowed int) (rows []string) {
	for _, kext := range []string{"hypervisor", "netbridge", "usbconnect", "vnic"} {
		rows = append(rows, fmt.Sprintf("4C6364ACXT|com.parallels.kext.%s|%d|Parallels International GmbH", kext, allowed))
	}
	return rows
}

func historyRows(created, seen string) (rows []string) {
	for _, kext := range []string{"hypervisor", "netbridge", "usbconnect", "vnic"} {
		rows = append(rows, fmt.Sprintf("com.parallels.kext.%s|2026-05-06 %s|2026-05-06 %s", kext, created, seen))
	}
	return rows
}

// loaded returns the output of the Mac's own tool, sorted: "hypervisor 16.5.1
// 49187".
func (s sim) loaded() []string {
	s.t.Helper()
	out, _, code := s.run("usr/sbin/kextstat", "-l")
	if code != 0 {
		s.t.Fatalf("kextstat: exit %d", code)
	}
	var found []string
	for line := range strings.Lines(out) {
		if _, rest, ok := strings.Cut(line, "com.parallels.kext."); ok {
			name, rest, _ := strings.Cut(rest, " (")
			version, _, _ := strings.Cut(rest, ")")
			found = append(found, name+" "+version)
		}
	}
	return found
}

func (s sim) expectLoaded(version string) {
	s.t.Helper()
	var want []string
	if version != "" {
		for _, kext := range []string{"hypervisor", "netbridge", "usbconnect", "vnic"} {
			want = append(want, kext+" "+version)
		}
	}
	if got := s.loaded(); !slices.Equal(got, want) {
		s.t.Errorf("loaded: %q, want %q", got, want)
	}
}

func TestSchemaAndJournalMode(t *testing.T) {
	for _, c := range []struct {
		macOS, mode string
		cdhash      bool
		tables      int
	}{
		{"10.13.6", "delete", false, 4}, {"10.14.6", "delete", true, 4}, {"10.15.7", "delete", true, 4},
		{"11.7.10", "wal", true, 4}, {"15.2", "wal", true, 4}, {"26.2", "wal", true, 5},
	} {
		s := newSim(t, simmac.Options{MacOS: c.macOS})
		s.expect(c.macOS+": journal mode", `PRAGMA journal_mode`, c.mode)
		s.expect(c.macOS+": settings", `SELECT name, value FROM settings`, "migrationPerformed|YES")
		columns := []string{"path", "team_id", "bundle_id", "boot_uuid", "created_at", "last_seen", "flags"}
		if c.cdhash {
			columns = append(columns, "cdhash")
		}
		s.expect(c.macOS+": history", `SELECT name FROM pragma_table_info('kext_load_history_v3')`, columns...)
		s.expect(c.macOS+": tables", `SELECT count(*) FROM sqlite_master WHERE type = 'table'`, fmt.Sprint(c.tables))
		s.expect(c.macOS+": policy", policy)
		s.expect(c.macOS+": what Apple ships",
			`SELECT path, team_id, last_seen FROM kext_load_history_v3 ORDER BY path`,
			"/Library/Extensions/HighPointIOP.kext|DX6G69M9N2|2026-05-06 05:00:00",
			"/Library/Extensions/HighPointRR.kext|DX6G69M9N2|2026-05-06 05:00:00")
	}
}

func TestCatalina(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1-49187"})
	s.expectLoaded("")
	if err := s.Allow(minutes(1)); err == nil {
		t.Error("Allow succeeded before any attempt")
	}

	s.must(s.Attempt(minutes(10)))
	s.expect("blocked", policy, policyRows(0)...)
	s.expect("tried", history, historyRows("05:10:00", "05:10:00")...)
	s.expectLoaded("")
	staged := s.dir + "/Library/StagedExtensions/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext/Contents/Info.plist"
	if _, err := os.Stat(staged); err != nil {
		t.Errorf("not staged: %v", err)
	}
	err := s.Load(minutes(11))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "system policy prevents loading") {
		t.Errorf("loading what is blocked: %v", err)
	}
	s.expect("the failed Load changed nothing", history, historyRows("05:10:00", "05:10:00")...)

	s.must(s.Attempt(minutes(20)))
	s.expect("tried again", history, historyRows("05:10:00", "05:20:00")...)

	s.must(s.Allow(minutes(21)))
	s.expect("allowed", policy, policyRows(1)...)
	s.expectLoaded("")
	if err := s.Allow(minutes(22)); err == nil {
		t.Error("Allow succeeded a second time")
	}
	s.must(s.Load(minutes(23)))
	s.expect("loaded", history, historyRows("05:10:00", "05:23:00")...)
	s.expectLoaded("16.5.1 49187")

	s.must(s.UpdateParallels("16.5.2", minutes(30)))
	s.expectLoaded("16.5.1 49187")
	s.must(s.Attempt(minutes(31)))
	s.expect("an update stays allowed", policy, policyRows(1)...)
	s.expectLoaded("16.5.2 50703")

	s.must(s.Restart(minutes(40)))
	s.expectLoaded("")
	s.expect("a restart leaves the history", history, historyRows("05:10:00", "05:31:00")...)

	s.must(s.RemoveParallels())
	s.expect("rows of a removed Parallels", policy, policyRows(1)...)
	if err := s.RemoveParallels(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing it twice: %v", err)
	}
	if err := s.UpdateParallels("18.1.1", minutes(41)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("updating a removed one: %v", err)
	}
}

func TestFourKextsOneByOne(t *testing.T) {
	s := newSim(t, simmac.Options{Parallels: "16.5.1"})
	s.must(s.AttemptKext("com.parallels.kext.hypervisor", minutes(1)))
	s.must(s.AttemptKext("com.parallels.kext.vnic", minutes(2)))
	s.expect("two of four", history,
		"com.parallels.kext.hypervisor|2026-05-06 05:01:00|2026-05-06 05:01:00",
		"com.parallels.kext.vnic|2026-05-06 05:02:00|2026-05-06 05:02:00")
	s.expect("two of four", `SELECT bundle_id FROM kext_policy ORDER BY bundle_id`,
		"com.parallels.kext.hypervisor", "com.parallels.kext.vnic")
	s.must(s.Allow(minutes(3)))
	s.expect("one click allows all", policy, policyRows(1)...)
	if err := s.AttemptKext("com.parallels.kext.hidhook", minutes(4)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an extension of old: %v", err)
	}
}

func TestSequoia(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2", Parallels: "20.4.2"})
	s.must(s.Attempt(minutes(10)))
	err := s.Load(minutes(11))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "not approved to load. Please approve using System Settings.") {
		t.Errorf("loading what is blocked: %v", err)
	}
	s.must(s.Allow(minutes(12)))
	if err := s.Load(minutes(13)); err == nil || !strings.Contains(err.Error(), "requires a reboot") {
		t.Errorf("loading before the restart: %v", err)
	}
	s.must(s.Attempt(minutes(14)))
	s.expectLoaded("")

	s.must(s.Restart(minutes(20)))
	s.expectLoaded("20.4.2 55999")
	s.expect("the scan at boot", history, historyRows("05:10:00", "05:20:03")...)
	s.expect("it sees every vendor", `SELECT DISTINCT last_seen FROM kext_load_history_v3`, "2026-05-06 05:20:03")
	s.must(s.Load(minutes(21)))

	// An update is another binary: approve again, restart again.
	before := s.rows(`SELECT cdhash FROM kext_load_history_v3 ORDER BY path`)
	s.must(s.UpdateParallels("26.4.1", minutes(30)))
	s.must(s.Attempt(minutes(31)))
	s.expect("the rows still say allowed", policy, policyRows(1)...)
	if after := s.rows(`SELECT cdhash FROM kext_load_history_v3 ORDER BY path`); slices.Equal(before, after) || len(after[0]) != 2*sha1.Size {
		t.Errorf("code directory hashes before %q, after %q", before, after)
	}
	if err := s.Load(minutes(32)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("loading the update: %v", err)
	}
	s.must(s.Restart(minutes(33)))
	s.expectLoaded("20.4.2 55999")
	s.must(s.Allow(minutes(34)))
	s.must(s.Restart(minutes(35)))
	s.expectLoaded("26.4.1 57516")

	s.must(s.RemoveParallels())
	s.must(s.Restart(minutes(40)))
	s.expectLoaded("")
	s.expect("no scan of what is gone", history, historyRows("05:10:00", "05:35:03")...)
}

func TestMDM(t *testing.T) {
	for macOS, restart := range map[string]bool{"10.14.6": false, "13.7.2": true} {
		s := newSim(t, simmac.Options{MacOS: macOS, Parallels: "18.3.4"})
		s.must(s.Attempt(minutes(1)))
		s.must(s.MDMAllow(minutes(2)))
		s.expect("the profile", `SELECT team_id, bundle_id, allowed, length(payload_uuid) FROM kext_policy_mdm`, "4C6364ACXT||1|36")
		s.expect("rows of the user stay", policy, policyRows(0)...)
		if restart {
			if err := s.Load(minutes(3)); err == nil {
				t.Errorf("macOS %s loads without a restart", macOS)
			}
			s.must(s.Restart(minutes(4)))
		}
		s.must(s.Load(minutes(5)))
		s.expectLoaded("18.3.4 53630")
		if err := s.Allow(minutes(6)); err == nil {
			t.Errorf("macOS %s has something to allow beside the profile", macOS)
		}
	}
}

func TestUpdateMacOS(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.13.6", Parallels: "16.5.2"})
	s.must(s.Attempt(minutes(1)))
	s.must(s.Allow(minutes(2)))
	s.must(s.Load(minutes(3)))
	boot, _, _ := s.run("usr/sbin/sysctl", "-n", "kern.bootsessionuuid")

	s.must(s.UpdateMacOS("10.14.6", minutes(10)))
	s.expect("the new column", `SELECT cdhash IS NULL FROM kext_load_history_v3 GROUP BY 1`, "1")
	if stored := s.rows(`SELECT sql FROM sqlite_master WHERE name = 'kext_load_history_v3'`); !strings.HasSuffix(stored[0], "flags INTEGER , cdhash TEXT)") {
		t.Errorf("stored definition: %q", stored)
	}
	s.expect("journal mode", `PRAGMA journal_mode`, "delete")
	s.expectLoaded("")
	s.must(s.Load(minutes(11)))

	s.must(s.UpdateMacOS("26.2", minutes(20)))
	s.expect("journal mode", `PRAGMA journal_mode`, "wal")
	s.expect("policy", policy, policyRows(1)...)
	s.expect("new table", `SELECT name FROM sqlite_master WHERE name = 'deprecation_alert_history'`, "deprecation_alert_history")
	s.expectLoaded("16.5.2 50703")
	if now, _, _ := s.run("usr/sbin/sysctl", "-n", "kern.bootsessionuuid"); now == boot {
		t.Error("the update did not restart the Mac")
	}

	var version struct{ ProductVersion, ProductBuildVersion string }
	s.plist("System/Library/CoreServices/SystemVersion.plist", &version)
	if version.ProductVersion != "26.2" || version.ProductBuildVersion != "25C56" {
		t.Errorf("SystemVersion.plist: %+v", version)
	}
	var installs []struct {
		Date               time.Time `plist:"date"`
		DisplayName        string    `plist:"displayName"`
		DisplayVersion     string    `plist:"displayVersion"`
		PackageIdentifiers []string  `plist:"packageIdentifiers"`
	}
	s.plist("Library/Receipts/InstallHistory.plist", &installs)
	last := installs[len(installs)-1]
	if len(installs) != 4 || last.DisplayName != "macOS 26.2" || last.DisplayVersion != "26.2" || last.PackageIdentifiers != nil || !last.Date.Equal(minutes(20)) {
		t.Errorf("InstallHistory.plist: %+v", installs)
	}
	if installs[2].DisplayName != "macOS 10.14.6 Update" || installs[2].PackageIdentifiers == nil {
		t.Errorf("the update to 10.14.6: %+v", installs[2])
	}
	for _, older := range []string{"26.2", "15.2", "26.1.9"} {
		if err := s.UpdateMacOS(older, minutes(30)); err == nil {
			t.Errorf("updated 26.2 to %s", older)
		}
	}
}

func TestOfferMacOS(t *testing.T) {
	type offer struct {
		Name    string `plist:"Display Name"`
		Version string `plist:"Display Version"`
		Key     string `plist:"Product Key"`
	}
	for _, c := range []struct {
		arch                     probe.Arch
		have, offered, name, key string
	}{
		{probe.Intel, "10.14.6", "10.15.7", "macOS Catalina 10.15.7", "012-34567"},
		{probe.Intel, "14.7.2", "15.2", "macOS Sequoia 15.2", "MSU_UPDATE_24C101_patch_15.2_major"},
		{probe.Intel, "15.1", "15.2", "macOS Sequoia 15.2", "MSU_UPDATE_24C101_patch_15.2_minor"},
		{probe.AppleSilicon, "26.2", "28.0", "macOS 28.0", "MSU_UPDATE_27A100_patch_28.0_major"},
	} {
		s := newSim(t, simmac.Options{MacOS: c.have, Arch: c.arch})
		s.must(s.OfferMacOS(c.offered, minutes(5)))
		var offers struct {
			RecommendedUpdates              []offer
			LastRecommendedUpdatesAvailable int
			LastSuccessfulDate              time.Time
		}
		settings := "Library/Preferences/com.apple.SoftwareUpdate.plist"
		s.plist(settings, &offers)
		want := []offer{{c.name, c.offered, c.key}}
		if !slices.Equal(offers.RecommendedUpdates, want) || offers.LastRecommendedUpdatesAvailable != 1 || !offers.LastSuccessfulDate.Equal(minutes(5)) {
			t.Errorf("macOS %s: %+v, want %+v", c.have, offers, want)
		}
		if err := s.OfferMacOS(c.have, minutes(6)); err == nil {
			t.Errorf("offered macOS %s to itself", c.have)
		}
		s.must(s.UpdateMacOS(c.offered, minutes(7)))
		offers.RecommendedUpdates = nil
		s.plist(settings, &offers)
		if len(offers.RecommendedUpdates) != 0 {
			t.Errorf("still offered: %+v", offers)
		}
	}
}

package simmac_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

const (
	macfuse     = "io.macfuse.filesystems.macfuse.23"
	macfusePath = "/Library/Filesystems/macfuse.fs/Contents/Extensions/14/macfuse.kext"
	macfuseTeam = "3T5GSNBU6W"

	otherRows = `SELECT ifnull(team_id, 'NULL'), bundle_id, allowed, developer_name FROM kext_policy ORDER BY bundle_id`
	otherLoad = `SELECT ifnull(team_id, 'NULL'), path, last_seen FROM kext_load_history_v3 WHERE bundle_id NOT LIKE 'com.highpoint%' ORDER BY bundle_id`
)

var both = []probe.Arch{probe.Intel, probe.AppleSilicon}

func macFUSE(version string) simmac.Kext {
	return simmac.Kext{Path: macfusePath, ID: macfuse, Team: macfuseTeam, Version: version, Archs: both}
}

// loadedVersions returns the versions of a kext that the kernel has loaded.
func (s sim) loadedVersions(id string) []string {
	s.t.Helper()
	out, _, _ := s.run("usr/sbin/kextstat", "-l")
	var found []string
	for line := range strings.Lines(out) {
		if _, rest, ok := strings.Cut(line, " "+id+" ("); ok {
			version, _, _ := strings.Cut(rest, ")")
			found = append(found, version)
		}
	}
	return found
}

func (s sim) expectVersions(what string, want ...string) {
	s.t.Helper()
	if got := s.loadedVersions(macfuse); !slices.Equal(got, want) {
		s.t.Errorf("%s: loaded %q, want %q", what, got, want)
	}
}

// A kext of another vendor is blocked, allowed, and loaded after a restart, like those of
// Parallels. An update needs another approval.
func TestKextOfAnotherVendor(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2", Arch: probe.AppleSilicon})
	s.must(s.AddKext(macFUSE("2350.22")))
	s.expect("installed", otherRows)
	if err := s.AllowKext(macfuse, minutes(0)); err == nil {
		t.Error("a click without a button: no error")
	}
	s.must(s.AttemptKext(macfuse, minutes(1)))
	s.expect("attempt", otherRows, macfuseTeam+"|"+macfuse+"|0|Benjamin Fleischer")
	s.expect("attempt", otherLoad, macfuseTeam+"|"+macfusePath+"|2026-05-06 05:01:00")
	if err := s.LoadKext(macfuse, minutes(2)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("load: %v, want %v", err, fs.ErrPermission)
	}
	s.must(s.AllowKext(macfuse, minutes(3)))
	s.expect("allowed", otherRows, macfuseTeam+"|"+macfuse+"|1|Benjamin Fleischer")
	s.expectVersions("allowed")
	s.must(s.Restart(minutes(4)))
	s.expectVersions("restarted", "2350.22")
	s.must(s.UnloadKext(macfuse))
	s.expectVersions("unloaded")
	if err := s.UnloadKext(macfuse); err == nil {
		t.Error("unloaded twice: no error")
	}
	s.must(s.LoadKext(macfuse, minutes(5)))
	s.expectVersions("loaded", "2350.22")

	s.must(s.AddKext(macFUSE("2400.1")))
	s.must(s.AttemptKext(macfuse, minutes(6)))
	s.expectVersions("updated", "2350.22")
	s.must(s.AllowKext(macfuse, minutes(7)))
	s.must(s.Restart(minutes(8)))
	s.expectVersions("allowed again", "2400.1")
	s.must(os.RemoveAll(s.dir + "/Library/Filesystems/macfuse.fs"))
	s.must(s.Restart(minutes(9)))
	s.expectVersions("removed")
	if err := s.AttemptKext(macfuse, minutes(10)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("attempt after the removal: %v, want %v", err, fs.ErrNotExist)
	}
}

// One click approves all kexts of a team in the same place, and no others.
func TestAllowOneRowOfThePane(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7"})
	for path, id := range map[string]string{
		"/Library/Application Support/VMware Tools/vmhgfs.kext":       "com.vmware.kext.vmhgfs",
		"/Library/Application Support/VMware Tools/sub/vmmemctl.kext": "com.vmware.kext.vmmemctl",
		"/Library/Extensions/VMwareGfx.kext":                          "com.vmware.kext.VMwareGfx",
	} {
		s.must(s.AddKext(simmac.Kext{Path: path, ID: id, Team: "EG7KH642X6", Version: "15.2", Archs: []probe.Arch{probe.Intel}}))
	}
	s.must(s.AttemptKext("com.vmware.kext.VMwareGfx", minutes(1)))
	s.must(s.AttemptKext("com.vmware.kext.vmhgfs", minutes(1)))
	s.must(s.AllowKext("com.vmware.kext.vmhgfs", minutes(2)))
	s.expect("allowed", otherRows, "EG7KH642X6|com.vmware.kext.VMwareGfx|0|VMware, Inc.",
		"EG7KH642X6|com.vmware.kext.vmhgfs|1|VMware, Inc.", "EG7KH642X6|com.vmware.kext.vmmemctl|1|VMware, Inc.")
	s.must(s.MDMAllowTeam("EG7KH642X6", minutes(3)))
	s.must(s.LoadKext("com.vmware.kext.VMwareGfx", minutes(4)))
}

// An unsigned kext gets a row without a team, and no button.
func TestUnsignedKext(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "26.2"})
	s.must(s.AddKext(simmac.Kext{Path: "/Library/Extensions/AirportItlwm.kext", ID: "com.zxystd.AirportItlwm", Version: "2.3.0", Archs: both}))
	s.must(s.AttemptKext("com.zxystd.AirportItlwm", minutes(1)))
	s.expect("attempt", otherRows, "|com.zxystd.AirportItlwm|0|Unidentified - AirportItlwm")
	s.expect("attempt", otherLoad, "NULL|/Library/Extensions/AirportItlwm.kext|2026-05-06 05:01:00")
	if err := s.AllowKext("com.zxystd.AirportItlwm", minutes(2)); err == nil {
		t.Error("a click on a button that macOS does not show: no error")
	}
}

// A kext without code for the processor is not loaded, although it is allowed.
func TestKextForAnotherProcessor(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2", Arch: probe.AppleSilicon})
	k := macFUSE("1.0")
	k.Archs = []probe.Arch{probe.Intel}
	s.must(s.AddKext(k))
	s.must(s.AttemptKext(macfuse, minutes(1)))
	s.must(s.AllowKext(macfuse, minutes(2)))
	s.must(s.Restart(minutes(3)))
	s.expectVersions("restarted")
	if err := s.LoadKext(macfuse, minutes(4)); err == nil {
		t.Error("LoadKext succeeded, want an error")
	}
	s.must(s.LogRefusal(probe.WrongArch, macfuse, minutes(5)))
}

func TestAddKextRefuses(t *testing.T) {
	s := newSim(t, simmac.Options{})
	for name, k := range map[string]simmac.Kext{
		"relative path": {Path: "Library/Extensions/a.kext", ID: "com.a", Version: "1"},
		"not clean":     {Path: "/Library/../a.kext", ID: "com.a", Version: "1"},
		"not a kext":    {Path: "/Library/Extensions/a", ID: "com.a", Version: "1"},
		"bundle ID":     {Path: "/Library/Extensions/a.kext", ID: "com/a", Version: "1"},
		"no bundle ID":  {Path: "/Library/Extensions/a.kext", Version: "1"},
		"team":          {Path: "/Library/Extensions/a.kext", ID: "com.a", Version: "1", Team: "x"},
		"version":       {Path: "/Library/Extensions/a.kext", ID: "com.a", Version: "v"},
		"processor":     {Path: "/Library/Extensions/a.kext", ID: "com.a", Version: "1", Archs: []probe.Arch{"ppc"}},
	} {
		if err := s.AddKext(k); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := s.MDMAllowTeam("x", minutes(1)); err == nil {
		t.Error("an invalid team: no error")
	}
	for _, path := range []string{"/Library/Missing", probe.SystemVersion} {
		if err := s.HideFolder(path); err == nil {
			t.Errorf("hiding %s: no error", path)
		}
	}
}

// A folder that is hidden keeps its content, which root can read.
func TestHideFolder(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7"})
	s.must(s.AddKext(macFUSE("1.0")))
	s.must(s.HideFolder(macfusePath))
	defer func() { s.must(s.ShowFolder(macfusePath)) }()
	_, err := os.ReadDir(s.dir + macfusePath)
	if root := os.Geteuid() == 0; root != (err == nil) {
		t.Errorf("root %v: %v", root, err)
	}
	s.must(s.AttemptKext(macfuse, minutes(1)))
	s.expect("attempt", otherRows, macfuseTeam+"|"+macfuse+"|0|Benjamin Fleischer")
}

package simmac_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/simmac"
)

// frameworkItem has the fields of an answer that the tests check.
type frameworkItem struct {
	Application      string
	Bundles          []string
	Allowed          bool
	Restart, Upgrade bool
	Team, Path       string
	Developer        string
	Modified         bool
}

type frameworkAnswer struct {
	Protocol         int
	State            string
	Current, Pending []frameworkItem
}

// framework returns the answer of the Mac's osascript to a script that reads the
// policy.
func (s sim) framework() (answer frameworkAnswer) {
	s.t.Helper()
	out, errs, code := s.run("usr/bin/osascript", "-l", "JavaScript", "-e", "… SPKernelExtensionPolicy …")
	if code != 0 || errs != "" {
		s.t.Fatalf("osascript: exit %d, %s", code, errs)
	}
	s.must(json.Unmarshal([]byte(out), &answer))
	return answer
}

func TestFrameworkAnswersMatchPolicy(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7"})
	if a := s.framework(); a.Protocol != 1 || a.State != "ok" || len(a.Current)+len(a.Pending) > 0 {
		t.Errorf("nothing tried: %+v", a)
	}
	s.must(s.Attempt(minutes(1)))
	a := s.framework()
	if len(a.Current) != 1 || len(a.Pending) != 1 || a.Current[0].Allowed || len(a.Current[0].Bundles) != 4 || a.Current[0].Application != "Parallels Desktop" {
		t.Errorf("blocked: %+v", a)
	}
	s.must(s.Allow(minutes(2)))
	if a := s.framework(); len(a.Current) != 1 || len(a.Pending) > 0 || !a.Current[0].Allowed || !a.Current[0].Restart || a.Current[0].Upgrade {
		t.Errorf("allowed: %+v", a)
	}
	s.must(s.Restart(minutes(3)))
	if a := s.framework(); a.Current[0].Restart {
		t.Errorf("restarted: %+v", a)
	}
	s.must(s.UpdateParallels("17.1.4", minutes(4)))
	s.must(s.Attempt(minutes(5)))
	if a := s.framework(); !a.Current[0].Allowed || !a.Current[0].Upgrade {
		t.Errorf("updated and tried: %+v", a)
	}
	s.must(s.RemoveFramework())
	s.must(s.Attempt(minutes(6)))
	if a := s.framework(); a.State != "unsupported" || a.Current != nil {
		t.Errorf("removed: %+v", a)
	}
}

// The items of other vendors have their places, too, on every processor: an app or another
// bundle, or a folder of Application Support.
func TestFrameworkOfOtherVendors(t *testing.T) {
	dir := t.TempDir() // without the odd name of newSim, which FillDatabase cannot open
	m, err := simmac.New(dir, simmac.Options{MacOS: "26.2", Arch: probe.AppleSilicon, Now: t0})
	mactest.NoError(t, err)
	s := sim{m, t, dir}
	for _, k := range []struct{ path, team, id, developer string }{
		{"/Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext", "3T5GSNBU6W", "io.macfuse.filesystems.macfuse.25", "Benjamin Fleischer"},
		{"/Library/Application Support/VirtualBox/VBoxDrv.kext", "VB5E2TV963", "org.virtualbox.kext.VBoxDrv", "Oracle America, Inc."},
		{"/Library/Application Support/VirtualBox/VBoxUSB.kext", "VB5E2TV963", "org.virtualbox.kext.VBoxUSB", "Oracle America, Inc."},
		{"/Applications/VMware Fusion.app/Contents/Library/kexts/vmmon.kext", "EG7KH642X6", "com.vmware.kext.vmx86", "VMware, Inc."},
		{"/Library/Extensions/Soundflower.kext", "S1234567AB", "com.Cycling74.driver.Soundflower", "Matt Ingalls"},
		{"/Library/Extensions/gone.kext", "G1234567AB", "com.example.gone", "Nobody"},
	} {
		if k.id != "com.example.gone" {
			mactest.AddFile(t, s.dir, k.path+"/Contents/Info.plist", `<plist version="1.0"><dict><key>CFBundleIdentifier</key><string>`+k.id+
				`</string><key>CFBundleVersion</key><string>1.0</string></dict></plist>`)
		}
		mactest.FillDatabase(t, s.dir+probe.KextPolicy, `INSERT INTO kext_policy VALUES ('`+k.team+`', '`+k.id+`', 0, '`+k.developer+`', 4)`,
			`INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, last_seen) VALUES ('`+k.path+`', '`+k.team+`', '`+k.id+`', '2026-05-06 05:00:00')`)
	}
	mactest.FillDatabase(t, s.dir+probe.KextPolicy, `UPDATE kext_policy SET allowed = 1 WHERE team_id = 'EG7KH642X6'`)
	s.must(s.Restart(minutes(1)))
	var got []string
	for _, item := range s.framework().Current {
		got = append(got, fmt.Sprintf("%s %d %v %q %q", item.Team, len(item.Bundles), item.Allowed, item.Application, item.Path))
		if item.Upgrade || item.Restart {
			t.Errorf("nobody clicked: %+v", item)
		}
	}
	want := []string{
		`3T5GSNBU6W 1 false "macfuse" "/Library/Filesystems/macfuse.fs"`,
		`VB5E2TV963 2 false "VirtualBox" "/Library/Application Support/VirtualBox"`,
		`EG7KH642X6 1 true "VMware Fusion" "/Applications/VMware Fusion.app"`,
		`S1234567AB 1 false "" ""`,
		`G1234567AB 1 false "" ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if waits := s.framework().Pending; len(waits) != 4 {
		t.Errorf("%d wait", len(waits))
	}
}

func TestLockedPolicyStillChanges(t *testing.T) {
	const place = "/private/var/db/SystemPolicyConfiguration/KextPolicy"
	s := newSim(t, simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7"})
	s.must(s.LockPolicy())
	s.must(s.LockPolicy())
	before, err := os.Stat(s.dir + place)
	s.must(err)
	if before.Mode() != 0 {
		t.Errorf("a locked database has the mode %v", before.Mode())
	}
	s.must(s.Attempt(minutes(1)))
	after, err := os.Stat(s.dir + place)
	s.must(err)
	if os.SameFile(before, after) || after.Mode() != 0 {
		t.Errorf("an attempt does not show: %v, then %v", before, after)
	}
	if a := s.framework(); len(a.Pending) != 1 {
		t.Errorf("the framework: %+v", a)
	}
	s.must(s.UpdateMacOS("13.7.2", minutes(2)))
	if info, err := os.Stat(s.dir + place); err != nil || info.Mode() != 0 {
		t.Errorf("an update opened the database: %v, %v", info, err)
	}
	s.must(s.UnlockPolicy())
	s.must(s.UnlockPolicy())
	if info, err := os.Stat(s.dir + place); err != nil || info.Mode() != 0o600 {
		t.Errorf("an open database: %v, %v", info, err)
	}
	s.expect("rows", policy, policyRows(0)...)
}

func TestBreakTool(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"})
	const tool = "usr/sbin/kextstat"
	good, _, _ := s.run(tool, "-l")
	printed := strings.TrimRight(good, "\n") // all but what the shell drops
	for how, ok := range map[string]func(out string, code int) bool{
		"flood":   func(out string, _ int) bool { return len(out) == 100<<20 },
		"half":    func(out string, code int) bool { return code == 0 && out == printed[:len(printed)/2] },
		"crash":   func(out string, code int) bool { return code != 0 && out == "" },
		"rubbish": func(out string, code int) bool { return code == 0 && strings.Contains(out, "rubbish\x00") },
	} {
		s.must(s.BreakTool("kextstat", how))
		if out, _, code := s.run(tool, "-l"); !ok(out, code) {
			t.Errorf("%s: exit %d, %d bytes: %.200q", how, code, len(out), out)
		}
	}
	s.must(s.BreakTool("kextstat", "none"))
	s.must(s.BreakTool("kextstat", "none"))
	if _, err := os.Stat(s.dir + "/" + tool); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	s.must(s.BreakTool("kextstat", "heal"))
	s.must(s.BreakTool("kextstat", "heal"))
	if out, _, code := s.run(tool, "-l"); out != good || code != 0 {
		t.Errorf("healed: exit %d, %q", code, out)
	}
	for _, bad := range [][2]string{{"kextstat", "sings"}, {"kextstat", ""}, {"nothing", "hang"}, {"../sbin/kextstat", "hang"}, {"", "none"}} {
		if err := s.BreakTool(bad[0], bad[1]); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if entries, err := os.ReadDir(s.dir + "/usr/sbin"); err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

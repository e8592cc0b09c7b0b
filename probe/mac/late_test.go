package mac

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// A path of the load history that does not answer counts as existing, and the
// other paths are read.
func TestSnapshotWithPathThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	before, _, answer := mactest.DeadShare("dead")
	f := &root.Files{Before: before}
	defer answer()
	m := root.FS{Root: mactest.Root(t)}
	m.Files = f
	addKext(t, m, "/Library/Extensions/fine.kext", "com.example.fine", "1")
	addKext(t, m, "/Library/Extensions/dead.kext", "com.example.dead", "1")
	kexts, gaps := findKexts(m, nil, nil, recorded(
		probe.LoadRecord{Path: "/Library/Extensions/dead.kext", TeamID: "TEAM", BundleID: "com.example.dead"},
		probe.LoadRecord{Path: "/Library/Extensions/fine.kext", TeamID: "TEAM", BundleID: "com.example.fine"},
	))
	wantKexts(t, kexts,
		probe.Kext{BundleID: "com.example.fine", TeamID: "TEAM", Path: "/Library/Extensions/fine.kext", Version: "1"},
		probe.Kext{BundleID: "com.example.dead", TeamID: "TEAM", Path: "/Library/Extensions/dead.kext", Unread: true})
	wantGaps(t, gaps, string(probe.FactOtherKexts))
	if len(gaps) == 1 && !strings.Contains(gaps[0].Err, "did not answer in time") {
		t.Errorf("%+v", gaps)
	}
}

// No function that reads a path waits forever.
func TestEveryReadHasTimeLimit(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	m.Home = filepath.Join(m.Root, "Users/me")
	for _, dir := range []string{"/Users/me/Parallels/a.pvm", "/Users/Shared/Parallels", "/Library/x", "/Applications"} {
		if err := os.MkdirAll(m.Root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mactest.AddFile(t, m.Root, "/Users/me/Parallels/a.pvm/config.pvs", "")
	readers := map[string]func(m root.FS){
		"readFile":     func(m root.FS) { m.ReadFile("/Library/x", 1) },
		"list":         func(m root.FS) { m.List("/Library") },
		"stat":         func(m root.FS) { m.Stat("/Library") },
		"ReadChosen":   func(m root.FS) { m.ReadChosen("/Library/x", 1) },
		"StatChosen":   func(m root.FS) { m.StatChosen("/Library/x") },
		"parallels":    func(m root.FS) { ReadParallels(m) },
		"kexts":        func(m root.FS) { findKexts(m, nil, testApp, nil) },
		"configs":      func(m root.FS) { readConfigs(m) },
		"readConfig":   func(m root.FS) { readConfig(m, m.Home+"/Parallels/a.pvm/config.pvs") },
		"machineFiles": func(m root.FS) { machineFiles(m, *testApp) },
		"policyStamp":  func(m root.FS) { new(framework.Cache).Stat(m, probe.ParallelsApp) },
		"stamps":       func(m root.FS) { m.Stamps(updateFiles[:]...) },
	}
	for name, read := range readers {
		synctest.Test(t, func(t *testing.T) {
			before, calls, answer := mactest.DeadShare("")
			f := &root.Files{Before: before}
			m.Files = f
			start := time.Now()
			read(m)
			if took := time.Since(start); took > root.FileLimit+root.LateMost*root.FileHurry {
				t.Errorf("%s took %v", name, took)
			}
			if calls.Load() == 0 || calls.Load() > root.LateMost {
				t.Errorf("%s made %d calls, want some, and at most %d that wait", name, calls.Load(), root.LateMost)
			}
			answer()
		})
	}
}

// Parallels Desktop stops answering after it was read. That uses up few of the calls that
// may be late at the same time, so other files are still read.
func TestAppThatStopsAnswering(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	addPlist(t, m, probe.ParallelsApp+"/Contents/Info.plist", root.BundleInfo{ID: parallelsID, ShortVersion: "17", Version: "1"})
	for _, name := range []string{"hypervisor", "netbridge", "vnic", "usb_connect"} {
		addCode(t, m, probe.ParallelsApp+"/Contents/Library/Extensions/10.9/prl_"+name+".kext", "com.parallels.kext."+name, "17", probe.ParallelsTeamID, probe.Intel)
	}
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		before, calls, answer := mactest.DeadShare("")
		m.Files = &root.Files{Before: func(path string) {
			if dead.Load() && (strings.Contains(path, probe.ParallelsApp) || path == lastFilesName) {
				before(path)
			}
		}}
		p := NewProber(m)
		read := func() probe.Snapshot {
			s := newShot(t.Context(), p.mac, time.Now(), Options{}, &p.queries)
			p.readApps(s)
			time.Sleep(time.Second)
			return s.snap
		}
		if snap := read(); len(snap.Apps) != 1 || len(snap.Kexts) != 4 {
			t.Fatalf("%+v", snap)
		}
		dead.Store(true)
		for range 3 {
			read()
		}
		if n := calls.Load(); n > root.LateMost/2 {
			t.Errorf("%d calls wait", n)
		}
		if _, err := m.Stat("/Applications"); err != nil {
			t.Errorf("another folder: %v", err)
		}
		answer()
	})
}

package mac

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// A place of the load history that does not answer counts as there, and the
// others are read.
func TestLookWithADeadPlace(t *testing.T) {
	before, _, answer := mactest.DeadShare("dead")
	f := &Files{Before: before}
	defer answer()
	m := Mac{Root: mactest.Root(t)}
	m.Files = f
	addKext(t, m, "/Library/Extensions/fine.kext", "com.example.fine", "1")
	addKext(t, m, "/Library/Extensions/dead.kext", "com.example.dead", "1")
	kexts, gaps := findKexts(m, nil, recorded(
		probe.LoadRecord{Path: "/Library/Extensions/dead.kext", TeamID: "TEAM", BundleID: "com.example.dead"},
		probe.LoadRecord{Path: "/Library/Extensions/fine.kext", TeamID: "TEAM", BundleID: "com.example.fine"},
	))
	wantKexts(t, kexts,
		probe.Kext{BundleID: "com.example.fine", TeamID: "TEAM", Path: "/Library/Extensions/fine.kext", Version: "1"},
		probe.Kext{BundleID: "com.example.dead", TeamID: "TEAM", Path: "/Library/Extensions/dead.kext", Unread: true})
	wantGaps(t, gaps, string(probe.FactKextsOnDisk))
	if len(gaps) == 1 && !strings.Contains(gaps[0].Err, "did not answer in time") {
		t.Errorf("%+v", gaps)
	}
}

// Every reader of a path goes by the same rule: none of them waits for ever.
func TestNoReaderWaitsForever(t *testing.T) {
	m := Mac{Root: mactest.Root(t)}
	m.Home = filepath.Join(m.Root, "Users/me")
	for _, dir := range []string{"/Users/me/Parallels/a.pvm", "/Users/Shared/Parallels", "/Library/x", "/Applications"} {
		if err := os.MkdirAll(m.Root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mactest.AddFile(t, m.Root, "/Users/me/Parallels/a.pvm/config.pvs", "")
	readers := map[string]func(m Mac){
		"readFile":     func(m Mac) { m.readFile("/Library/x", 1) },
		"list":         func(m Mac) { m.list("/Library") },
		"stat":         func(m Mac) { m.stat("/Library") },
		"ReadChosen":   func(m Mac) { m.ReadChosen("/Library/x", 1) },
		"StatChosen":   func(m Mac) { m.StatChosen("/Library/x") },
		"parallels":    func(m Mac) { ReadParallels(m) },
		"kexts":        func(m Mac) { findKexts(m, testApp, nil) },
		"configs":      func(m Mac) { readConfigs(m) },
		"readConfig":   func(m Mac) { readConfig(m, m.Home+"/Parallels/a.pvm/config.pvs") },
		"machineFiles": func(m Mac) { machineFiles(m, *testApp) },
		"policyStamp":  func(m Mac) { stampPolicy(m) },
		"stamps":       func(m Mac) { m.stampsOf(stamped) },
		"spots":        func(m Mac) { findSpots(m) },
	}
	for name, read := range readers {
		synctest.Test(t, func(t *testing.T) {
			before, calls, answer := mactest.DeadShare("")
			f := &Files{Before: before}
			m.Files = f
			start := time.Now()
			read(m)
			if took := time.Since(start); took > fileLimit+lateMost*fileHurry {
				t.Errorf("%s took %v", name, took)
			}
			if calls.Load() == 0 || calls.Load() > lateMost {
				t.Errorf("%s made %d calls, want some, and at most %d that wait", name, calls.Load(), lateMost)
			}
			answer()
		})
	}
}

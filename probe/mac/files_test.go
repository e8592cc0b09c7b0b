package mac

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// deadShare makes each call wait whose path contains a word, until it answers.
func deadShare(word string) (f *Files, calls *atomic.Int32, answer func()) {
	calls, wait := &atomic.Int32{}, make(chan struct{})
	f = &Files{Before: func(path string) {
		if strings.Contains(path, word) {
			calls.Add(1)
			<-wait
		}
	}}
	return f, calls, func() { close(wait) }
}

// A file that does not answer is waited for once, and not tried again while
// the call waits, and for a while after.
func TestFileThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, calls, answer := deadShare("dead")
		call := func(path string) (time.Duration, error) {
			start := time.Now()
			_, err := inTime(f, path, func() (int, error) { return 1, nil })
			return time.Since(start), err
		}
		if took, err := call("/dead/a"); took != fileLimit || !errors.Is(err, ErrLate) || err.Error() != "/dead/a did not answer in time" {
			t.Errorf("took %v: %v", took, err)
		}
		if took, err := call("/dead/a"); took != 0 || !errors.Is(err, ErrLate) || calls.Load() != 1 {
			t.Errorf("at once again it took %v: %v, %d calls; want no second one", took, err, calls.Load())
		}
		if took, err := call("/fine"); took != 0 || err != nil {
			t.Errorf("another file took %v: %v", took, err)
		}
		if took, err := call("/dead/b"); took != fileHurry || !errors.Is(err, ErrLate) {
			t.Errorf("another dead file took %v: %v", took, err)
		}
		time.Sleep(time.Hour)
		if took, err := call("/dead/a"); took != 0 || !errors.Is(err, ErrLate) || calls.Load() != 2 {
			t.Errorf("an hour later it took %v: %v, %d calls; want no third one", took, err, calls.Load())
		}
		answer()
		synctest.Wait()
		if _, err := call("/dead/a"); !errors.Is(err, ErrLate) {
			t.Errorf("the share has just answered: %v, want a pause", err)
		}
		time.Sleep(latePause)
		if took, err := call("/dead/a"); took != 0 || err != nil {
			t.Errorf("after the pause it took %v: %v", took, err)
		}
		if f.waiting != 0 || len(f.late) != 1 { // /dead/b was not asked again
			t.Errorf("%d calls wait, %d paths are late; want none and one", f.waiting, len(f.late))
		}
	})
}

// A call that is late again and again is made less and less often.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := &Files{Before: func(string) {
			calls++
			time.Sleep(fileLimit + time.Second)
		}}
		for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); time.Sleep(time.Second) {
			_, _ = inTime(f, "/slow", func() (int, error) { return 0, nil })
		}
		if calls < 40 || calls > 80 {
			t.Errorf("%d calls in a day, want one in half an hour after the first ones", calls)
		}
	})
}

// However many files do not answer, few calls are left waiting.
func TestFewCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, calls, answer := deadShare("dead")
		start := time.Now()
		for n := range 1000 {
			if _, err := inTime(f, fmt.Sprint("/dead/", n), func() (int, error) { return 0, nil }); !errors.Is(err, ErrLate) {
				t.Fatalf("%d: %v", n, err)
			}
		}
		if took := time.Since(start); calls.Load() != lateMost || took > fileLimit+lateMost*fileHurry {
			t.Errorf("%d calls wait after %v, want %d", calls.Load(), took, lateMost)
		}
		answer()
		synctest.Wait()
		if _, err := inTime(f, "/fine", func() (int, error) { return 0, nil }); err != nil {
			t.Errorf("after the share answered: %v", err)
		}
		for n := range 10 * latePaths { // late, but never at the same time
			f.remember(fmt.Sprint(n), &latePath{})
		}
		if len(f.late) > latePaths {
			t.Errorf("%d paths are remembered as late", len(f.late))
		}
	})
}

// A place of the load history that does not answer counts as there, and the
// others are read.
func TestLookWithADeadPlace(t *testing.T) {
	f, _, answer := deadShare("dead")
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
			f, calls, answer := deadShare("")
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

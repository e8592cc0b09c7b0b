package watch

import (
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// Files that do not answer delay neither the stamps nor the spots for long.
func TestFilesThatDoNotAnswer(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.NoError(t, os.MkdirAll(m.Root+"/Applications", 0o755))
	for name, read := range map[string]func(m root.FS){
		"stamps": func(m root.FS) { newWatcher(m).stampMac() },
		"spots":  func(m root.FS) { newWatcher(m).spots() },
	} {
		synctest.Test(t, func(t *testing.T) {
			before, calls, answer := mactest.DeadShare("")
			m.Files = &root.Files{Before: before}
			start := time.Now()
			read(m)
			if took := time.Since(start); took > root.FileLimit+root.LateMost*root.FileHurry {
				t.Errorf("%s took %v", name, took)
			}
			if calls.Load() == 0 || calls.Load() > root.LateMost {
				t.Errorf("%s made %d calls, want 1 to %d", name, calls.Load(), root.LateMost)
			}
			answer()
		})
	}
}

func TestBackstopNoticesAnOfferedUpdate(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	w := newWatcher(m)
	before := w.stampMac()
	mactest.AddFile(t, m.Root, probe.SoftwareUpdateSettings, "changed")
	if slices.Equal(before, w.stampMac()) {
		t.Error("a new offer does not change the stamps")
	}
}

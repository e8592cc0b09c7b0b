package framework

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// A file with a time in the future does not cause constant queries.
func TestPolicyStampQuiet(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, probe.KextPolicy, "")
	now := time.Now()
	for age, want := range map[time.Duration]bool{
		0: false, probe.CommitDelay - 1: false, probe.CommitDelay: true, time.Hour: true, -1: true, -time.Hour: true,
	} {
		at := now.Add(-age)
		mactest.NoError(t, os.Chtimes(filepath.Join(m.Root, probe.KextPolicy), at, at))
		if got := stampPolicy(m, probe.ParallelsApp).quiet(now); got != want {
			t.Errorf("changed %v ago: quiet is %t, want %t", age, got, want)
		}
	}
}

package loop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/fleet"
	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// A fleet tool sees a block at once. On an idle Mac the file shows four times a day that
// the agent still runs, and no more often.
func TestFleetFileOfARunningAgent(t *testing.T) {
	dir, m := t.TempDir(), root.FS{Root: mactest.Root(t), UID: os.Geteuid()}
	folder := filepath.Join(m.Root, probe.FleetStates, fmt.Sprint(m.UID))
	mactest.NoError(t, os.MkdirAll(folder, 0o755))
	synctest.Test(t, func(t *testing.T) {
		content := func() string {
			synctest.Wait()
			data, _ := os.ReadFile(filepath.Join(folder, probe.FleetState))
			return string(data)
		}
		d, st := newBubble(), open(t, dir)
		st.Fleet = store.FleetFile{Mac: m, Version: "1.2"}
		defer d.run(t, New(d.edges(), st, nil))()
		d.hint(settled)
		first, began := content(), time.Now()
		if !strings.Contains(first, "not-asked") {
			t.Fatalf("at first:\n%s", first)
		}
		writes, last := 0, first
		for range 24 * 60 {
			time.Sleep(time.Minute)
			if now := content(); now != last {
				writes, last = writes+1, now
			}
		}
		if want := int(24 * time.Hour / fleet.Heartbeat); writes != want || !strings.Contains(last, began.Add(24*time.Hour).UTC().Format("2006-01-02T15:")) {
			t.Errorf("%d writes in a day of which nothing is to tell, want %d; the last one is\n%s", writes, want, last)
		}
		d.attempt()
		d.hint(probe.Hint{})
		if !strings.Contains(content(), "blocked-open: Parallels Desktop") {
			t.Errorf("after an attempt:\n%s", content())
		}
	})
}

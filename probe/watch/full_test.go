package watch

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// A simulated Mac with more apps than a watched folder may have entries.
func macWithManyApps(t *testing.T) string {
	root := t.TempDir()
	put(t, root+db, "")
	for i := range 5 {
		put(t, fmt.Sprintf("%s/Applications/%d.app/x", root, i), "")
	}
	return root
}

func fullAbove4(w *Watcher) { w.limit = 4 }

func (s *story) watches(path string) func() bool {
	return func() bool { return slices.Contains(s.watched(), path) }
}

// A full folder above the missing app is not watched, and nothing is missing. An
// installation is noticed with the next change of the policy.
func TestFullFolderAboveTheApp(t *testing.T) {
	t.Parallel()
	s := watch(t, macWithManyApps(t), fullAbove4)
	if s.watches("/Applications")() {
		t.Errorf("watched: %q", s.watched())
	}
	s.calm()
	s.put(info)
	time.Sleep(probe.StormInterval) // time for a wrong hint
	select {
	case h := <-s.w.Hints():
		t.Fatalf("hint %+v", h)
	default:
	}
	if gaps := s.w.Gaps(); gaps != nil {
		t.Errorf("gaps = %+v", gaps)
	}
	s.put(db)
	s.settled()
	s.eventually("the app is watched", s.watches(info))
	s.calm()
	s.put(info)
	s.settled()
}

func TestBackstopFindsTheAppInAFullFolder(t *testing.T) {
	t.Parallel()
	s := watch(t, macWithManyApps(t), func(w *Watcher) {
		fullAbove4(w)
		w.liveEvery = 50 * time.Millisecond
	})
	s.calm()
	s.put(info)
	s.settled()
	s.eventually("the app is watched", s.watches(info))
	s.remove(app)
	s.settled()
	s.remove("/Applications/0.app")
	s.eventually("the folder is watched when it is no longer full", s.watches("/Applications"))
}

// Events of a full folder in which changes matter are missing. Its files have them.
func TestFullFolderThatMatters(t *testing.T) {
	t.Parallel()
	root := macWithManyApps(t)
	for i := range 5 {
		put(t, fmt.Sprintf("%s%s/%d", root, probe.PolicyFolder, i), "")
		mactest.NoError(t, os.MkdirAll(fmt.Sprintf("%s%s/%d.kext", root, probe.Extensions, i), 0o755))
	}
	s := watch(t, root, fullAbove4)
	gaps := s.w.Gaps()
	if len(gaps) != 2 || gaps[0].Err != "watching /Library/Extensions: too many entries" ||
		gaps[1].Err != "watching "+probe.PolicyFolder+": too many entries" || !strings.Contains(gaps[1].Next, "within a minute") {
		t.Errorf("gaps = %+v", gaps)
	}
	if s.watches(probe.PolicyFolder)() || s.watches(probe.Extensions)() {
		t.Errorf("watched: %q", s.watched())
	}
	s.calm()
	s.put(db)
	s.settled()
}

package watch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

func TestJumped(t *testing.T) {
	start := clocks{wall: time.Date(2026, 5, 6, 5, 0, 0, 0, time.UTC), running: time.Hour}
	tests := []struct {
		name          string
		wall, running time.Duration
		want          bool
	}{
		{"awake all the time", 10 * time.Minute, 10 * time.Minute, false},
		{"slept a night", 8 * time.Hour, time.Minute, true},
		{"dozed", time.Minute, 31 * time.Second, false},
		{"clock set forward", 40 * time.Second, time.Second, true},
		{"clock set back", -time.Hour, time.Minute, true},
		{"clock corrected", 59 * time.Second, time.Minute, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			later := clocks{start.wall.Add(tt.wall), start.running + tt.running}
			if got := start.jumped(later); got != tt.want {
				t.Errorf("jumped = %t, want %t", got, tt.want)
			}
		})
	}
}

// blindWatcher returns a Watcher without events: the system refuses to watch.
func blindWatcher(dir string) *Watcher {
	w := newWatcher(root.FS{Root: dir})
	w.open = func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
	return w
}

// inBubble starts w, runs story with fake time, and ends w.
func inBubble(t *testing.T, w func() *Watcher, story func(t *testing.T, w *Watcher)) {
	synctest.Test(t, func(t *testing.T) {
		w := w()
		ctx, cancel := context.WithCancel(t.Context())
		w.start(ctx)
		story(t, w)
		cancel()
		synctest.Wait()
		for range w.Hints() { // a bubble ends only after every goroutine has ended
		}
	})
}

// within waits for a hint, at most for limit. It returns the hint and the time that
// it took.
func within(t *testing.T, w *Watcher, limit time.Duration) (probe.Hint, time.Duration) {
	t.Helper()
	start := time.Now()
	select {
	case h := <-w.Hints():
		return h, time.Since(start)
	case <-time.After(limit):
		t.Fatalf("no hint within %v", limit)
		panic("unreachable")
	}
}

func none(t *testing.T, w *Watcher, limit time.Duration) {
	t.Helper()
	select {
	case h := <-w.Hints():
		t.Fatalf("unexpected hint %+v", h)
	case <-time.After(limit):
	}
}

func TestBackstopFindsChangesWithoutEvents(t *testing.T) {
	paths := []string{
		probe.PolicyFolder + "/KextPolicy",
		probe.PolicyFolder + "/KextPolicy-wal",
		probe.KextPolicyJournal,
		"/Applications/Parallels Desktop.app/Contents/Info.plist",
		"/Library/Extensions/prl_hypervisor.kext/Contents/Info.plist",
		"/Library/Filesystems/macfuse.fs/Contents/Info.plist",
		"/Library/Application Support/io.kextwatch.agent/policy.plist",
	}
	for _, path := range paths {
		t.Run(strings.ReplaceAll(path[1:], "/", " "), func(t *testing.T) {
			dir := t.TempDir()
			inBubble(t, func() *Watcher { return blindWatcher(dir) }, func(t *testing.T, w *Watcher) {
				none(t, w, time.Hour+blindEvery/2) // between two backstops
				put(t, dir+path, "made")
				for i, settled := range []bool{false, false, false, true} {
					h, after := within(t, w, time.Hour)
					if h.Settled != settled || h.Woke {
						t.Errorf("hint %d: %+v", i, h)
					}
					if i == 0 && after > blindEvery {
						t.Errorf("noticed after %v", after)
					}
				}
				none(t, w, time.Hour)
				if err := os.RemoveAll(dir + path); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(path, "/Library/Extensions/") && !strings.HasPrefix(path, "/Library/Filesystems/") { // only the entries of these are compared
					within(t, w, blindEvery)
				}
			})
		})
	}
}

func TestBackstopNoticesSleep(t *testing.T) {
	for name, slept := range map[string]time.Duration{"slept": 8 * time.Hour, "set back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var apart atomic.Int64
			inBubble(t, func() *Watcher {
				w := blindWatcher(dir)
				awake := w.clocks
				w.clocks = func() clocks {
					c := awake()
					c.wall = c.wall.Add(time.Duration(apart.Load()))
					return c
				}
				return w
			}, func(t *testing.T, w *Watcher) {
				none(t, w, time.Hour)
				apart.Store(int64(slept))
				h, after := within(t, w, time.Hour)
				if !h.Woke || after > blindEvery {
					t.Errorf("hint %+v after %v, want Woke within %v", h, after, blindEvery)
				}
				if h, _ := within(t, w, time.Second); h.Woke {
					t.Error("the same sleep is reported twice")
				}
			})
		})
	}
}

// Missing events are reported as a gap. The watch is retried once a minute, and not
// more often.
func TestGapWhenNothingIsLive(t *testing.T) {
	dir := t.TempDir()
	var tries atomic.Int64
	inBubble(t, func() *Watcher {
		w := blindWatcher(dir)
		open := w.open
		w.open = func() (*fsnotify.Watcher, error) {
			tries.Add(1)
			return open()
		}
		return w
	}, func(t *testing.T, w *Watcher) {
		gaps := w.Gaps()
		if len(gaps) != 1 || gaps[0].Err != "watching files: too many open files" || gaps[0].Next == "" {
			t.Errorf("gaps = %+v", gaps)
		}
		none(t, w, time.Hour+blindEvery/2)
		if n := tries.Load(); n != 61 {
			t.Errorf("tried %d times in an hour, want 61", n)
		}
	})
}

// The watches stay as they are until a burst of events has ended, but its changes are
// reported in a moment.
func TestWatchesChangeAfterABurst(t *testing.T) {
	dir := t.TempDir()
	var opened []time.Time
	inBubble(t, func() *Watcher {
		w := blindWatcher(dir)
		open := w.open
		w.open = func() (*fsnotify.Watcher, error) {
			if opened = append(opened, time.Now()); len(opened) == 1 {
				put(t, dir+probe.KextPolicy, "made after the search for the spots")
			}
			return open()
		}
		return w
	}, func(t *testing.T, w *Watcher) {
		if _, after := within(t, w, blindEvery); after > 2*time.Millisecond {
			t.Errorf("hint after %v, want it within 2ms", after)
		}
		time.Sleep(blindEvery / 2) // less than until the next try
		synctest.Wait()
		if len(opened) != 2 || opened[1].Sub(opened[0]) < probe.CommitDelay {
			t.Errorf("opened at %v, want twice, the second time after the burst", opened)
		}
	})
}

// No event shows that the root reader stopped, so the backstop checks it. The runs
// of the reader cause no other hint.
func TestBackstopFindsAReaderThatStopped(t *testing.T) {
	dir := t.TempDir()
	mactest.NoError(t, os.Chmod(dir, 0o755))
	m := root.FS{Root: dir}
	run := func(t *testing.T) {
		t.Helper()
		mactest.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(probe.PublishedPolicy)), 0o755))
		mactest.RunReader(t, m.Root, time.Now())
	}
	start := func() *Watcher {
		run(t)
		return blindWatcher(dir)
	}
	inBubble(t, start, func(t *testing.T, w *Watcher) {
		for range 12 {
			run(t)
			none(t, w, policy.ReaderInterval)
		}
		if h, after := within(t, w, time.Hour); h.Woke || after < policy.ReaderInterval || after > policy.ReaderInterval+2*blindEvery {
			t.Errorf("stopped: %+v after %v", h, after)
		}
		for h := range w.Hints() {
			if h.Settled {
				break
			}
		}
		none(t, w, 5*time.Hour)
		run(t)
		if _, after := within(t, w, time.Hour); after > blindEvery {
			t.Errorf("it runs again: hint after %v", after)
		}
	})
}

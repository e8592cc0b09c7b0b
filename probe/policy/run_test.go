package policy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// readerOf is the reader of a simulated Mac, in a bubble where time jumps.
func readerOf(t *testing.T) (root.FS, *simmac.Mac) {
	t.Helper()
	dir := t.TempDir() + "/mac"
	sim, err := simmac.New(dir, simmac.Options{MacOS: "12.7.6", Parallels: "16.5.1"})
	if err != nil {
		t.Fatal(err)
	}
	return root.FS{Root: dir}, sim
}

var wallClock = probe.Clock{Now: time.Now, After: time.After}

// What follows a first change within the next seconds is published by the
// same run: launchd would not start another one so soon.
func TestTheReaderWaitsForWhatFollows(t *testing.T) {
	for name, tc := range map[string]struct {
		changes int // a second apart, after the first run began
		runs    time.Duration
	}{
		"nothing follows":         {0, 2 * time.Second},
		"three more":              {3, 5 * time.Second},
		"it changes all the time": {30, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, sim := readerOf(t)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() {
					for range tc.changes {
						select {
						case <-ctx.Done():
							return
						case <-time.After(time.Second):
						}
						if err := sim.Attempt(time.Now()); err != nil {
							t.Error(err)
						}
					}
				}()
				start := time.Now()
				if written, err := RunReader(ctx, m, wallClock); err != nil || !written {
					t.Errorf("written: %v, %v", written, err)
				}
				if ran := time.Since(start); ran < tc.runs || ran > tc.runs+2*probe.CommitDelay {
					t.Errorf("ran for %v, want %v", ran, tc.runs)
				}
				if tc.changes < 10 {
					if written, err := RunReader(ctx, m, wallClock); err != nil || written || time.Since(start) > tc.runs+2*probe.CommitDelay {
						t.Errorf("something was left: written %v, %v", written, err)
					}
				}
			})
		})
	}
}

func TestTheReaderStopsWhenToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := readerOf(t)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		start := time.Now()
		if written, err := RunReader(ctx, m, wallClock); err != nil || !written || time.Since(start) != time.Second {
			t.Errorf("written: %v, %v after %v", written, err, time.Since(start))
		}
	})
}

// Each failure of a run names a next step that fits it.
func TestAFailedRunNamesTheNextStep(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, tc := range map[string]struct {
		ctx         context.Context
		spoil       func(m root.FS) error
		says, hints string
	}{
		"a damaged database": {t.Context(), func(m root.FS) error {
			return os.Truncate(filepath.Join(m.Root, probe.KextPolicy), 5000)
		}, "KextPolicy is damaged", "restart the Mac"},
		"a link where it publishes": {t.Context(), func(m root.FS) error {
			file := filepath.Join(m.Root, probe.PublishedPolicy)
			return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.Symlink("precious", file))
		}, "policy.plist is a symbolic link", "install --reader again"},
		"interrupted": {stopped, func(root.FS) error { return nil }, "interrupted", "run it again"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := readerOf(t)
			if err := tc.spoil(m); err != nil {
				t.Fatal(err)
			}
			_, err := RunReader(tc.ctx, m, wallClock)
			failed, ok := errors.AsType[*NotPublished](err)
			if !ok || !strings.Contains(failed.Error(), tc.says) || !strings.Contains(failed.Next, tc.hints) {
				t.Errorf("%#v, want %q and %q", err, tc.says, tc.hints)
			}
		})
	}
}

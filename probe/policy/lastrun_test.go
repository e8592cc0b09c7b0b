package policy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// What cannot be recorded must not leave an old sign of life. Here something else has
// its place.
func TestARunThatCannotBeRecorded(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	p := filepath.Join(m.Root, probe.ReaderLastRun)
	mactest.NoError(t, os.Remove(p))
	mactest.NoError(t, syscall.Mkfifo(p, 0o600))
	before := stampOf(t, m)
	if _, err := Publish(t.Context(), m, publishedAt.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "cannot record the run") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(p); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if stampOf(t, m) == before {
		t.Error("the agents are not told")
	}
	publish(t, m)
	if run, err := ReadLastRun(m); err != nil || run.outcome != runPublished {
		t.Errorf("the next run: %+v, %v", run, err)
	}
}

func stampOf(t *testing.T, m root.FS) root.Stamp {
	t.Helper()
	stamp, err := m.Stamp(probe.PublishedPolicy)
	mactest.NoError(t, err)
	return stamp
}

// Agents watch the published file. A run changes its time only if the outcome differs
// from that of the last run.
func TestANewOutcomeIsSeenOnThePublishedFile(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	before := stampOf(t, m)
	for i, tc := range []struct {
		outcome runOutcome
		changes bool
	}{{runPublished, false}, {runDiskFull, true}, {runDiskFull, false}, {runFailed, true}, {runPublished, true}, {runPublished, false}} {
		runReader(t, m, publishedAt.Add(time.Duration(i+1)*time.Minute), tc.outcome)
		if now := stampOf(t, m); (now != before) != tc.changes {
			t.Errorf("run %d, %s: changed is %t", i, tc.outcome, !tc.changes)
		} else {
			before = now
		}
	}
}

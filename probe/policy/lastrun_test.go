package policy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
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
		t.Error("the agents do not notice it")
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

// Root overwrites the record in place. A second name of the file, which a user could give
// it while the folder was the user's, must not make root overwrite another file.
func TestLastRunIsNoSecondName(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	record := filepath.Join(m.Root, probe.ReaderLastRun)
	victim := mactest.AddFile(t, m.Root, "/etc/sudoers", "root ALL = (ALL) ALL\n")
	mactest.NoError(t, os.Chmod(victim, 0o440))
	mactest.NoError(t, os.MkdirAll(filepath.Dir(record), 0o755))
	mactest.NoError(t, os.Link(victim, record))
	for range 2 {
		Publish(t.Context(), m, publishedAt)
		info, err := os.Stat(victim)
		mactest.NoError(t, err)
		if got := mactest.Content(victim); got != "root ALL = (ALL) ALL\n" || info.Mode().Perm() != 0o440 {
			t.Fatalf("root changed the other file: %q, %v", got, info.Mode())
		}
		if _, err := ReadLastRun(m); err != nil {
			t.Errorf("the run was not recorded: %v", err)
		}
	}
}

// Each record has the same size, so that overwriting it needs no new block of the disk, and
// every user can read it, whatever the umask of an earlier run was.
func TestTheRecordKeepsItsSizeAndMode(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	record := filepath.Join(m.Root, probe.ReaderLastRun)
	for _, outcome := range []runOutcome{runPublished, runDiskFull, runFailed} {
		for _, mode := range []os.FileMode{0o600, publishedPerm, 0o640} {
			mactest.NoError(t, os.Chmod(record, mode))
			runReader(t, m, publishedAt, outcome)
			info, err := os.Stat(record)
			mactest.NoError(t, err)
			if info.Size() != lastRunSize || info.Mode() != publishedPerm {
				t.Errorf("%s, mode was %v: %d bytes, mode %v", outcome, mode, info.Size(), info.Mode())
			}
		}
	}
}

func FuzzReadLastRun(f *testing.F) {
	for _, outcome := range []runOutcome{runPublished, runDiskFull, runFailed} {
		f.Add([]byte(outcome + "      \n"))
	}
	m, _ := newPublishing(f)
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		mactest.AddFile(t, m.Root, probe.ReaderLastRun, string(data))
		run, err := ReadLastRun(m)
		switch run.outcome {
		case runPublished, runDiskFull, runFailed:
		default:
			t.Errorf("outcome %q, %v", run.outcome, err)
		}
	})
}

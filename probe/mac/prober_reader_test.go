package mac

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// readerStory is a Mac whose database cannot be read; stat works. The root reader
// and the framework provide the policy. The Mac was started 18 minutes before
// snapshotAt.
type readerStory struct{ *queryStory }

func newReaderStory(t *testing.T) readerStory {
	t.Helper()
	s := readerStory{newQueryStory(t)}
	mactest.NoError(t, os.Chmod(s.m.Root, 0o755))
	mactest.InstallReader(t, s.m.Root)
	s.changed(-time.Hour)
	s.reads()
	return s
}

// changed changes the database at a time after now.
func (s readerStory) changed(after time.Duration) {
	s.t.Helper()
	at := s.now.Add(after)
	mactest.NoError(s.t, os.Chtimes(filepath.Join(s.m.Root, probe.KextPolicy), at, at))
}

// reads makes the reader publish the present database.
func (s readerStory) reads() {
	s.t.Helper()
	mactest.PublishRow(s.t, s.m.Root, s.now, probe.ParallelsTeamID, hypervisorID, true)
	s.runs()
}

func (s readerStory) runs() { mactest.RunReader(s.t, s.m.Root, s.now) }

// from takes a snapshot and checks the source of the policy.
func (s readerStory) from(source probe.SourceName, after string, later time.Duration, queries int) {
	s.t.Helper()
	snap := s.want(after, later, false, queries)
	if snap.Policy == nil || snap.Policy.Source != source {
		s.t.Errorf("%s: %+v, %+v", after, snap.Policy, snap.Sources)
	}
}

// sysctls returns how often the last snapshot ran sysctl.
func (s readerStory) sysctls() int {
	data, _ := os.ReadFile(filepath.Join(s.m.Root, "queried"))
	return strings.Count(string(data), "sysctl")
}

// woke sets the wake time that the kernel reports.
func (s readerStory) woke(at time.Time) {
	s.t.Helper()
	log := filepath.Join(s.m.Root, "queried")
	mactest.AddTool(s.t, s.m.Root, probe.SysctlTool, fmt.Sprintf("echo sysctl >>'%s'\n[ \"$*\" = '-n kern.waketime' ] && { echo '{ sec = %d, usec = 5 } x'; exit; }\n%s", log, at.Unix(), sysctlScript("")))
}

// If the reader misses a change, another source reports it after half a minute, and
// a snapshot is due then.
func TestReaderMissesOneChange(t *testing.T) {
	s := newReaderStory(t)
	s.from(probe.Reader, "the reader runs", 0, 0)
	s.wantIn("the reader runs", 0, false)
	s.now = s.now.Add(4 * time.Minute)
	s.changed(0)
	s.from(probe.Reader, "a change", time.Second, 0)
	s.wantIn("a change", 29*time.Second+probe.CommitDelay, true)
	s.from(probe.Framework, "the change was missed", 29*time.Second+probe.CommitDelay, 1)
	s.from(probe.Framework, "nothing", time.Second, 0)
	s.reads()
	s.from(probe.Reader, "the reader has read it", time.Second, 0)
	s.wantIn("the reader has read it", 0, false)
}

// A reader that misses several changes in a row is given up after half a minute.
func TestReaderMissesEveryChange(t *testing.T) {
	s := newReaderStory(t)
	for range 3 {
		s.changed(0)
		s.from(probe.Reader, "a change", 10*time.Second, 0)
	}
	s.changed(0)
	s.want("half a minute after the first one", time.Second, false, 1)
	s.changed(0)
	if snap := s.want("one more", 10*time.Second, false, 1); snap.Policy.Source != probe.Framework {
		t.Errorf("%+v", snap.Sources)
	}
}

// A reader that stops is noticed before the next load attempt.
func TestReaderStops(t *testing.T) {
	s := newReaderStory(t)
	s.from(probe.Reader, "a run is late", 9*time.Minute, 0)
	s.from(probe.Framework, "two are missing", 2*time.Minute, 1)
	if s.sysctls() != 1 {
		t.Errorf("sysctl ran %d times", s.sysctls())
	}
	s.from(probe.Framework, "nothing", time.Minute, 0)
	if s.sysctls() != 0 {
		t.Errorf("sysctl ran %d times again", s.sysctls())
	}
	s.runs()
	s.from(probe.Reader, "it runs again", time.Second, 0)
	s.from(probe.Reader, "and again", time.Second, 0)
	if s.sysctls() != 0 {
		t.Errorf("for a reader that runs, sysctl ran %d times", s.sysctls())
	}
}

// If stat is refused, an answer that the framework gave while the reader ran says
// nothing about later changes.
func TestReaderStopsWhereStatIsRefused(t *testing.T) {
	s := newReaderStory(t)
	s.closeFolder()
	if snap := s.want("a fresh snapshot compares the two", 9*time.Minute, true, 1); snap.Policy.Source != probe.Reader {
		t.Errorf("%+v", snap.Sources)
	}
	s.from(probe.Framework, "the reader stopped", 2*time.Minute, 1)
	s.from(probe.Framework, "nothing", time.Minute, 0)
}

// After a wake launchd starts the reader within one interval.
func TestReaderAfterWake(t *testing.T) {
	s := newReaderStory(t)
	s.from(probe.Reader, "the reader runs", 0, 0)
	s.woke(s.now.Add(8 * time.Hour))
	s.from(probe.Reader, "just woken", 8*time.Hour+time.Second, 0)
	s.from(probe.Reader, "awake for nine minutes", 9*time.Minute, 0)
	if s.sysctls() != 0 {
		t.Errorf("sysctl ran %d times again", s.sysctls())
	}
	s.from(probe.Framework, "awake for eleven", 2*time.Minute, 1)
	s.reads()
	s.from(probe.Reader, "it runs again", time.Second, 0)
	s.changed(0)
	s.woke(s.now.Add(2 * time.Hour))
	s.from(probe.Reader, "woken again, with an old change", 2*time.Hour, 0)
	s.from(probe.Framework, "half a minute later", 31*time.Second, 1)
}

// closeFolder makes stat fail on the database: a link to itself, which also stops root.
func (s readerStory) closeFolder() {
	mactest.Remove(s.t, s.m.Root, probe.PolicyFolder)
	mactest.AddLink(s.t, s.m.Root, probe.PolicyFolder, probe.PolicyFolder)
}

// A reader that stopped before the Mac slept still does not run after the wake.
func TestReaderStoppedBeforeTheSleep(t *testing.T) {
	s := newReaderStory(t)
	s.closeFolder()
	s.from(probe.Reader, "it runs", time.Minute, 0)
	s.wantIn("until its sign is too old", 9*time.Minute+probe.CommitDelay, true)
	s.from(probe.Framework, "it stopped", 9*time.Minute+probe.CommitDelay, 1)
	s.woke(s.now.Add(8 * time.Hour))
	s.from(probe.Framework, "just woken", 8*time.Hour+time.Second, 1)
	s.runs()
	s.from(probe.Reader, "it runs again", time.Second, 0)
}

// Where stat is refused, a reader that ran until the sleep still counts right after
// the wake, but only for one who saw it run.
func TestReaderAfterWakeWhereStatIsRefused(t *testing.T) {
	s := newReaderStory(t)
	s.closeFolder()
	s.from(probe.Reader, "it runs", 9*time.Minute, 0)
	s.woke(s.now.Add(8 * time.Hour))
	s.from(probe.Reader, "just woken", 8*time.Hour+time.Second, 0)
	s.wantIn("until it must have run", 10*time.Minute-time.Second+5*time.Microsecond+probe.CommitDelay, true)
	s.prober = NewProber(s.m)
	s.from(probe.Framework, "somebody who did not see it run", time.Second, 1)
	snap := s.want("the same", time.Second, false, 0)
	if r := snap.Sources[1]; r.State != probe.Failed || !strings.Contains(r.Reason, "before the Mac started or woke") || !strings.HasPrefix(r.Next, "wait five minutes") {
		t.Errorf("%+v", r)
	}
}

// A wake time in the future is ignored: the clock was set back.
func TestWakeTimeInFuture(t *testing.T) {
	s := newReaderStory(t)
	s.woke(s.now.Add(24 * time.Hour))
	s.from(probe.Framework, "an hour later", time.Hour, 1)
}

// launchd starts the reader when the Mac starts. macOS may have been updated before
// that, so stat must show that the rows are current.
func TestReaderAfterStart(t *testing.T) {
	for name, closed := range map[string]bool{"stat answers": false, "stat is refused": true} {
		t.Run(name, func(t *testing.T) {
			s := newReaderStory(t)
			s.now = s.now.Add(-12 * time.Minute) // started six minutes ago
			mactest.RunReader(t, s.m.Root, s.now.Add(-300*24*time.Hour))
			if closed {
				s.closeFolder()
				s.from(probe.Framework, "just started", 0, 1)
				return
			}
			s.from(probe.Reader, "just started", 0, 0)
			s.from(probe.Framework, "for eleven minutes", 5*time.Minute, 1)
		})
	}
}

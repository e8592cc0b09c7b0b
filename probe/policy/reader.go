package policy

import (
	"errors"
	"io/fs"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	// ReaderInterval is how often launchd starts the reader if nothing changes.
	// After a change it starts the reader within moments, but not twice within
	// ten seconds.
	ReaderInterval = 5 * time.Minute

	readerOverdue = 2 * ReaderInterval // without a run for longer, the reader does not run
	readerDelay   = 30 * time.Second   // a change unread for longer was missed

	installReader = "run `sudo kextwatch install --reader`"
)

// ReaderSnapshot is what the files of the reader, and stat of the database, show
// at one moment.
type ReaderSnapshot struct {
	mac      root.FS
	run      LastRun
	recorded bool // false: an earlier reader, which records no runs; run is then the time of the rows
	pub      publication
	id       databaseIdentity
	idKnown  bool // stat is allowed
	err      error
	errFile  string // the file that err is about
}

// SnapshotReader takes a ReaderSnapshot. An error is part of the snapshot:
// Policy reports it.
func SnapshotReader(m root.FS) ReaderSnapshot {
	s := ReaderSnapshot{mac: m}
	run, err := ReadLastRun(m) // before the rows, which then are of this run or a later one
	if s.recorded = !root.NotExist(err); s.recorded && err != nil {
		s.err, s.errFile = err, probe.ReaderLastRun
		return s
	}
	if s.pub, _, err = loadPublication(m); err != nil {
		s.err, s.errFile = err, probe.PublishedPolicy
	}
	if s.run = run; !s.recorded {
		s.run = LastRun{timeOf(s.pub.ReadAt), runPublished}
	}
	s.id, err = identifyDatabase(m)
	s.idKnown = err == nil
	return s
}

// NeedsWakeTime reports whether Policy needs the time of the last wake: the
// reader records its runs, and has not run recently.
func (s ReaderSnapshot) NeedsWakeTime(now time.Time) bool {
	return s.recorded && !Recent(s.run.At, now)
}

// current reports whether the rows are certainly those of the database now.
func (s ReaderSnapshot) current() bool { return s.idKnown && s.pub.good() && s.id == s.pub.Database }

// ReaderMemory is what the caller knows about the reader beside its files. A
// zero time is not known.
type ReaderMemory struct {
	Booted, Woke time.Time // launchd starts no job while the Mac is off or asleep
	WokeReadAt   time.Time // when Woke was read
	InUse        bool      // no better source answered at the last snapshot

	// The database differs from what the run at unreadBy published since unread.
	unread, unreadBy time.Time
}

// Update records since when the reader has missed a change. If there were
// several changes, it records the time of the last one: the files show no other.
func (r *ReaderMemory) Update(s ReaderSnapshot) {
	changed := s.id.modified()
	switch {
	case s.err != nil, !s.idKnown, s.current(), changed.Before(s.run.At):
		r.unread = time.Time{} // no missed change, or one without a known time, such as the removal of a -wal
	case r.unread.IsZero(), !r.unreadBy.Equal(s.run.At), changed.Before(r.unread):
		r.unread, r.unreadBy = changed, s.run.At
	}
}

// Due returns when the reader must have read a change; false if it missed none.
func (r ReaderMemory) Due() (time.Time, bool) {
	if r.unread.IsZero() {
		return time.Time{}, false
	}
	return latest(r.unread, r.Booted, r.Woke).Add(readerDelay), true
}

// Policy returns the rows that the reader published, if they are reliable. The
// policy is nil unless the state of the source is probe.OK.
//
// The rows are current if stat shows that the database has not changed since
// they were read. Otherwise ReadAt is the last run of the reader. Rows are
// reliable only while the reader runs: otherwise the next attempt would be
// missed, so another source must be queried.
//
// A last run in the future proves nothing, because the wall clock may have been
// wrong. A late run proves nothing either, for as long after a wake or a start
// as launchd may need. If stat is refused, rows from before a start are never
// reliable: macOS may have been updated meanwhile.
//
// An earlier reader records no runs. Its rows are reliable while they are
// certainly current; otherwise the time at which it read them counts as its last
// run.
func (s ReaderSnapshot) Policy(now time.Time, r ReaderMemory) (*probe.Policy, probe.Source) {
	ok := probe.Source{Name: probe.Reader, State: probe.OK}
	runs := Recent(s.run.At, now) || Recent(r.Woke, now) || s.idKnown && Recent(r.Booted, now)
	due, missed := r.Due()
	switch {
	case s.recorded && root.NotExist(s.err) && runs && s.run.outcome != runPublished:
		return nil, s.notWritten()
	case s.err != nil:
		return nil, publishedProblem(s.errFile, s.err)
	case s.current() && (!s.recorded || s.mac.NoTools): // on the disk of another Mac nothing runs
		return s.pub.policy(now.UTC()), ok
	case !s.recorded && s.pub.Failure != nil:
		return nil, s.pub.Failure.source()
	case s.pub.Failure == nil && !s.pub.good():
		return nil, readerFailed(probe.PublishedPolicy+" holds no policy", installReader)
	case !runs:
		return nil, s.notRun(now)
	case s.current():
		return s.pub.policy(now.UTC()), ok
	case s.run.outcome != runPublished:
		return nil, s.notWritten()
	case s.pub.Failure != nil:
		return nil, s.pub.Failure.source()
	case missed && now.After(due):
		return nil, readerFailed("the policy has changed, and the root reader has not read it since "+formatted(s.run.At), s.again())
	}
	return s.pub.policy(latest(timeOf(s.pub.ReadAt), s.run.At)), ok
}

// Recent reports whether then is so recent that a working reader need not have
// run since: at most two intervals ago, and not in the future.
func Recent(then, now time.Time) bool {
	ago := now.Sub(then)
	return ago >= -probe.ClockJump && ago <= readerOverdue
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func formatted(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// notRun returns the source of a reader that does not run, with the cause if the
// files show it.
func (s ReaderSnapshot) notRun(now time.Time) probe.Source {
	switch {
	case !s.recorded:
		return readerFailed("the root reader has published nothing since "+formatted(s.run.At)+". It is an earlier version that records no runs", s.again())
	case s.run.At.After(now):
		return readerFailed("the last run of the root reader is dated "+formatted(s.run.At)+", in the future: the clock was changed",
			"wait five minutes for its next run; if this continues, "+s.again())
	}
	return readerFailed("the root reader has not run since "+formatted(s.run.At)+s.cause(), s.again())
}

// cause returns what is wrong with the installation, after a colon; empty if
// nothing is.
func (s ReaderSnapshot) cause() string {
	switch i := ReadInstallation(s.mac); i.State {
	case probe.ReaderAbsent:
		return ": it is no longer installed"
	case probe.ReaderNoProgram, probe.ReaderNoPlist:
		return ": " + i.Path + " is missing"
	case probe.ReaderUnguarded:
		return ": " + i.Reason
	}
	return ""
}

// again says what to do so that the reader runs again.
func (s ReaderSnapshot) again() string {
	if i := ReadInstallation(s.mac); i.State != probe.ReaderSound {
		return i.Next
	}
	return installReader + " again; from macOS 13 on, it must not be switched off in System Settings > General > Login Items & Extensions"
}

// notWritten returns the source of a reader that runs but could not publish.
func (s ReaderSnapshot) notWritten() probe.Source {
	if s.run.outcome == runDiskFull {
		return readerFailed("the disk is full: the root reader could not publish the policy at "+formatted(s.run.At), freeSpace)
	}
	return readerFailed("the root reader could not write "+probe.PublishedPolicy+" at "+formatted(s.run.At), "run `sudo kextwatch read-policy`, which says why")
}

func readerFailed(reason, next string) probe.Source {
	return probe.Source{Name: probe.Reader, State: probe.Failed, Reason: probe.Printable(reason), Next: next}
}

// publishedProblem returns the source for an error on a file of the reader: the
// reason, and what the user can do about it.
func publishedProblem(name string, err error) probe.Source {
	source := readerFailed(name+" could not be read: "+err.Error(), installReader+" again")
	if open, ok := errors.AsType[*root.Untrusted](err); ok {
		return readerFailed(open.What, probe.Printable(open.Next)+", then "+installReader)
	}
	switch {
	case root.NotExist(err):
		source.State, source.Reason, source.Next = probe.Absent, "the reader is not installed", installReader
	case errors.Is(err, fs.ErrPermission):
		source.State = probe.Denied
	case errors.Is(err, root.ErrDamagedPlist), errors.Is(err, root.ErrTooLarge), errors.Is(err, probe.ErrTooManyRows):
		source.State = probe.Damaged
	case errors.Is(err, errFormat):
		source.Reason = probe.Printable(name + " " + err.Error())
	}
	return source
}

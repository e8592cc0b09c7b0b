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

	watched bool      // there was a snapshot before
	stopped time.Time // the run after which another one was overdue at an earlier snapshot

	// The database differs from what the run at unreadBy published since unread.
	unread, unreadBy time.Time

	expires time.Time // stat is refused: without another run, the rows count until then
}

// Update records whether the reader runs, and since when it has missed a change.
// If there were several changes, it records the time of the last one: the files
// show no other.
func (r *ReaderMemory) Update(s ReaderSnapshot, now time.Time) {
	alive := s.alive(now, *r)
	if !alive {
		r.stopped = s.run.At
	}
	r.watched, r.expires = true, time.Time{}
	if alive && !s.idKnown {
		r.expires = s.run.At.Add(readerOverdue)
		if !Recent(s.run.At, now) {
			r.expires = r.Woke.Add(readerOverdue)
		}
	}
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

// Next returns when another source must be queried if the reader does not run
// before; false if a file event will tell.
func (r ReaderMemory) Next() (time.Time, bool) {
	if due, missed := r.Due(); missed {
		return due, true
	}
	return r.expires, !r.expires.IsZero()
}

// alive reports whether a sign of life shows that the reader runs: it left one
// recently. Between a wake and its next run, the last sign counts as before the
// sleep, if the caller saw the reader run until then: launchd counts the interval
// only while the Mac is awake.
//
// Where stat is refused, nothing but the sign shows whether the rows are current.
// A sign from before the start of the Mac does not count there, because macOS may
// have been updated, and neither do rows of an earlier reader, which leaves none.
func (s ReaderSnapshot) alive(now time.Time, r ReaderMemory) bool {
	switch {
	case s.run.At.IsZero(), s.run.At.Equal(r.stopped), s.run.At.Sub(now) > probe.ClockJump:
		return false
	case !s.idKnown && (!s.recorded || s.run.At.Add(probe.ClockJump).Before(r.Booted)):
		return false
	}
	return Recent(s.run.At, now) || r.watched && Recent(r.Woke, now)
}

// Policy returns the rows that the reader published, if they are reliable. The
// policy is nil unless the state of the source is probe.OK.
//
// The rows are current if stat shows that the database has not changed since
// they were read. Otherwise ReadAt is the last run of the reader. Rows are
// reliable only while the reader runs: otherwise the next attempt would be
// missed, so another source must be queried. Only rows that are certainly current
// are reliable without a sign of life, for as long after a wake or a start as
// launchd may need. A last run in the future proves nothing, because the wall
// clock may have been wrong.
//
// An earlier reader records no runs. Its rows are reliable while they are
// certainly current; otherwise the time at which it read them counts as its last
// run, unless stat is refused.
func (s ReaderSnapshot) Policy(now time.Time, r ReaderMemory) (*probe.Policy, probe.Source) {
	ok := probe.Source{Name: probe.Reader, State: probe.OK}
	alive := s.alive(now, r)
	due, missed := r.Due()
	switch {
	case s.recorded && root.NotExist(s.err) && alive && s.run.outcome != runPublished:
		return nil, s.notWritten()
	case root.NotExist(s.err):
		return nil, s.nothingPublished()
	case s.err != nil:
		return nil, publishedProblem(s.errFile, s.err)
	case s.current() && (!s.recorded || s.mac.NoTools): // on the disk of another Mac nothing runs
		return s.pub.policy(now.UTC()), ok
	case !s.recorded && s.pub.Failure != nil:
		return nil, s.pub.Failure.source()
	case s.pub.Failure == nil && !s.pub.good():
		return nil, readerFailed(probe.PublishedPolicy+" holds no policy", installReader)
	case s.current() && (alive || Recent(r.Woke, now) || Recent(r.Booted, now)):
		return s.pub.policy(now.UTC()), ok
	case !alive:
		return nil, s.notRun(now, r)
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

// notRun returns the source of a reader without a fresh sign of life, with the
// cause if the files show it.
func (s ReaderSnapshot) notRun(now time.Time, r ReaderMemory) probe.Source {
	wait := "wait five minutes for its next run; if this continues, " + s.again()
	last := "the root reader has not run since " + formatted(s.run.At)
	switch cause := s.cause(); {
	case !s.recorded && s.idKnown:
		return readerFailed("the root reader has published nothing since "+formatted(s.run.At)+", and left no record of its runs: it is an earlier version, or the disk was full", s.again())
	case !s.recorded:
		return readerFailed("kextwatch cannot tell whether the policy that was published at "+formatted(s.run.At)+" is current: the root reader left no record of its runs. It is an earlier version, or the disk was full", s.again())
	case s.run.At.After(now):
		return readerFailed("the last run of the root reader is dated "+formatted(s.run.At)+", in the future: the clock was changed", wait)
	case cause != "":
		return readerFailed(last+cause, s.again())
	case Recent(latest(r.Woke, r.Booted), now):
		return readerFailed(last+", before the Mac started or woke", wait)
	}
	return readerFailed(last, s.again())
}

// nothingPublished returns the source if there are no rows at all.
func (s ReaderSnapshot) nothingPublished() probe.Source {
	i := ReadInstallation(s.mac)
	switch i.State {
	case probe.ReaderAbsent:
		return probe.Source{Name: probe.Reader, State: probe.Absent, Reason: "the reader is not installed", Next: installReader}
	case probe.ReaderSound:
		return readerFailed("the root reader is installed, but has published nothing", "run `sudo kextwatch read-policy`, which says why")
	}
	return readerFailed("the root reader has published nothing"+s.cause(), i.Next)
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

// again says how to make the reader run again.
func (s ReaderSnapshot) again() string {
	if i := ReadInstallation(s.mac); i.State != probe.ReaderSound {
		return i.Next
	}
	return installReader + " again, and check that it is turned on in System Settings > General > Login Items & Extensions (macOS 13 and 14: Login Items)"
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
	case errors.Is(err, fs.ErrPermission):
		source.State = probe.Denied
	case errors.Is(err, root.ErrDamagedPlist), errors.Is(err, root.ErrTooLarge), errors.Is(err, probe.ErrTooManyRows):
		source.State = probe.Damaged
	case errors.Is(err, errFormat):
		source.Reason = probe.Printable(name + " " + err.Error())
	}
	return source
}

package policy

import (
	"errors"
	"io/fs"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	// ReaderEvery is how often launchd starts the reader when it has seen no
	// change; after one it does within moments, though not twice within ten
	// seconds.
	ReaderEvery = 5 * time.Minute

	readerOverdue = 2 * ReaderEvery  // it does not run
	readerDelay   = 30 * time.Second // it missed a change

	installReader = "run `sudo kextwatch install --reader`"
)

// ReadState is what the files of the reader and stat of the database say
// at one moment.
type ReaderState struct {
	mac      root.FS
	Run      lastRun
	Recorded bool // by an earlier reader no run is recorded; run is then when it read the rows
	pub      publication
	id       databaseIdentity
	told     bool // stat answers; else id is not known
	err      error
	of       string // the file that err is about
}

func ReadState(m root.FS) ReaderState {
	s := ReaderState{mac: m}
	run, err := ReadLastRun(m) // first: the rows are then of this run, or newer
	if s.Recorded = !root.NotExist(err); s.Recorded && err != nil {
		s.err, s.of = err, probe.ReaderLastRun
		return s
	}
	if s.pub, _, err = loadPublication(m); err != nil {
		s.err, s.of = err, probe.PublishedPolicy
	}
	if s.Run = run; !s.Recorded {
		s.Run = lastRun{timeOf(s.pub.ReadAt), runPublished}
	}
	s.id, err = identifyDatabase(m)
	s.told = err == nil
	return s
}

// current reports whether the rows are provably those of now.
func (s ReaderState) current() bool { return s.told && s.pub.good() && s.id == s.pub.Database }

// ReaderMemory is what is known about the reader besides its files. Zero times
// are not known.
type ReaderMemory struct {
	Booted, Woke time.Time // launchd starts no job while the Mac is off or asleep
	WokeAsked    time.Time // when woke was asked for

	// unread is since when the database is in another state than the one that
	// the run of the reader at unreadBy published.
	unread, unreadBy time.Time

	Serves bool // no better source answered at the last look
}

// Note remembers since when the reader has missed a change. Where only the
// last of several changes is known, that is the time: files tell no other.
func (r *ReaderMemory) Note(s ReaderState) {
	changed := s.id.modified()
	switch {
	case s.err != nil, !s.told, s.current(), changed.Before(s.Run.At):
		r.unread = time.Time{} // none, or at an unknown time, such as the removal of a -wal
	case r.unread.IsZero(), !r.unreadBy.Equal(s.Run.At), changed.Before(r.unread):
		r.unread, r.unreadBy = changed, s.Run.At
	}
}

// Due is when the reader has to have read a change; false: there is none.
func (r ReaderMemory) Due() (time.Time, bool) {
	if r.unread.IsZero() {
		return time.Time{}, false
	}
	return latest(r.unread, r.Booted, r.Woke).Add(readerDelay), true
}

// Judge returns the rows that the reader published, if they count.
//
// They are those of now where the database is still the one they were read
// from, which stat tells without a right to read it. Otherwise they are as old
// as the last run of the reader. They count only while the reader runs: another
// source has to be asked before the next attempt, which would be missed.
//
// Wall-clock times say when the reader ran, so a time in the future proves
// nothing. Nor does a late one after a wake or a start, for as long as launchd
// may take. Only where stat is refused the rows of before a start never count:
// macOS may have been updated meanwhile.
//
// An earlier reader records no runs. Its rows count while they are provably
// those of now; otherwise reading them is its sign of life.
//
// The policy is nil unless the state is probe.OK.
func (s ReaderState) Judge(now time.Time, r ReaderMemory) (*probe.Policy, probe.Source) {
	ok := probe.Source{Name: probe.Reader, State: probe.OK}
	runs := Recent(s.Run.At, now) || Recent(r.Woke, now) || s.told && Recent(r.Booted, now)
	due, missed := r.Due()
	switch {
	case s.Recorded && root.NotExist(s.err) && runs && s.Run.outcome != runPublished:
		return nil, s.notWritten()
	case s.err != nil:
		return nil, publishedProblem(s.of, s.err)
	case s.current() && (!s.Recorded || s.mac.NoTools): // on the disk of another Mac nothing runs
		return s.pub.policy(now.UTC()), ok
	case !s.Recorded && s.pub.Failure != nil:
		return nil, s.pub.Failure.source()
	case s.pub.Failure == nil && !s.pub.good():
		return nil, readerFailed(probe.PublishedPolicy+" holds no policy", installReader)
	case !runs:
		return nil, s.notRun(now)
	case s.current():
		return s.pub.policy(now.UTC()), ok
	case s.Run.outcome != runPublished:
		return nil, s.notWritten()
	case s.pub.Failure != nil:
		return nil, s.pub.Failure.source()
	case missed && now.After(due):
		return nil, readerFailed("the policy has changed, and the root reader has not read it since "+stated(s.Run.At), s.again())
	}
	return s.pub.policy(latest(timeOf(s.pub.ReadAt), s.Run.At)), ok
}

// Recent reports whether launchd need not have started the reader since then.
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

func stated(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// notRun says that the reader does not run, and why, as far as its files tell.
func (s ReaderState) notRun(now time.Time) probe.Source {
	switch {
	case !s.Recorded:
		return readerFailed("the root reader has published nothing since "+stated(s.Run.At)+", and it is an earlier one that records no runs", s.again())
	case s.Run.At.After(now):
		return readerFailed("the last run of the root reader is dated "+stated(s.Run.At)+", in the future: the clock was changed",
			"wait five minutes for its next run; if this stays, "+s.again())
	}
	return readerFailed("the root reader has not run since "+stated(s.Run.At)+s.cause(), s.again())
}

// cause is what the installation lacks, after a colon.
func (s ReaderState) cause() string {
	switch i := ReadInstallation(s.mac); i.State {
	case probe.ReaderAbsent:
		return ": it is not installed any more"
	case probe.ReaderNoProgram, probe.ReaderNoPlist:
		return ": " + i.Path + " is missing"
	case probe.ReaderUnguarded:
		return ": " + i.Reason
	}
	return ""
}

// again is how to make the reader run again.
func (s ReaderState) again() string {
	if i := ReadInstallation(s.mac); i.State != probe.ReaderSound {
		return i.Next
	}
	return installReader + " again; from macOS 13 on, it must not be switched off in System Settings > General > Login Items & Extensions"
}

// notWritten says that the reader runs and could not publish what it read.
func (s ReaderState) notWritten() probe.Source {
	if s.Run.outcome == runDiskFull {
		return readerFailed("the disk is full: the root reader could not publish the policy at "+stated(s.Run.At), freeSpace)
	}
	return readerFailed("the root reader could not write "+probe.PublishedPolicy+" at "+stated(s.Run.At), "run `sudo kextwatch read-policy`, which says why")
}

func readerFailed(reason, next string) probe.Source {
	return probe.Source{Name: probe.Reader, State: probe.Failed, Reason: probe.Printable(reason), Next: next}
}

// publishedProblem says why a file of the reader cannot be used, and what a
// person can do about it.
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

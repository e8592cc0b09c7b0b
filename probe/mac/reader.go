package mac

import (
	"errors"
	"io/fs"
	"time"

	"kextwatch/probe"
)

const (
	// readerEvery is how often launchd starts the reader when it has seen no
	// change; after one it does within moments.
	readerEvery = 5 * time.Minute

	installReader = "run `sudo kextwatch install --reader`"
)

// readPublished reads the policy that the root reader published. The rows are
// those of now where the database is still the one they were read from, which
// stat tells without a right to read it. Where it is another one, or stat is
// refused, they are as old as Policy.ReadAt says. Where the reader has not
// kept up for two of its intervals, it does not run, and its rows do not count.
//
// The policy is nil unless the state is probe.OK.
func (m Mac) readPublished(now time.Time) (*probe.Policy, probe.Source) {
	pub, _, err := m.loadPublication()
	if err != nil {
		return nil, publishedProblem(err)
	}
	id, err := m.identifyDatabase()
	readAt := timeOf(pub.ReadAt)
	switch {
	case pub.good() && err == nil && id == pub.Database:
		readAt = now.UTC()
	case pub.Failure != nil:
		return nil, pub.Failure.source()
	case !pub.good():
		return nil, readerFailed(publishedPath+" holds no policy", installReader)
	case err == nil && late(id.modified(), now) && late(readAt, now):
		return nil, readerFailed("the policy has changed, and the reader has not read it since "+
			readAt.Format(time.RFC3339)+": it does not run", installReader+" again")
	}
	return pub.policy(readAt), probe.Source{Name: probe.Reader, State: probe.OK}
}

// late reports that the reader would have acted on what happened then.
func late(then, now time.Time) bool { return now.Sub(then) > 2*readerEvery }

func readerFailed(reason, next string) probe.Source {
	return probe.Source{Name: probe.Reader, State: probe.Failed, Reason: printable(reason), Next: next}
}

// publishedProblem says why what was published cannot be used, and what a
// person can do about it.
func publishedProblem(err error) probe.Source {
	source := readerFailed(publishedPath+" could not be read: "+err.Error(), installReader+" again")
	if open, ok := errors.AsType[*Untrusted](err); ok {
		return readerFailed(open.What, printable(open.Next)+", then "+installReader)
	}
	switch {
	case absent(err):
		source.State, source.Reason, source.Next = probe.Absent, "the reader is not installed", installReader
	case errors.Is(err, fs.ErrPermission):
		source.State = probe.Denied
	case errors.Is(err, errDamagedPlist), errors.Is(err, ErrTooLarge), errors.Is(err, errTooManyRows):
		source.State = probe.Damaged
	case errors.Is(err, errFormat):
		source.Reason = printable(publishedPath + " " + err.Error())
	}
	return source
}

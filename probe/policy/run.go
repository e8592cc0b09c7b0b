package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// launchd starts a job at most once in ten seconds. A reader that ended at once
// would miss the changes after the first one: Parallels loads its kernel
// extensions one after the other. So the reader publishes every
// probe.CommitDelay until nothing changed for quietFor, but at most for
// lingerFor.
const (
	lookAgain = probe.CommitDelay
	quietFor  = 2 * time.Second
	lingerFor = 10 * time.Second
)

// NotPublished is the reason why the rows that every user can read may be
// outdated, and the next step.
type NotPublished struct {
	Err  error
	Next string
}

// Error returns the reason.
func (e *NotPublished) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *NotPublished) Unwrap() error { return e.Err }

// RunReader is one run of the root reader: it publishes, and after a change it
// continues until the database has been quiet for a while. It reports whether
// it published anything new. Every error is a *NotPublished.
//
// It returns early when ctx ends. That is an error only if nothing was
// published yet.
func RunReader(ctx context.Context, m root.FS, clock probe.Clock) (written bool, err error) {
	published, err := publishUntilQuiet(ctx, m, clock)
	switch {
	case err == nil && published.Source.State == probe.OK:
		return published.Written, nil
	case err == nil:
		return published.Written, &NotPublished{errors.New(published.Source.Reason), published.Source.Next}
	case ctx.Err() != nil:
		return published.Written, &NotPublished{fmt.Errorf("the run was interrupted: %w", ctx.Err()), "run it again"}
	case errors.Is(err, fs.ErrPermission):
		return published.Written, &NotPublished{err, "launchd runs it as root; by hand, sudo kextwatch read-policy does"}
	case DiskFull(err):
		return published.Written, &NotPublished{err, freeSpace}
	}
	return published.Written, &NotPublished{err, "fix this, then run sudo kextwatch install --reader again"}
}

// publishUntilQuiet publishes. After a change it repeats this until nothing has
// changed for quietFor, or until launchd would start the reader again.
func publishUntilQuiet(ctx context.Context, m root.FS, clock probe.Clock) (Published, error) {
	start := clock.Now()
	last, err := Publish(ctx, m, start)
	if err != nil || !last.Written {
		return last, err
	}
	for now, changed := start, start; now.Sub(changed) < quietFor && now.Sub(start) < lingerFor; {
		select {
		case <-ctx.Done():
			return last, nil
		case <-clock.After(probe.CommitDelay):
		}
		now = clock.Now()
		next, err := Publish(ctx, m, now)
		if err != nil {
			return last, err
		}
		last.Source = next.Source
		if next.Written {
			changed = now
		}
	}
	return last, nil
}

package loop

import (
	"context"
	"time"

	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// glance is how to look.
type glance struct {
	fresh   bool // also at what hardly ever changes
	settled bool // nothing is in the middle of being written
	asked   bool // the log told of an attempt: ask the framework again

	quietUntil time.Time // the policy had not changed since the last look until then
}

// read looks at the Mac. It may take as long as the slowest tools, so the loop
// goes on serving meanwhile; more is false when the agent must end. Only one
// look is under way at a time.
func (a *Loop) read(ctx context.Context, now time.Time, how mac.How) (snap probe.Snapshot, more bool) {
	looked := make(chan probe.Snapshot, 1) // nobody receives it when the agent ends first
	a.Helpers.Go(func() { looked <- a.Look(ctx, now, how) })
	a.reading = now
	snap, _, more = a.serve(ctx, 0, looked)
	a.reading = time.Time{}
	return snap, more
}

// wait returns when it is time to look again, and says how; more is false when
// the agent must end.
func (a *Loop) wait(ctx context.Context, in time.Duration) (next glance, more bool) {
	_, next, more = a.serve(ctx, in, nil)
	return next, more
}

// serve does what clicks, dialogs, alerts and lessons ask of the loop. While a
// look is under way, it returns its snapshot. Otherwise it returns when and how
// to look again; in is when to do so without any event, 0 is never.
func (a *Loop) serve(ctx context.Context, in time.Duration, looked <-chan probe.Snapshot) (snap probe.Snapshot, next glance, more bool) {
	hints, logHints := a.Watcher.Hints(), a.logHints()
	if looked != nil {
		hints, logHints = nil, nil // each channel merges its hints until it is the turn of the next look
	}
	var timer <-chan time.Time
	if in > 0 {
		timer = a.Clock.After(in)
	}
	for looked != nil || a.due == nil {
		select {
		case <-ctx.Done():
			return snap, next, false
		case snap = <-looked:
			return snap, next, ctx.Err() == nil
		case <-timer:
			return snap, glance{settled: true, fresh: a.Clock.Now().Before(a.verify)}, true
		case hint := <-hints:
			if hint.Woke && a.Loads != nil {
				a.Loads.Retry()
			}
			return snap, glance{settled: hint.Settled, fresh: hint.Woke, quietUntil: hint.QuietUntil}, true
		case hint := <-logHints:
			return snap, glance{settled: hint.Settled, asked: true}, true
		case err := <-a.outcomes:
			a.posted(err)
		case action := <-a.Clicks:
			if action == notify.Quit {
				return snap, next, false
			}
			a.clicked(ctx, action)
		case r := <-a.replies:
			a.replied(ctx, r)
		case l := <-a.lessons:
			a.take(l)
		}
	}
	next, a.due = *a.due, nil
	return snap, next, true
}

// lookAgain asks for a settled look. It comes after the one that is under way,
// which may have begun before what the user did.
func (a *Loop) lookAgain(how glance) {
	how.settled = true
	if a.due != nil {
		how.fresh, how.asked = how.fresh || a.due.fresh, how.asked || a.due.asked
	}
	a.due = &how
}

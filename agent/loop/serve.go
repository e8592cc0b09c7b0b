package loop

import (
	"context"
	"time"

	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// poll says how to take a snapshot.
type poll struct {
	fresh   bool // read cached facts again, too
	settled bool // no burst of events is going on
	query   bool // an attempt was reported: query the framework again
	loading bool // approved kexts may have been loaded: query the kernel again

	quietUntil time.Time // the files had not changed since the last poll until then
}

// polling is the poll that runs, and the one that was requested.
type polling struct {
	began     time.Time // of the snapshot that is being taken; zero: none is
	last      time.Time // when the last one began
	requested *poll     // it has not begun; nil: none
}

// knows reports whether the last snapshot shows everything that a hint is for. It
// compares monotonic times.
func (p *polling) knows(h probe.Hint) bool {
	return !h.Settled && !h.Woke && !h.VisibleAt.IsZero() && !p.last.Before(h.VisibleAt)
}

// snapshot takes a snapshot. That may take as long as the slowest disk or file
// server, so the loop handles other events meanwhile. more is false when the agent
// must end.
func (l *Loop) snapshot(ctx context.Context, now time.Time, how mac.Options) (snap probe.Snapshot, more bool) {
	taken := make(chan probe.Snapshot, 1) // stays unread if the agent ends first
	l.helpers.Go(func() { taken <- l.edges.Prober.SnapshotNow(ctx, now, how) })
	l.polling.began, l.polling.last = now, time.Now()
	snap, _, more = l.serve(ctx, 0, taken)
	l.polling.began = time.Time{}
	return snap, more
}

// wait returns when and how to poll again. more is false when the agent must end.
func (l *Loop) wait(ctx context.Context, in time.Duration) (next poll, more bool) {
	_, next, more = l.serve(ctx, in, nil)
	return next, more
}

// serve handles clicks, dialogs, alerts and results. While a snapshot is being
// taken, it returns that snapshot. Otherwise it returns when and how to poll
// again. in is the time until a poll without an event; 0 means never.
func (l *Loop) serve(ctx context.Context, in time.Duration, taken <-chan probe.Snapshot) (snap probe.Snapshot, next poll, more bool) {
	hints, logHints, answers := l.edges.Watcher.Hints(), l.edges.Log.Hints(), l.edges.Prober.Answers()
	if taken != nil {
		hints, logHints, answers = nil, nil, nil // each channel merges its hints until the next poll
	}
	var timer <-chan time.Time
	if in > 0 {
		timer = l.edges.Clock.After(in)
	}
	for taken != nil || l.polling.requested == nil {
		select {
		case <-ctx.Done():
			return snap, next, false
		case snap = <-taken:
			return snap, next, ctx.Err() == nil
		case <-timer:
			return snap, poll{settled: true, loading: l.status.Loading || l.edges.Clock.Now().Before(l.policy.loadingUntil)}, true
		case hint := <-hints:
			if l.polling.knows(hint) {
				continue
			}
			if hint.Woke {
				l.edges.Log.Retry()
			}
			return snap, poll{settled: hint.Settled, fresh: hint.Woke, quietUntil: hint.QuietUntil}, true
		case hint := <-logHints:
			if l.polling.knows(hint) {
				continue
			}
			return snap, poll{settled: hint.Settled, query: true}, true
		case <-answers:
			return snap, poll{settled: !l.policy.burst}, true
		case err := <-l.alerts.outcomes:
			l.posted(ctx, err)
		case action := <-l.clicks():
			if action == notify.Quit {
				return snap, next, false
			}
			l.clicked(ctx, action)
		case r := <-l.dialog.replies:
			l.replied(ctx, r)
		case r := <-l.retries.results:
			l.finished(ctx, r)
		}
	}
	next, l.polling.requested = *l.polling.requested, nil
	return snap, next, true
}

// pollAgain requests a settled poll. It begins after the one that runs, which may
// have begun before the user's click.
func (l *Loop) pollAgain(how poll) {
	how.settled = true
	if requested := l.polling.requested; requested != nil {
		how.fresh, how.query = how.fresh || requested.fresh, how.query || requested.query
	}
	l.polling.requested = &how
}

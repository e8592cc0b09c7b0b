package loop

import (
	"context"
	"errors"

	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
)

// retries are the load attempts that the user started from the menu.
type retries struct {
	results  chan result
	attempts []probe.Attempt // refused ones; at most keptRetries
}

const keptRetries = 16

// result is what an action of the menu reports to the loop.
type result struct {
	attempt *probe.Attempt // macOS refused a load; nil: not known
	alert   *notify.Alert  // nil: nothing to show
}

// report sends a result from another goroutine to the loop.
func (l *Loop) report(ctx context.Context, r result) {
	select {
	case l.retries.results <- r:
	case <-ctx.Done():
	}
}

// finished handles a result and polls again.
func (l *Loop) finished(ctx context.Context, r result) {
	l.pollAgain(poll{query: r.attempt != nil})
	if r.attempt != nil {
		kept := append(l.retries.attempts, *r.attempt)
		l.retries.attempts = kept[max(0, len(kept)-keptRetries):]
	}
	if r.alert != nil {
		l.alerts.queue = append(l.alerts.queue, posting{alert: *r.alert})
		l.post(ctx)
	}
}

// retry makes the product load its kexts again. Only a click starts it.
func (l *Loop) retry(ctx context.Context) {
	status := l.status
	l.helpers.Go(func() {
		attempt, err := l.edges.Actions.Retry(ctx, status)
		r := result{attempt: attempt}
		if err != nil && ctx.Err() == nil {
			l.edges.Logger.Warn("trying again failed", "error", err)
			hint := ""
			var hinted interface {
				error
				Hint() string
			}
			if errors.As(err, &hinted) {
				hint = hinted.Hint()
			}
			alert := view.RetryFailed(err.Error(), hint)
			r.alert = &alert
		}
		l.report(ctx, r)
	})
}

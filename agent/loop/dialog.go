package loop

import (
	"context"

	"kextwatch/notify"
)

// dialog is the dialog that is open. Only one is open at a time.
type dialog struct {
	cancel  context.CancelFunc // closes the dialog; nil: none is open
	replies chan reply
}

// reply is how a dialog ended.
type reply struct {
	posting posting
	answer  notify.Answer // empty: the user did not answer
	err     error
	closed  bool // by closeDialog, or at the end of the agent
}

// showDialog shows a dialog and sends its reply to the loop.
func (l *Loop) showDialog(ctx context.Context, p posting) {
	open, cancel := context.WithCancel(ctx)
	l.dialog.cancel = cancel
	l.helpers.Go(func() {
		defer cancel()
		answer, err := l.edges.Asker.Ask(open, p.dialog.Dialog)
		r := reply{posting: p, answer: answer, err: err, closed: open.Err() != nil}
		select {
		case l.dialog.replies <- r:
		case <-ctx.Done():
		}
	})
}

// replied does what the user chose. If the dialog could not be shown, the alert
// becomes a notification.
func (l *Loop) replied(ctx context.Context, r reply) {
	l.dialog.cancel = nil
	switch {
	case r.closed:
	case r.err != nil:
		l.edges.Logger.Info("no dialog could be shown", "error", r.err)
		l.alerts.queue = append(l.alerts.queue, posting{alert: r.posting.alert})
		l.post(ctx)
	case r.answer == "":
	case r.answer == r.posting.dialog.Open:
		l.start(ctx, notify.OpenSettings)
	case r.answer == r.posting.dialog.Remind:
		if length := r.posting.dialog.Snooze(l.edges.Clock.Now()); length > 0 {
			l.snooze(ctx, length)
		}
	}
	l.savePosted()
}

// closeDialog closes the dialog when no window is open any more.
func (l *Loop) closeDialog() {
	if l.dialog.cancel == nil {
		return
	}
	for _, p := range l.status.Products {
		if p.Window.Open() {
			return
		}
	}
	l.dialog.cancel()
}

package loop

import (
	"context"
	"time"

	"kextwatch/agent/view"
	"kextwatch/notify"
)

// remindAgain is the time of the button "Remind Me in 5 Minutes".
const remindAgain = 5 * time.Minute

// dialog is the dialog that is open. Only one is open at a time.
type dialog struct {
	cancel  context.CancelFunc // closes the dialog; nil: none is open
	replies chan reply
}

// reply is how a dialog ended.
type reply struct {
	posting posting
	button  int // counted from 1; 0: the user did not answer
	err     error
	closed  bool // by closeDialog, or at the end of the agent
}

// showDialog shows a dialog and sends its reply to the loop.
func (l *Loop) showDialog(ctx context.Context, p posting) {
	open, cancel := context.WithCancel(ctx)
	l.dialog.cancel = cancel
	l.helpers.Go(func() {
		defer cancel()
		answer, err := l.edges.Asker.Ask(open, *p.dialog)
		r := reply{posting: p, err: err, closed: open.Err() != nil}
		for i, button := range p.dialog.Buttons {
			if answer == notify.Answer(button) {
				r.button = i + 1
			}
		}
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
	case r.button == view.OpenButton:
		l.start(ctx, notify.OpenSettings)
	case r.button == view.RemindButton:
		l.snooze(ctx, remindAgain)
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

package loop

import (
	"context"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/view"
	"kextwatch/notify"
)

// remindAgain is what "Remind Me in 5 Minutes" means.
const remindAgain = 5 * time.Minute

// lateReminder is the reminder, in minutes left, that is a dialog: it has a
// button that works, and there is time to use it. At the last minute a
// notification is quicker.
const lateReminder = 5

// posting is an alert on its way, and the dialog to show instead; nil: none.
type posting struct {
	alert  notify.Alert
	dialog *notify.Dialog
}

// posting is how a notice is shown, by the user's AlertStyle.
func (a *Loop) posting(n approval.Notice) posting {
	p := posting{alert: view.Alert(n, a.Status, a.Tray)}
	window := n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.WindowReminder
	late := n.Event == approval.WindowReminder && n.Minutes > 1 && n.Minutes <= lateReminder
	style := a.Settings.Current().AlertStyle
	if a.Asker != nil && (style == settings.AlertDialog && window || style == settings.AlertAuto && late) {
		dialog := view.Dialog(n, a.Status)
		p.dialog = &dialog
	}
	return p
}

// showDialog shows a dialog, and has the loop hear of the answer. One is shown
// at a time.
func (a *Loop) showDialog(ctx context.Context, p posting) {
	asking, cancel := context.WithCancel(ctx)
	a.asking = cancel
	a.Helpers.Go(func() {
		defer cancel()
		answer, err := a.Asker.Ask(asking, *p.dialog)
		r := reply{posting: p, err: err, withdrawn: asking.Err() != nil}
		for i, button := range p.dialog.Buttons {
			if answer == notify.Answer(button) {
				r.button = i + 1
			}
		}
		select {
		case a.replies <- r:
		case <-ctx.Done():
		}
	})
}

// reply is how a dialog ended.
type reply struct {
	posting   posting
	button    int // counted from 1; 0: nobody answered
	err       error
	withdrawn bool // the window was over, or approved
}

// replied does what the user chose. Where no dialog could be shown, the alert
// is a notification after all.
func (a *Loop) replied(ctx context.Context, r reply) {
	a.asking = nil
	switch {
	case r.withdrawn:
	case r.err != nil:
		a.Log.Info("no dialog could be shown", "error", r.err)
		a.queue = append(a.queue, posting{alert: r.posting.alert})
		a.post()
	case r.button == view.OpenButton:
		a.start(ctx, notify.OpenSettings)
	case r.button == view.RemindButton:
		a.snooze(remindAgain)
	}
	a.notePosted()
}

// withdraw takes the dialog away when no window is open any more.
func (a *Loop) withdraw() {
	if a.asking == nil {
		return
	}
	for _, p := range a.Status.Products {
		if p.Window.Open() {
			return
		}
	}
	a.asking()
}

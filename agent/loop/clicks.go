package loop

import (
	"context"
	"errors"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
)

// clicked does what a click asks of the loop itself, except Quit; what others
// do is started.
func (a *Loop) clicked(ctx context.Context, action notify.Action) {
	switch action {
	case notify.CheckNow:
		a.lookAgain(glance{fresh: true})
	case notify.Snooze:
		a.snooze(time.Duration(a.Settings.Current().SnoozeMinutes) * time.Minute)
		a.lookAgain(glance{})
	case notify.SnoozeWindow:
		a.snooze(approval.WindowLength)
		a.lookAgain(glance{})
	case notify.EndSnooze:
		a.mem = a.mem.Snooze(time.Time{})
		a.showMenu()
		a.lookAgain(glance{})
	case notify.Retry:
		a.tryAgain(ctx)
	default:
		a.start(ctx, action)
	}
}

// snooze holds alerts back for a while.
func (a *Loop) snooze(length time.Duration) {
	until := a.Clock.Now().Add(length)
	if !a.reading.IsZero() {
		// This look will be judged as of when it began. Seen from there, a snooze
		// longer than a window counts as left over from a clock that was set back.
		until = probe.Earlier(until, a.reading.Add(approval.WindowLength))
	}
	a.mem = a.mem.Snooze(until)
	a.say([]approval.Notice{{Event: approval.SnoozedEvent, To: until.UTC().Format(time.RFC3339)}})
	a.showMenu()
}

func (a *Loop) showMenu() {
	if a.Show != nil {
		a.Show(a.menu())
	}
}

// menu is what the icon shows now.
func (a *Loop) menu() notify.Menu {
	s := a.Settings.Current()
	around := view.Around{Version: a.version, HideTime: !s.ShowTimeInMenuBar, SnoozeMinutes: s.SnoozeMinutes, SnoozedUntil: a.mem.Snoozed}
	if a.AtLogin != nil {
		around.AtLogin = a.AtLogin()
	}
	return view.Menu(a.Status, around)
}

// start does what the user clicked, without holding up the loop, and has it
// look afterwards: what was done may be seen in the menu.
func (a *Loop) start(ctx context.Context, action notify.Action) {
	status := a.Status
	a.Helpers.Go(func() {
		if err := a.Do(ctx, action, status); err != nil && ctx.Err() == nil {
			a.Log.Error("a menu entry failed", "action", action, "error", err)
		}
		a.learn(ctx, learned{})
	})
}

// learned is what somebody else than the loop found out for it.
type learned struct {
	attempt *probe.Attempt // Parallels was asked to try, and said how it ended
	alert   *notify.Alert  // there is something to say about it
}

func (a *Loop) learn(ctx context.Context, l learned) {
	select {
	case a.lessons <- l:
	case <-ctx.Done():
	}
}

// take takes over what was learned, and has it looked at.
func (a *Loop) take(l learned) {
	a.lookAgain(glance{asked: l.attempt != nil})
	if l.attempt != nil {
		a.tried = append(a.tried, *l.attempt)
		const kept = 16
		a.tried = a.tried[max(0, len(a.tried)-kept):]
	}
	if l.alert != nil {
		a.queue = append(a.queue, posting{alert: *l.alert})
		a.post()
	}
}

// tryAgain makes Parallels try once more, in the way that is safe for this
// macOS. Nothing but a click starts it.
func (a *Loop) tryAgain(ctx context.Context) {
	status := a.Status
	a.Helpers.Go(func() {
		attempt, err := a.Retry(ctx, status)
		l := learned{attempt: attempt}
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("trying again failed", "error", err)
			hint := ""
			var way hinted
			if errors.As(err, &way) {
				hint = way.Hint()
			}
			alert := view.RetryFailed(err.Error(), hint)
			l.alert = &alert
		}
		a.learn(ctx, l)
	})
}

// hinted is an error with a way out.
type hinted interface {
	error
	Hint() string
}

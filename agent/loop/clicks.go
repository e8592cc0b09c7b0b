package loop

import (
	"context"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
)

// clicked handles a click on the menu, except Quit. Actions outside of the loop
// run on goroutines of their own.
func (l *Loop) clicked(ctx context.Context, action notify.Action) {
	switch action {
	case notify.CheckNow:
		l.pollAgain(poll{fresh: true})
	case notify.Snooze:
		l.snooze(ctx, time.Duration(l.settings.Current().SnoozeMinutes)*time.Minute)
		l.pollAgain(poll{})
	case notify.SnoozeWindow:
		l.snooze(ctx, approval.WindowLength)
		l.pollAgain(poll{})
	case notify.EndSnooze:
		l.mem = l.mem.Snooze(time.Time{}, l.status)
		l.showMenu()
		l.pollAgain(poll{})
	case notify.Ignore:
		l.ignore(ctx)
		l.pollAgain(poll{})
	case notify.Retry:
		l.retry(ctx)
	default:
		l.start(ctx, action)
	}
}

// snooze holds alerts back for a while.
func (l *Loop) snooze(ctx context.Context, length time.Duration) {
	until := l.edges.Clock.Now().Add(length)
	if began := l.polling.began; !began.IsZero() {
		// The snapshot that is being taken is assessed as of its beginning. Seen from
		// there, a snooze longer than a window looks as if the clock was set back.
		until = probe.Earlier(until, began.Add(approval.WindowLength))
	}
	l.mem = l.mem.Snooze(until, l.status)
	if l.mem.Snoozed.IsZero() {
		return // no window is open any more
	}
	l.announce(ctx, []approval.Notice{{Event: approval.SnoozedEvent, To: until.UTC().Format(time.RFC3339)}})
	l.showMenu()
}

// ignore starts or stops ignoring the developer that the menu names.
func (l *Loop) ignore(ctx context.Context) {
	p, stop, found := l.status.ToIgnore(l.mem.Ignored)
	if !found {
		return // the menu is older than the status
	}
	l.mem = l.mem.Ignore(p.TeamID)
	notice := approval.Notice{Event: approval.IgnoredEvent, Product: p}
	if !stop {
		notice.To = p.TeamID
	}
	l.announce(ctx, []approval.Notice{notice})
}

func (l *Loop) showMenu() {
	if l.edges.Tray == nil {
		return
	}
	s := l.settings.Current()
	l.edges.Tray.Show(view.Menu(l.status, view.Around{
		Version: l.edges.Version, HideTime: !s.ShowTimeInMenuBar, HideQuit: !s.ShowQuit, SnoozeMinutes: s.SnoozeMinutes, SnoozedUntil: l.mem.Snoozed,
		AtLogin: l.edges.Actions.OpensAtLogin(), Ignored: l.mem.Ignored,
	}))
}

func (l *Loop) clicks() <-chan notify.Action {
	if l.edges.Tray == nil {
		return nil
	}
	return l.edges.Tray.Clicks()
}

// start runs an action and then polls: its effect may be visible in the menu.
func (l *Loop) start(ctx context.Context, action notify.Action) {
	status := l.status
	l.helpers.Go(func() {
		if err := l.edges.Actions.Do(ctx, action, status); err != nil && ctx.Err() == nil {
			l.edges.Logger.Error("a menu entry failed", "action", action, "error", err)
		}
		l.report(ctx, result{})
	})
}

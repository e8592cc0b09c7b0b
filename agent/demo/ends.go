package demo

import (
	"context"
	"strings"
	"sync"

	"kextwatch/agent/approval"
	"kextwatch/agent/loop"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
)

// eventLines receives the events of the agent, one JSON line for each.
type eventLines struct{ d *demo }

func (l eventLines) Write(line []byte) (int, error) {
	if e, ok := store.ParseEvent(string(line)); ok {
		if e.Event != approval.VerdictChanged {
			l.d.screen.say("kextwatch", e.Text)
		}
		select {
		case l.d.happen <- e:
		default:
		}
	}
	return len(line), nil
}

// poster shows an alert in the terminal, and on the desktop if there is one.
type poster struct {
	screen  *screen
	desktop notify.Poster
	alone   *sync.Once
}

// Post posts the alert even if the Mac restarts meanwhile: on a slow machine the story is
// faster than the notification.
func (p *poster) Post(ctx context.Context, alert notify.Alert) error {
	ctx = context.WithoutCancel(ctx)
	p.screen.say("alert", alert.Title+" — "+strings.ReplaceAll(alert.Body, "\n", " "))
	if err := p.desktop.Post(ctx, alert); err != nil {
		p.alone.Do(func() {
			p.screen.say("demo", "There is no notification service here. Alerts appear only in this terminal.")
		})
	}
	return nil
}

func (p *poster) Prepare(ctx context.Context) { p.desktop.Prepare(ctx) }

// asker shows a dialog in the terminal, and on the desktop if that can show one.
// Otherwise the simulated Mac shows it, and nobody answers.
type asker struct {
	screen    *screen
	simulated notify.Asker
	desktop   notify.Asker // nil: there is no desktop
	alone     *sync.Once
}

func (a asker) Ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	a.screen.say("dialog", strings.ReplaceAll(dialog.Text, "\n\n", " — ")+" ["+strings.Join(dialog.Buttons, "] [")+"]")
	if a.desktop != nil {
		answer, err := a.desktop.Ask(ctx, dialog)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		a.alone.Do(func() {
			a.screen.say("demo", "Dialogs do not work here ("+err.Error()+"). They appear only in this terminal.")
		})
	}
	return a.simulated.Ask(ctx, dialog)
}

// actions reports what the simulated Mac opened after a click.
type actions struct {
	loop.Actions
	d *demo
}

func (a actions) Do(ctx context.Context, action notify.Action, st approval.Status) error {
	if err := a.Actions.Do(ctx, action, st); err != nil {
		return err
	}
	for _, what := range a.d.newlyOpened() {
		pane := view.PaneFor(st.Mac)
		if what == pane.URL {
			what = pane.Path
		}
		a.d.screen.say("macOS", "Opens "+a.d.onMac(what)+".")
		select {
		case a.d.opened <- action:
		default:
		}
	}
	return nil
}

// installLines shows the steps of the installation.
type installLines struct{ d *demo }

func (l installLines) Write(line []byte) (int, error) {
	l.d.screen.say("install", l.d.onMac(strings.TrimSpace(string(line))))
	return len(line), nil
}

// firstView shows the bar, and reports the first status.
type firstView struct {
	*screen
	polled func()
}

func (v firstView) Show(st approval.Status, notices []approval.Notice) {
	v.screen.Show(st, notices)
	v.polled()
}

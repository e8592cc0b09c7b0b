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

// eventLines shows the events of the agent, one JSON line for each.
type eventLines struct{ screen *screen }

func (l eventLines) Write(line []byte) (int, error) {
	if e, ok := store.ParseEvent(string(line)); ok && e.Event != approval.VerdictChanged {
		l.screen.say("kextwatch", e.Text)
	}
	return len(line), nil
}

// unseen counts the alerts that the agent has announced and not shown yet, by their titles.
type unseen struct {
	mu     sync.Mutex
	alerts map[string]int // below zero: shown before it was announced
}

func (u *unseen) add(title string, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.alerts == nil {
		u.alerts = map[string]int{}
	}
	u.alerts[title] += n
}

func (u *unseen) none() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.alerts {
		if n > 0 {
			return false
		}
	}
	return true
}

// poster shows an alert in the terminal, and on the desktop if there is one.
type poster struct {
	screen  *screen
	unseen  *unseen
	desktop notify.Poster
	alone   *sync.Once
}

// Post posts the alert even if the Mac restarts meanwhile.
func (p *poster) Post(ctx context.Context, alert notify.Alert) error {
	ctx = context.WithoutCancel(ctx)
	defer p.unseen.add(alert.Title, -1)
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
	unseen    *unseen
	simulated notify.Asker
	desktop   notify.Asker // nil: there is no desktop
	alone     *sync.Once
}

func (a asker) Ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	title, _, _ := strings.Cut(dialog.Text, "\n")
	a.unseen.add(title, -1)
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

// agentView shows the bar, and reports each status and what is new in it.
type agentView struct {
	d      *demo
	polled func()
}

func (v agentView) Show(st approval.Status, notices []approval.Notice) {
	v.d.screen.Show(st)
	for _, n := range notices {
		if n.Urgency != approval.Silent {
			v.d.unseen.add(view.Alert(n, st, true).Title, 1)
		}
		select {
		case v.d.happen <- n.Event:
		default:
		}
	}
	v.polled()
}

package demo

import (
	"context"
	"strings"
	"sync"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
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

func (p *poster) Post(ctx context.Context, alert notify.Alert) error {
	p.screen.say("alert", alert.Title+" — "+strings.ReplaceAll(alert.Body, "\n", " "))
	if err := p.desktop.Post(ctx, alert); err != nil {
		p.alone.Do(func() { p.screen.say("demo", "No notification service here: alerts are shown in this terminal alone.") })
	}
	return nil
}

func (p *poster) Prepare(ctx context.Context) { p.desktop.Prepare(ctx) }

// firstView shows the bar, and reports the first status.
type firstView struct {
	*screen
	polled func()
}

func (v firstView) Show(st approval.Status, notices []approval.Notice) {
	v.screen.Show(st, notices)
	v.polled()
}

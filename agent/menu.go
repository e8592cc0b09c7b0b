package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// menuAction does what a menu entry says, but for what the loop itself does:
// see (*agent).clicked.
func (in *invocation) menuAction(st *store, home string) func(context.Context, notify.Action, approval.Status) error {
	return func(ctx context.Context, action notify.Action, status approval.Status) error {
		switch action {
		case notify.OpenSettings:
			_, err := openPane(ctx, in.mac)
			return err
		case notify.ShowHistory:
			events, err := st.journal.read(time.Time{})
			if err != nil {
				return err
			}
			var text strings.Builder
			writeHistory(&text, events)
			return in.showText(ctx, filepath.Join(st.places.state, "history.txt"), text.String())
		case notify.ShowDoctor:
			return in.showText(ctx, filepath.Join(st.places.state, "doctor.txt"), view.CheckText(view.Checks(status, in.own())))
		case notify.ShowReport:
			return in.showReport(ctx, filepath.Join(st.places.state, "report.html"), status)
		case notify.OpenAtLogin:
			return toggleAtLogin(home, in.mac)
		case notify.ShowAbout:
			about := "kextwatch " + version + "\n\n" + view.Explain(status)
			return in.showText(ctx, filepath.Join(st.places.state, "about.txt"), about)
		}
		return fmt.Errorf("no such menu entry: %s", action)
	}
}

// showText opens a text in the user's editor.
func (in *invocation) showText(ctx context.Context, file, text string) error {
	if err := renameio.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	return mac.OpenText(ctx, in.mac, file)
}

// toggleAtLogin writes the LaunchAgent, or removes it. The agent that runs now
// goes on, also when launchd started it.
func toggleAtLogin(home string, m root.FS) error {
	program, err := executable()
	if err != nil {
		return err
	}
	return launchd.SetAtLogin(launchd.Agent(program, home), launchd.AgentPlist(home), loginJob(home, m).Starts() != probe.Yes)
}

// clicked does what a click asks of the loop itself, except Quit; what others
// do is started.
func (a *agent) clicked(ctx context.Context, action notify.Action) {
	switch action {
	case notify.CheckNow:
		a.lookAgain(glance{fresh: true})
	case notify.Snooze:
		a.snooze(time.Duration(a.settings.current().SnoozeMinutes) * time.Minute)
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
func (a *agent) snooze(length time.Duration) {
	until := a.clock.now().Add(length)
	if !a.reading.IsZero() {
		// This look will be judged as of when it began. Seen from there, a snooze
		// longer than a window counts as left over from a clock that was set back.
		until = earlier(until, a.reading.Add(approval.WindowLength))
	}
	a.mem = a.mem.Snooze(until)
	a.say([]approval.Notice{{Event: approval.SnoozedEvent, To: until.UTC().Format(time.RFC3339)}})
	a.showMenu()
}

func (a *agent) showMenu() {
	if a.show != nil {
		a.show(a.menu())
	}
}

// menu is what the icon shows now.
func (a *agent) menu() notify.Menu {
	s := a.settings.current()
	around := view.Around{Version: version, HideTime: !s.ShowTimeInMenuBar, SnoozeMinutes: s.SnoozeMinutes, SnoozedUntil: a.mem.Snoozed}
	if a.atLogin != nil {
		around.AtLogin = a.atLogin()
	}
	return view.Menu(a.status, around)
}

// start does what the user clicked, without holding up the loop, and has it
// look afterwards: what was done may be seen in the menu.
func (a *agent) start(ctx context.Context, action notify.Action) {
	status := a.status
	a.helpers.Go(func() {
		if err := a.do(ctx, action, status); err != nil && ctx.Err() == nil {
			a.log.Error("a menu entry failed", "action", action, "error", err)
		}
		a.learn(ctx, learned{})
	})
}

// learned is what somebody else than the loop found out for it.
type learned struct {
	attempt *probe.Attempt // Parallels was asked to try, and said how it ended
	alert   *notify.Alert  // there is something to say about it
}

func (a *agent) learn(ctx context.Context, l learned) {
	select {
	case a.lessons <- l:
	case <-ctx.Done():
	}
}

// take takes over what was learned, and has it looked at.
func (a *agent) take(l learned) {
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
func (a *agent) tryAgain(ctx context.Context) {
	status := a.status
	a.helpers.Go(func() {
		attempt, err := a.retry(ctx, status)
		l := learned{attempt: attempt}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("trying again failed", "error", err)
			hint := ""
			if f := (*failure)(nil); errors.As(err, &f) {
				hint = f.hint
			}
			alert := view.RetryFailed(err.Error(), hint)
			l.alert = &alert
		}
		a.learn(ctx, l)
	})
}

// menuRetry is a retry that asks nothing: the click was the question.
func (in *invocation) menuRetry(ctx context.Context, st approval.Status) (*probe.Attempt, error) {
	r := retry{invocation: in, yes: true}
	w, err := r.way(ctx, st.Facts)
	if err != nil {
		return nil, err
	}
	if w.vm == nil {
		return nil, mac.OpenParallels(ctx, in.mac)
	}
	asked := in.clock.now() // the answer may take minutes, and the button is there from the refusal on
	outcome, _, err := mac.StartVM(ctx, in.mac, w.vm.UUID)
	if err != nil || outcome == probe.Tried {
		return nil, err
	}
	return &probe.Attempt{
		At: asked.UTC().Truncate(time.Second), TeamID: probe.ParallelsTeamID, From: probe.FromRetry, Outcome: outcome,
	}, nil
}

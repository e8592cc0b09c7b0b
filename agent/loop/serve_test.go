package loop

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/settings/settingstest"
	"kextwatch/notify"
	"kextwatch/probe"
)

// block blocks every snapshot until release is called.
func (d *bubble) block() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stuck := make(chan struct{})
	d.stuck = stuck
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		close(stuck)
		d.stuck = nil
	}
}

func (d *bubble) click(action notify.Action) {
	d.clicks <- action
	synctest.Wait()
}

// Tools that hang block neither a click nor the end.
func TestLoopHandlesClicksDuringABlockedSnapshot(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stop := d.start(t, dir)
		defer stop()
		d.block()
		d.hint(settled)
		d.click(notify.OpenSettings)
		d.click(notify.ShowHistory)
		if did := d.now().did; !slices.Equal(did, []notify.Action{notify.OpenSettings, notify.ShowHistory}) {
			t.Errorf("did %q, want both", did)
		}
		d.click(notify.Quit)
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.lines) == 0 || d.lines[len(d.lines)-1].Event != approval.AgentStopped {
			t.Errorf("events %+v, want agent-stopped", d.lines)
		}
		if d.broken != 1 {
			t.Errorf("%d snapshots were canceled, want the blocked one", d.broken)
		}
	})
}

func TestLoopEndsDuringABlockedSnapshot(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.block()
		stop := d.start(t, dir)
		began := time.Now()
		stop()
		synctest.Wait()
		if d.broken != 1 || time.Since(began) > 0 {
			t.Errorf("%d snapshots were canceled, after %v", d.broken, time.Since(began))
		}
	})
}

// There is a menu with Quit before the first snapshot.
func TestLoopShowsAMenuBeforeTheFirstSnapshot(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		release := d.block()
		defer d.start(t, dir)()
		if menu := d.now().menu; !menu.Items[notify.Quit].Enabled || menu.Primary.Label == "" || menu.Icon != notify.IconUnsure {
			t.Errorf("menu %+v, want one of an unknown state with Quit", menu)
		}
		d.click(notify.OpenSettings)
		if did := d.now().did; len(did) != 1 {
			t.Errorf("did %q, want the pane", did)
		}
		release()
		d.want(t)
	})
}

// A blocked snapshot delays a window. The window is announced after it, and the
// events that happened meanwhile lead to another poll.
func TestLoopContinuesAfterABlockedSnapshot(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		before := d.now()
		release := d.block()
		d.hint(probe.Hint{})
		d.attempt()
		d.hints <- probe.Hint{Settled: true, Woke: true}
		time.Sleep(74 * time.Second)
		d.want(t)
		release()
		d.want(t, "window-opened")
		if now := d.now(); now.polls != before.polls+2 || now.fresh != before.fresh+1 {
			t.Errorf("%d polls, %d of them fresh; want the blocked one and one after the wake", now.polls-before.polls, now.fresh-before.fresh)
		}
		if d.alertCount() != 1 {
			t.Errorf("alerts %q, want one", titles(d.now().alerts))
		}
	})
}

// Several clicks during a poll lead to one more poll.
func TestLoopPollsOnceForSeveralClicks(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		before := d.now()
		release := d.block()
		d.hint(settled)
		d.click(notify.OpenSettings) // polls when it is done
		d.click(notify.CheckNow)
		d.click(notify.CheckNow)
		d.click(notify.OpenSettings)
		release()
		if now := d.now(); now.polls != before.polls+2 || now.fresh != before.fresh+1 {
			t.Errorf("%d polls, %d of them fresh; want the blocked one and a fresh one", now.polls-before.polls, now.fresh-before.fresh)
		}
	})
}

// A snapshot that began before a snooze does not end the snooze.
func TestLoopSnoozesDuringABlockedSnapshot(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		release := d.block()
		d.hint(settled)
		time.Sleep(10 * time.Second)
		d.click(notify.SnoozeWindow)
		d.want(t, "snoozed")
		if !d.now().menu.Items[notify.EndSnooze].Enabled {
			t.Error("the menu does not show the snooze")
		}
		time.Sleep(10 * time.Second)
		release()
		synctest.Wait()
		if !d.now().menu.Items[notify.EndSnooze].Enabled {
			t.Error("the snooze ended too early")
		}
		time.Sleep(28 * time.Minute) // the last reminder, a minute later, comes in any case
		if n := d.alertCount(); n != 1 {
			t.Errorf("%d alerts, want none after the first: %+v", n-1, d.now().alerts)
		}
	})
}

// Settings that change during a snapshot hold for its assessment.
func TestLoopUsesSettingsThatChangeDuringASnapshot(t *testing.T) {
	p := settingstest.New(t)
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.set = settings.NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
		defer d.start(t, t.TempDir())()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		time.Sleep(15*time.Minute - time.Second)
		release := d.block()
		time.Sleep(2 * time.Second) // the snapshot for the reminder has begun
		p.Set(settingstest.OfTheUser, map[string]any{"Reminders": []any{1}})
		release()
		d.want(t)
	})
}

// Alerts and dialogs continue during a blocked snapshot.
func TestLoopHandlesAlertsAndDialogsDuringABlockedSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, asker := newBubble(), &dialogs{answer: "Open Security & Privacy"}
		defer d.startWith(t, func(e *Edges) { e.Asker = asker })()
		d.attempt()
		d.hint(settled)
		time.Sleep(25 * time.Minute)
		synctest.Wait()
		if _, open := asker.now(); open != 1 {
			t.Fatalf("%d dialogs, want the one at 5 minutes", open)
		}
		d.block()
		d.hint(settled)
		time.Sleep(11 * time.Second)
		if did := d.now().did; !slices.Equal(did, []notify.Action{notify.OpenSettings}) {
			t.Errorf("did %q, want the pane", did)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.refuse, d.hang = errors.New("no server"), make(chan struct{})
		defer d.start(t, t.TempDir())()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		d.block()
		d.hint(settled)
		close(d.hang)
		d.want(t, "notification-failed")
	})
}

// Wait waits for the tools of clicks and alerts.
func TestWaitWaitsForClicksAndAlerts(t *testing.T) {
	for _, action := range []notify.Action{notify.OpenSettings, notify.Retry, ""} {
		synctest.Test(t, func(t *testing.T) {
			d := newBubble()
			tool := slowTool{make(chan struct{})}
			edges := d.edges()
			edges.Actions, edges.Poster = tool, tool
			l := New(edges, open(t, t.TempDir()), nil)
			stop := d.run(t, l)
			if action == "" {
				d.attempt()
				d.hint(settled)
			} else {
				d.click(action)
			}
			stop()
			l.Wait()
			select {
			case <-tool.ended:
			default:
				t.Errorf("%q: a tool still runs after Wait", action)
			}
			<-tool.ended
		})
	}
}

// slowTool runs until its context ends, and a second longer.
type slowTool struct{ ended chan struct{} }

func (s slowTool) run(ctx context.Context) error {
	<-ctx.Done()
	time.Sleep(time.Second) // a tool that was killed is not gone at once
	close(s.ended)
	return nil
}

func (slowTool) Prepare(context.Context) {}

func (s slowTool) Post(ctx context.Context, _ notify.Alert) error { return s.run(ctx) }
func (s slowTool) Do(ctx context.Context, _ notify.Action, _ approval.Status) error {
	return s.run(ctx)
}
func (s slowTool) OpensAtLogin() probe.LoginJob { return probe.LoginJob{State: probe.LoginAbsent} }
func (s slowTool) Retry(ctx context.Context, _ approval.Status) (*probe.Attempt, error) {
	return nil, s.run(ctx)
}

// A helper that never ends, such as one that reads from a file server that is
// gone, does not keep the agent from ending.
func TestWaitEndsThoughAHelperDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		l := New(d.edges(), open(t, t.TempDir()), nil)
		stuck := make(chan struct{})
		l.helpers.Go(func() { <-stuck })
		began := time.Now()
		l.Wait()
		if waited := time.Since(began); waited != helpersEnd {
			t.Errorf("Wait took %v, want %v", waited, helpersEnd)
		}
		close(stuck)
	})
}

// The menu names the version of the program.
func TestMenuNamesTheVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, t.TempDir())()
		if label := d.now().menu.Items[notify.ShowAbout].Label; label != "About kextwatch 1.2.3" {
			t.Errorf("the menu has %q, want the version 1.2.3", label)
		}
	})
}

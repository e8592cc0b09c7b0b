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

// getStuck lets every look from now on wait until the result is called.
func (d *bubble) getStuck() (goOn func()) {
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

// Tools that hang hold up neither a click nor the end.
func TestLoopServesClicksWhileALookIsStuck(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stop := d.start(t, dir)
		defer stop()
		d.getStuck()
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
			t.Errorf("%d looks were broken off, want the one that was stuck", d.broken)
		}
	})
}

func TestLoopEndsWhileALookIsStuck(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.getStuck()
		stop := d.start(t, dir)
		began := time.Now()
		stop()
		synctest.Wait()
		if d.broken != 1 || time.Since(began) > 0 {
			t.Errorf("%d looks broken off, after %v", d.broken, time.Since(began))
		}
	})
}

// There is a menu with Quit before the first facts are there.
func TestLoopShowsAMenuBeforeTheFirstLook(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		goOn := d.getStuck()
		defer d.start(t, dir)()
		if menu := d.now().menu; !menu.Items[notify.Quit].Enabled || !menu.Primary.Enabled || menu.Icon != notify.IconUnsure {
			t.Errorf("menu %+v, want one that claims nothing and has Quit", menu)
		}
		d.click(notify.OpenSettings)
		if did := d.now().did; len(did) != 1 {
			t.Errorf("did %q, want the pane", did)
		}
		goOn()
		d.want(t)
	})
}

// A window that a stuck look delays is announced when the facts are there, and
// what happened meanwhile leads to another look.
func TestLoopGoesOnAfterAStuckLook(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		before := d.now()
		goOn := d.getStuck()
		d.hint(probe.Hint{})
		d.attempt()
		d.hints <- probe.Hint{Settled: true, Woke: true}
		time.Sleep(74 * time.Second)
		d.want(t)
		goOn()
		d.want(t, "window-opened")
		if now := d.now(); now.looks != before.looks+2 || now.fresh != before.fresh+1 {
			t.Errorf("%d looks, %d of them fresh; want the stuck one and one after the wake", now.looks-before.looks, now.fresh-before.fresh)
		}
		if d.alertCount() != 1 {
			t.Errorf("alerts %q, want one", titles(d.now().alerts))
		}
	})
}

// Clicks that ask for a look get one after the one that is under way, all of
// them together.
func TestLoopLooksForTheClicksDuringALook(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		before := d.now()
		goOn := d.getStuck()
		d.hint(settled)
		d.click(notify.OpenSettings) // looks when it is done
		d.click(notify.CheckNow)
		d.click(notify.CheckNow)
		d.click(notify.OpenSettings)
		goOn()
		if now := d.now(); now.looks != before.looks+2 || now.fresh != before.fresh+1 {
			t.Errorf("%d looks, %d of them fresh; want the stuck one and a fresh one", now.looks-before.looks, now.fresh-before.fresh)
		}
	})
}

// A look that began before a snooze does not end it.
func TestLoopSnoozesWhileALookIsStuck(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		goOn := d.getStuck()
		d.hint(settled)
		time.Sleep(10 * time.Second)
		d.click(notify.SnoozeWindow)
		d.want(t, "snoozed")
		if !d.now().menu.Items[notify.EndSnooze].Enabled {
			t.Error("the menu does not show the snooze")
		}
		time.Sleep(10 * time.Second)
		goOn()
		synctest.Wait()
		if !d.now().menu.Items[notify.EndSnooze].Enabled {
			t.Error("the snooze is over")
		}
		time.Sleep(28 * time.Minute) // the last reminder, a minute later, comes in any case
		if n := d.alertCount(); n != 1 {
			t.Errorf("%d alerts, want none after the first: %+v", n-1, d.now().alerts)
		}
	})
}

// What is set while a look is stuck holds for what it finds.
func TestLoopTakesSettingsWhileALookIsStuck(t *testing.T) {
	p := settingstest.New(t)
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.set = settings.NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
		defer d.start(t, t.TempDir())()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		time.Sleep(15*time.Minute - time.Second)
		goOn := d.getStuck()
		time.Sleep(2 * time.Second) // the look for the reminder has begun
		p.Set(settingstest.OfTheUser, map[string]any{"Reminders": []any{1}})
		goOn()
		d.want(t)
	})
}

// Alerts and dialogs go on while a look is stuck.
func TestLoopServesAlertsAndDialogsWhileALookIsStuck(t *testing.T) {
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
		d.getStuck()
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
		d.getStuck()
		d.hint(settled)
		close(d.hang)
		d.want(t, "notification-failed")
	})
}

// What a click or an alert runs is over when the helpers are.
func TestLoopCountsClicksAndAlertsAmongItsHelpers(t *testing.T) {
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
				t.Errorf("%q: a tool outlives the helpers", action)
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

func (s slowTool) Post(ctx context.Context, _ notify.Alert) error { return s.run(ctx) }
func (s slowTool) Do(ctx context.Context, _ notify.Action, _ approval.Status) error {
	return s.run(ctx)
}
func (s slowTool) OpensAtLogin() probe.Answer { return probe.No }
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

package loop

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
)

// dialogs answers each dialog after a while; "" means that the user does not answer.
type dialogs struct {
	mu     sync.Mutex
	asked  []notify.Dialog
	answer string
	err    error
	open   int
}

func (d *dialogs) Ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	d.mu.Lock()
	d.asked = append(d.asked, dialog)
	d.open++
	answer, err := d.answer, d.err
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.open--; d.mu.Unlock() }()
	if err != nil {
		return "", err
	}
	wait := 5 * time.Minute
	if answer != "" {
		wait = 10 * time.Second
	}
	select {
	case <-time.After(wait):
		return notify.Answer(answer), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (d *dialogs) now() (asked, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked), d.open
}

func titles(alerts []notify.Alert) []string {
	var all []string
	for _, a := range alerts {
		all = append(all, a.Title)
	}
	return all
}

// The reminder at five minutes is a dialog, and its buttons work.
func TestLateReminderIsADialog(t *testing.T) {
	for _, tt := range []struct {
		name   string
		button string
		err    error
		did    []notify.Action
		alerts int // after the dialog, up to the end of the window
	}{
		{"Open", "Open Security & Privacy", nil, []notify.Action{notify.OpenSettings}, 1},
		{"Remind Me", "Remind Me in 2 Minutes", nil, nil, 1},
		{"Later", "Later", nil, nil, 1},
		{"no answer", "", nil, nil, 1},
		{"no dialogs here", "", errors.New("no osascript"), nil, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, asker := newBubble(), &dialogs{answer: tt.button, err: tt.err}
				defer d.startWith(t, func(e *Edges) { e.Asker = asker })()
				d.attempt()
				d.hints <- settled
				time.Sleep(24 * time.Minute) // the window, and the reminder at 15
				synctest.Wait()
				if asked, _ := asker.now(); asked != 0 {
					t.Fatalf("%d dialogs before the reminder at 5 minutes", asked)
				}
				before := len(d.now().alerts)
				time.Sleep(90 * time.Second) // 5 minutes left
				synctest.Wait()
				if asked, _ := asker.now(); asked != 1 {
					t.Fatalf("%d dialogs at 5 minutes, want one", asked)
				}
				time.Sleep(3*time.Minute + 45*time.Second) // past the reminder at 1
				synctest.Wait()
				s := d.now()
				if got := len(s.alerts) - before; got != tt.alerts {
					t.Errorf("%d alerts after the dialog, want %d: %q", got, tt.alerts, titles(s.alerts))
				}
				if !slices.Equal(s.did, tt.did) {
					t.Errorf("did %q, want %q", s.did, tt.did)
				}
			})
		})
	}
}

// "Remind Me" at five minutes reminds while there is still time to click, in a dialog
// again, and the last minute is announced.
func TestRemindMeEndsBeforeTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, asker := newBubble(), &dialogs{answer: "Remind Me in 2 Minutes"}
		defer d.startWith(t, func(e *Edges) { e.Asker = asker })()
		d.attempt()
		d.hints <- settled
		time.Sleep(25*time.Minute + 30*time.Second) // the dialog was answered
		synctest.Wait()
		if until := d.now().menu.Items[notify.SnoozeMenu].Label; !strings.HasPrefix(until, "Snoozed until") {
			t.Fatalf("the menu says %q, want a snooze", until)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		asked, _ := asker.now()
		if asked != 2 || !slices.Contains(asker.asked[1].Buttons, "Remind Me in 1 Minute") {
			t.Errorf("%d dialogs with %v, want another one after two minutes", asked, asker.asked)
		}
	})
}

// The dialog closes when its window is closed or approved.
func TestDialogClosesWithItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, asker := newBubble(), &dialogs{}
		defer d.startWith(t, func(e *Edges) { e.Asker = asker })()
		d.attempt()
		d.hints <- settled
		time.Sleep(26 * time.Minute)
		synctest.Wait()
		if _, open := asker.now(); open != 1 {
			t.Fatalf("%d dialogs are open, want one", open)
		}
		d.change(func(s *probe.Snapshot) {
			for i := range s.Policy.Rows {
				s.Policy.Rows[i].Allowed = true
			}
		})
		d.hints <- settled
		synctest.Wait()
		if _, open := asker.now(); open != 0 {
			t.Errorf("%d dialogs are open after the approval", open)
		}
	})
}

// From macOS 26, macOS can hide the icon, and the program cannot tell. The first
// notification there says where to allow it: once, and not before what waits.
func TestFirstNotificationNamesTheMenuBarSettings(t *testing.T) {
	const wanted = "System Settings > Menu Bar"
	update := func(d *bubble, version string) {
		d.change(func(s *probe.Snapshot) { s.Mac.OS = probe.OSVersion{Version: version, Build: "25C56"} })
	}
	named := func(alerts []notify.Alert) (at []int) {
		for i, a := range alerts {
			if strings.Contains(a.Body, wanted) {
				at = append(at, i)
			}
		}
		return at
	}
	synctest.Test(t, func(t *testing.T) {
		d, dir := newBubble(), t.TempDir()
		stop := d.start(t, dir)
		synctest.Wait()
		if at := named(d.now().alerts); at != nil {
			t.Errorf("on macOS %s: %q", d.snap.Mac.OS, titles(d.now().alerts))
		}
		stop()
		update(d, "26.2")
		d.attempt()
		stop = d.start(t, dir)
		synctest.Wait()
		if s := d.now(); !slices.Equal(named(s.alerts), []int{len(s.alerts) - 1}) || len(s.alerts) < 2 {
			t.Errorf("after the update to macOS 26: %q, want it last", titles(s.alerts))
		}
		stop()
		stop = d.start(t, dir)
		update(d, "26.3")
		d.hints <- settled
		synctest.Wait()
		stop()
		if at := named(d.now().alerts); len(at) != 1 {
			t.Errorf("%d times: %q", len(at), titles(d.now().alerts))
		}
		headless := newBubble()
		update(headless, "26.2")
		defer headless.startWith(t, func(e *Edges) { e.Tray = nil })()
		synctest.Wait()
		if at := named(headless.now().alerts); at != nil {
			t.Errorf("without an icon: %q", titles(headless.now().alerts))
		}
	})
}

func TestSnoozeFromTheMenu(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, t.TempDir())()
		d.attempt()
		d.hints <- settled
		synctest.Wait()
		alerts := len(d.now().alerts)
		d.clicks <- notify.Snooze
		synctest.Wait()
		s := d.now()
		if item := s.menu.Items[notify.EndSnooze]; !item.Enabled {
			t.Errorf("the menu does not show the snooze: %+v", item)
		}
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if n := len(d.now().alerts); n != alerts {
			t.Errorf("%d alerts in the snooze", n-alerts)
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if n := len(d.now().alerts); n != alerts+1 {
			t.Errorf("%d alerts after the snooze, want the reminder that was due", n-alerts)
		}
		d.clicks <- notify.SnoozeWindow
		d.clicks <- notify.EndSnooze
		time.Sleep(5 * time.Minute) // 15 minutes left
		synctest.Wait()
		if n := len(d.now().alerts); n != alerts+2 {
			t.Errorf("%d alerts, want the one at 15 minutes", n-alerts)
		}
	})
}

// The user ignores a developer in the menu, and changes their mind later. The choice
// survives a restart of the agent.
func TestIgnoreFromTheMenu(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, dir := newBubble(), t.TempDir()
		stop := d.start(t, dir)
		attempt := func() {
			d.change(func(s *probe.Snapshot) {
				s.Policy.Rows = append(s.Policy.Rows, probe.PolicyRow{TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Developer: "Oracle America, Inc."})
				s.Policy.History = []probe.LoadRecord{{TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Path: "/Library/Application Support/VirtualBox/VBoxDrv.kext", LastSeen: time.Now()}}
			})
			d.hints <- settled
			synctest.Wait()
		}
		attempt()
		if s := d.now(); s.menu.Icon != notify.IconWaiting || s.menu.Items[notify.Ignore].Label != "Ignore VirtualBox" {
			t.Fatalf("icon %v, entry %+v", s.menu.Icon, s.menu.Items[notify.Ignore])
		}
		d.clicks <- notify.Ignore
		synctest.Wait()
		if s := d.now(); s.menu.Icon == notify.IconWaiting || s.menu.Items[notify.Ignore].Label != "Stop Ignoring VirtualBox" {
			t.Errorf("after the click: icon %v, entry %+v", s.menu.Icon, s.menu.Items[notify.Ignore])
		}
		stop()
		defer d.start(t, dir)()
		alerts := d.alertCount()
		time.Sleep(time.Hour)
		attempt()
		if n := d.alertCount(); n != alerts {
			t.Errorf("%d alerts for an ignored developer", n-alerts)
		}
		d.clicks <- notify.Ignore
		synctest.Wait()
		time.Sleep(time.Hour)
		attempt()
		if n := d.alertCount(); n != alerts+1 {
			t.Errorf("%d alerts after the end of that, want one", n-alerts)
		}
	})
}

// The result of Try Again… opens a window, even if no policy source reports times.
func TestTryAgainFromTheMenu(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		var answer error
		d.retry = func() (*probe.Attempt, error) {
			if answer != nil {
				return nil, answer
			}
			return &probe.Attempt{At: time.Now().UTC(), TeamID: probe.ParallelsTeamID, From: probe.FromRetry, Outcome: probe.Refused}, nil
		}
		defer d.start(t, t.TempDir())()
		d.change(func(s *probe.Snapshot) {
			s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor"}}
		})
		time.Sleep(time.Hour) // too long ago for a new row
		d.hints <- settled
		synctest.Wait()
		d.clicks <- notify.Retry
		synctest.Wait()
		s := d.now()
		if last := s.menu; last.Title != "30m" {
			t.Errorf("title %q, state %q; want a window of 30 minutes", last.Title, last.State)
		}
		answer = hintedError{errors.New("no stopped virtual machine")}
		alerts := len(s.alerts)
		d.clicks <- notify.Retry
		synctest.Wait()
		s = d.now()
		want := view.RetryFailed("no stopped virtual machine", "shut one down first")
		if len(s.alerts) != alerts+1 || s.alerts[alerts] != want {
			t.Errorf("alerts %q, want %q", titles(s.alerts[alerts:]), want.Title)
		}
	})
}

// hintedError is an error with a hint.
type hintedError struct{ error }

func (hintedError) Hint() string { return "shut one down first" }

package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// The demo fails if the agent does not report an event of the story.
func TestMissedEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := demo{Options: Options{Speed: 60}, happen: make(chan approval.EventName, 2)}
		d.happen <- approval.WindowReminder
		d.happen <- approval.WindowOpened
		if err := d.expect(t.Context(), approval.WindowOpened); err != nil {
			t.Errorf("after the event: %v", err)
		}
		began := time.Now()
		err := d.expect(t.Context(), approval.WindowClosed)
		if err == nil || !strings.Contains(err.Error(), string(approval.WindowClosed)) {
			t.Errorf("without the event: %v", err)
		}
		if waited := time.Since(began); waited != 50*time.Second {
			t.Errorf("waited %v, want 20s and half a minute for a window", waited)
		}
	})
}

// On a slow machine, the story is late, but its steps do not come all at once: an attempt
// right after a restart of the Mac would say nothing about the Allow button.
func TestStepsKeepTheirDistance(t *testing.T) {
	start := time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)
	minutes := func(m float64) time.Time { return start.Add(time.Duration(m * float64(time.Minute))) }
	for _, tt := range []struct{ minute, last, done, want float64 }{
		{9, 4, 4.25, 9},
		{13, 9, 9.5, 13},
		{13, 9, 10, 13},
		{13, 9, 12, 15},
		{13, 9, 56, 59},
	} {
		got := step{minute: tt.minute}.begins(start, tt.last, minutes(tt.done))
		if want := minutes(tt.want); !got.Equal(want) {
			t.Errorf("minute %g, after minute %g was done at %g: begins at %v, want %v", tt.minute, tt.last, tt.done, got, want)
		}
	}
}

func TestFastClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)
		clock := FastClock(start, 60)
		<-clock.After(10 * time.Minute)
		if now := clock.Now(); !now.Equal(start.Add(10 * time.Minute)) {
			t.Errorf("the clock shows %v", now)
		}
	})
}

type noDesktop struct{}

func (noDesktop) Prepare(context.Context)                  {}
func (noDesktop) Post(context.Context, notify.Alert) error { return errors.New("no desktop") }

// Each alert is shown in the terminal. The missing service is reported once.
func TestAlertsWithoutADesktop(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	s := newScreen(&out, probe.Clock{Now: func() time.Time { return now.Add(3 * time.Minute) }}, now)
	p := poster{s, new(unseen), noDesktop{}, new(sync.Once)}
	for range 2 {
		if err := p.Post(t.Context(), notify.Alert{Title: "Title", Body: "one\ntwo"}); err != nil {
			t.Error(err)
		}
	}
	want := "  3 min  alert      Title — one two\n"
	notice := "  3 min  demo       There is no notification service here. Alerts appear only in this terminal.\n"
	if got := out.String(); got != want+notice+want {
		t.Errorf("wrote\n%s", got)
	}
}

// slowDesktop needs longer for a notification than the story.
type slowDesktop struct{ noDesktop }

func (slowDesktop) Post(ctx context.Context, _ notify.Alert) error { return ctx.Err() }

// An alert is shown even if the Mac of the story restarts while it is posted.
func TestAlertBeforeARestart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	now := time.Now()
	s := newScreen(&out, probe.Clock{Now: func() time.Time { return now }}, now)
	p := poster{s, new(unseen), slowDesktop{}, new(sync.Once)}
	if err := p.Post(ctx, notify.Alert{Title: "Title"}); err != nil || strings.Contains(out.String(), "no notification service") {
		t.Errorf("%v, wrote\n%s", err, &out)
	}
}

// deskTray is the icon on the desktop of a user.
type deskTray struct {
	notify.Tray
	clicks chan notify.Action
}

func (d deskTray) Show(notify.Menu)             {}
func (d deskTray) Clicks() <-chan notify.Action { return d.clicks }

// A story that clicks the icon lets the user do it, and does it if the user does not. The
// click counts when the Mac has opened something.
func TestClickOnTheIcon(t *testing.T) {
	menu := notify.Menu{State: "Blocked", Primary: notify.Primary{Action: notify.OpenSettings, Label: "Open…"}}
	for name, tc := range map[string]struct {
		desktop bool
		user    time.Duration // after it the user clicks; 0: never
		took    time.Duration
	}{
		"no icon":              {false, 0, 0},
		"the user waits":       {true, 0, invitation},
		"the user is faster":   {true, time.Minute, time.Minute},
		"the user is too late": {true, time.Hour, invitation},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				tray := deskTray{clicks: make(chan notify.Action)}
				d := demo{clock: FastClock(time.Now(), 60), opened: make(chan notify.Action, 8)}
				d.screen = newScreen(io.Discard, d.clock, time.Now())
				if tc.desktop {
					d.Tray = tray
				}
				d.icon = newIcon(ctx, d.Tray)
				go func() { // the agent
					d.icon.Show(notify.Menu{})
					d.icon.Show(menu)
					for {
						select {
						case action := <-d.icon.Clicks():
							d.opened <- action
						case <-ctx.Done():
							return
						}
					}
				}()
				if tc.user > 0 {
					time.AfterFunc(tc.user/60, func() {
						select {
						case tray.clicks <- notify.OpenSettings:
						case <-ctx.Done():
						}
					})
				}
				began := time.Now()
				if err := d.click(ctx, notify.OpenSettings); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began) * 60; took != tc.took {
					t.Errorf("the pane was opened after %v, want %v", took, tc.took)
				}
			})
		})
	}
}

// The demo fails if a click opens nothing, or if the menu never has the entry.
func TestClickInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := demo{clock: FastClock(time.Now(), 60)}
		d.screen = newScreen(io.Discard, d.clock, time.Now())
		d.icon = newIcon(t.Context(), nil)
		if err := d.click(t.Context(), notify.Retry); err == nil || !strings.Contains(err.Error(), "retry") {
			t.Errorf("without the entry: %v", err)
		}
	})
}

type asks struct {
	answer notify.Answer
	err    error
}

func (a asks) Ask(context.Context, notify.Dialog) (notify.Answer, error) { return a.answer, a.err }

// The answer of the user counts. Without a tool for dialogs, nobody answers on the
// simulated Mac, and the demo says once why no dialog is shown.
func TestDialogsOfADemo(t *testing.T) {
	dialog := notify.Dialog{Title: "kextwatch", Text: "5 minutes\n\nClick Allow.", Buttons: []string{"Later", "Open"}}
	for name, tc := range map[string]struct {
		desktop notify.Asker
		want    notify.Answer
		notices int
	}{
		"a terminal":                {nil, "", 0},
		"a desktop":                 {asks{answer: "Open"}, "Open", 0},
		"a desktop without dialogs": {asks{err: errors.New("zenity is missing")}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			now := time.Now()
			s := newScreen(&out, probe.Clock{Now: func() time.Time { return now }}, now)
			a := asker{s, new(unseen), asks{}, tc.desktop, new(sync.Once)}
			for range 2 {
				if answer, err := a.Ask(t.Context(), dialog); err != nil || answer != tc.want {
					t.Errorf("answer %q, %v; want %q", answer, err, tc.want)
				}
			}
			if n := strings.Count(out.String(), "dialog     5 minutes — Click Allow. [Later] [Open]\n"); n != 2 {
				t.Errorf("wrote\n%s", &out)
			}
			if n := strings.Count(out.String(), "zenity is missing"); n != tc.notices {
				t.Errorf("said %d times why: %s", n, &out)
			}
		})
	}
}

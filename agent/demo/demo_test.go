package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe"
)

// The demo fails if the agent does not report an event of the story.
func TestMissedEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := demo{Options: Options{Speed: 60}, happen: make(chan store.Event, 2)}
		d.happen <- store.Event{Event: approval.WindowReminder}
		d.happen <- store.Event{Event: approval.WindowOpened}
		if err := d.expect(t.Context(), approval.WindowOpened); err != nil {
			t.Errorf("after the event: %v", err)
		}
		began := time.Now()
		err := d.expect(t.Context(), approval.WindowClosed)
		if err == nil || !strings.Contains(err.Error(), string(approval.WindowClosed)) {
			t.Errorf("without the event: %v", err)
		}
		if waited := time.Since(began); waited != 40*time.Second {
			t.Errorf("waited %v, want 10s and half a minute for a window", waited)
		}
	})
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
	p := poster{s, noDesktop{}, new(sync.Once)}
	for range 2 {
		if err := p.Post(t.Context(), notify.Alert{Title: "Title", Body: "one\ntwo"}); err != nil {
			t.Error(err)
		}
	}
	want := "  3 min  alert      Title — one two\n"
	notice := "  3 min  demo       No notification service here: alerts are shown in this terminal alone.\n"
	if got := out.String(); got != want+notice+want {
		t.Errorf("wrote\n%s", got)
	}
}

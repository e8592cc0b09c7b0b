package loop

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// shownList has what a follower showed: each state and its notices.
type shownList struct {
	mu    sync.Mutex
	lines []string
}

func (s *shownList) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

func (s *shownList) Show(st approval.Status, news []approval.Notice) {
	line := view.State(st.Products[0])
	for _, n := range view.Named(news) {
		line += " | " + string(n.Event)
	}
	s.add(line)
}

func (s *shownList) Resized() {}
func (s *shownList) Close()   { s.add("closed") }

// take returns what was shown since the last call.
func (s *shownList) take() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

func (s *shownList) want(t *testing.T, lines ...string) {
	t.Helper()
	if got := s.take(); !slices.Equal(got, lines) {
		t.Errorf("showed %q, want %q", got, lines)
	}
}

// follow runs a follower in the bubble; the result ends it.
func (d *bubble) follow(t *testing.T) (*shownList, func()) {
	t.Helper()
	shown := &shownList{}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	f := &Follower{Clock: probe.Clock{Now: time.Now, After: time.After}, Prober: d, Settings: approval.DefaultSettings(), Watcher: d, Screen: shown}
	go func() {
		f.Run(ctx)
		close(over)
	}()
	synctest.Wait()
	return shown, func() { cancel(); <-over }
}

func TestFollowerShowsAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		shown, end := d.follow(t)
		shown.want(t, "not asked for approval yet")
		time.Sleep(24 * time.Hour)
		shown.want(t) // nothing to wait for

		d.attempt()
		d.hint(probe.Hint{})
		shown.want(t) // in the middle of a burst
		d.hint(probe.Hint{Settled: true})
		shown.want(t, "waiting for your approval, 30 minutes left | window-opened")
		time.Sleep(16 * time.Second)
		shown.want(t, "waiting for your approval, 30 minutes left")
		time.Sleep(31 * time.Minute)
		if all := shown.take(); len(all) < 30 || all[len(all)-1] != "blocked, and the time to approve it is over" {
			t.Errorf("showed %q, want each minute and the end", all)
		}
		end()
	})
}

// Neither a burst without an end nor a busy database delays a status for long.
func TestFollowerInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		shown, end := d.follow(t)
		shown.want(t, "not asked for approval yet")
		d.attempt()
		for range 2 * followAgain / time.Second {
			d.hint(probe.Hint{})
			time.Sleep(time.Second)
		}
		if all := shown.take(); len(all) == 0 || !strings.HasSuffix(all[0], "window-opened") {
			t.Errorf("showed %q, want the window", all)
		}

		policy := d.snap.Policy
		d.change(func(s *probe.Snapshot) { s.Policy, s.Sources[0].State = nil, probe.Busy })
		d.hint(probe.Hint{Settled: true})
		time.Sleep(time.Second)
		shown.want(t) // the status of a moment ago is better
		d.change(func(s *probe.Snapshot) { s.Policy, s.Sources[0].State = policy, probe.OK })
		time.Sleep(busyAgain)
		if len(shown.take()) == 0 {
			t.Error("showed nothing once the database could be read again")
		}
		end()
		shown.want(t, "closed")
	})
}

package loop

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// slow makes the tools of the Mac slow: its snapshots are pending.
func (d *bubble) slow() { d.change(func(s *probe.Snapshot) { s.Pending = true }) }

// answer ends that. facts are what the tools tell.
func (d *bubble) answer(facts func(*probe.Snapshot)) {
	d.change(func(s *probe.Snapshot) {
		s.Pending = false
		facts(s)
	})
	d.answers <- struct{}{}
	synctest.Wait()
}

func nothing(*probe.Snapshot) {}

func remote(s *probe.Snapshot) {
	s.Situation = probe.Situation{Asked: true, UID: 501, ConsoleUID: 501, Remote: []string{"TeamViewer"}}
}

// A window is announced although all tools hang. What they report later leads to one
// more notice, and only if it keeps the button from working.
func TestLoopAnnouncesAWindowBeforeTheToolsAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		facts  func(*probe.Snapshot)
		events []string
	}{
		"nothing special": {nothing, nil},
		"remote control":  {remote, []string{"window-obstacle"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := newBubble()
				defer d.start(t, dir)()
				d.slow()
				d.attempt()
				began := time.Now()
				d.hint(probe.Hint{})
				d.want(t, "window-opened")
				if took := time.Since(began); took > 0 {
					t.Errorf("the window was announced after %v", took)
				}
				d.hint(settled)
				d.want(t)
				d.answer(c.facts)
				d.want(t, c.events...)
				d.hint(settled)
				d.want(t)
				alerts := d.now().alerts
				if want := 1 + len(c.events); len(alerts) != want {
					t.Fatalf("%d alerts, want %d: %+v", len(alerts), want, alerts)
				}
				if last := alerts[len(alerts)-1]; len(c.events) > 0 && (last.Urgent || !strings.Contains(last.Body, "under remote control")) {
					t.Errorf("the second alert is %+v, want a calm one about remote control", last)
				}
				time.Sleep(15 * time.Minute)
				d.want(t, "window-reminder")
			})
		})
	}
}

// An obstacle that begins later is named by the next reminder: opening the pane is
// one, and is what the user should do.
func TestLoopWarnsOnlyOfObstaclesAtTheAnnouncement(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		d.slow()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		d.answer(nothing)
		d.change(remote)
		d.hint(settled)
		d.want(t)
	})
}

// The agent was killed between the two notices.
func TestLoopWarnsOfAnObstacleAfterItsRestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stop := d.start(t, dir)
		d.slow()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		stop()
		d.take()
		d.change(remote)
		d.change(func(s *probe.Snapshot) { s.Pending = false })
		defer d.start(t, dir)()
		d.want(t, "window-obstacle")
	})
}

// An approval is announced although all tools hang. Whether the extensions are
// loaded is known later.
func TestLoopAnnouncesAnApprovalBeforeTheToolsAnswer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		d.slow()
		d.change(func(s *probe.Snapshot) { s.Policy.Rows[0].Allowed = true })
		d.hint(probe.Hint{})
		d.want(t) // the file may be half written
		d.hint(settled)
		d.want(t, "approved")
		d.answer(func(s *probe.Snapshot) {
			s.Loaded.Kexts = []probe.LoadedKext{{BundleID: "com.parallels.kext.hypervisor", Version: "16.5.1 49187"}}
		})
		d.want(t, "kexts-loaded")
	})
}

// Other notices wait until the tools have answered, or five seconds.
func TestLoopHoldsBackWhatToolsMayChange(t *testing.T) {
	for name, c := range map[string]struct {
		then func(d *bubble)
		want []string
	}{
		"the tools answer": {func(d *bubble) {
			d.answer(func(s *probe.Snapshot) {
				s.Policy, s.Sources[0].State = &probe.Policy{Source: probe.Database}, probe.OK
			})
		}, nil},
		"they hang": {func(*bubble) { time.Sleep(time.Second) }, []string{"source-lost"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := newBubble()
				defer d.start(t, dir)()
				d.slow()
				d.readNothing(probe.Failed)
				d.hint(settled)
				time.Sleep(toolTime - time.Second)
				d.hint(settled)
				d.want(t)
				c.then(d)
				d.want(t, c.want...)
				if alerts := d.now().alerts; len(alerts) != len(c.want) {
					t.Errorf("alerts %+v", alerts)
				}
			})
		})
	}
}

// The first snapshot waits for the tools for two seconds. Facts such as the boot
// time decide whether an attempt opened a window.
func TestLoopStartsWhileToolsHang(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.change(func(s *probe.Snapshot) { s.Mac.BootedAt = time.Now().Add(-time.Hour) })
		d.slow()
		d.attempt()
		defer d.start(t, dir)()
		d.click(notify.OpenSettings)
		if did := d.now().did; len(did) != 1 {
			t.Errorf("did %q, want the pane", did)
		}
		time.Sleep(startTime - 1)
		d.want(t)
		time.Sleep(time.Nanosecond)
		d.want(t, "window-opened")
	})
}

func TestLoopStartsWhenTheToolsHaveAnswered(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.slow()
		d.attempt()
		defer d.start(t, dir)()
		time.Sleep(time.Second)
		d.want(t)
		d.answer(func(s *probe.Snapshot) { s.Mac.BootedAt = time.Now() })
		d.want(t, "blocked")
	})
}

// The last snapshot knew what an unsettled hint is for: it needs no other one.
func TestLoopSkipsWhatTheLastSnapshotKnew(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		time.Sleep(time.Minute)
		for _, c := range []struct {
			what string
			hint probe.Hint
			poll bool
		}{
			{"the first event of a burst", probe.Hint{VisibleAt: time.Now()}, true},
			{"before that snapshot", probe.Hint{VisibleAt: time.Now().Add(-1)}, false},
			{"at that snapshot", probe.Hint{VisibleAt: time.Now()}, false},
			{"after that snapshot", probe.Hint{VisibleAt: time.Now().Add(1)}, true},
			{"the end of the burst", probe.Hint{VisibleAt: time.Now(), Settled: true}, true},
			{"a wake", probe.Hint{VisibleAt: time.Now(), Woke: true}, true},
			{"a hint without a time", probe.Hint{}, true},
		} {
			before := d.now().polls
			d.hint(c.hint)
			if polled := d.now().polls > before; polled != c.poll {
				t.Errorf("%s: a snapshot was taken: %v, want %v", c.what, polled, c.poll)
			}
		}
	})
}

// A file that has just changed may open a window: an alert is prepared, and tools
// leave the processor to it.
func TestLoopPreparesForAnAlert(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		want := func(after string, prepared int, changed bool) {
			t.Helper()
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.prepared != prepared || d.how.Changed != changed {
				t.Errorf("%s: prepared %d times, a file has changed: %v; want %d, %v", after, d.prepared, d.how.Changed, prepared, changed)
			}
		}
		want("the start", 0, false)
		d.hint(probe.Hint{})
		want("a change", 1, true)
		d.hint(settled)
		want("its end", 1, false)
		d.click(notify.CheckNow)
		want("a click", 1, false)
	})
}

// The framework answers one snapshot later than the file event. A row that it did
// not have before is still dated by the time until which the files had not changed.
func TestLoopDatesARowThatComesWithTheAnswer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.change(func(s *probe.Snapshot) {
			s.Policy = &probe.Policy{Source: probe.Framework, ReadAt: time.Now()}
			s.Sources = []probe.Source{{Name: probe.Framework, State: probe.OK}}
		})
		defer d.start(t, dir)()
		time.Sleep(time.Hour)
		d.slow()
		d.change(func(s *probe.Snapshot) { s.Policy.Stale = true })
		d.hint(probe.Hint{Settled: true, QuietUntil: time.Now().Add(-time.Second)})
		d.want(t)
		d.answer(func(s *probe.Snapshot) {
			s.Policy.Stale, s.Policy.ReadAt = false, time.Now()
			s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor"}}
		})
		d.want(t, "window-opened")
	})
}

// Only a click on Allow is an approval that needs no tool: what failed to load may
// still fail.
func TestLoopTakesBackNoFailureBeforeTheToolsAnswer(t *testing.T) {
	p := policyState{accepted: true}
	for from, want := range map[approval.Verdict]bool{
		approval.BlockedOpen: false, approval.BlockedUnknown: false, approval.LoadFailing: true, approval.UpgradePending: true,
	} {
		held := p.holdBack(probe.Snapshot{Pending: true}, []approval.Notice{{Event: approval.ApprovedEvent, From: string(from)}}, time.Now()) > 0
		if held != want {
			t.Errorf("approved after %s is held back: %v, want %v", from, held, want)
		}
	}
}

// Without the boot time no attempt can be dated. The first snapshot waits longer for
// it than for other facts.
func TestLoopStartsWithoutABootTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.change(func(s *probe.Snapshot) { s.Mac.BootedAt = time.Time{} })
		d.slow()
		d.attempt()
		defer d.start(t, dir)()
		time.Sleep(toolTime - 1)
		d.want(t)
		time.Sleep(time.Nanosecond)
		d.want(t, "window-opened")
	})
}

package loop

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// bubble has the edges of a loop in a synctest bubble: a Mac that is a snapshot, a
// watcher that is a channel, alerts and events that are lists.
type bubble struct {
	hints   chan probe.Hint
	answers chan struct{}
	clicks  chan notify.Action

	mu       sync.Mutex
	snap     probe.Snapshot
	fresh    int // snapshots that read cached facts again
	polls    int // snapshots
	alerts   []notify.Alert
	menus    []notify.Menu
	lines    []store.Event
	refuse   error         // the error of posting an alert
	hang     chan struct{} // posting waits for it
	stuck    chan struct{} // a snapshot waits for it
	broken   int           // snapshots whose context ended
	prepared int           // calls of Prepare
	rests    int           // calls of Rest
	how      mac.Options   // of the last snapshot
	did      []notify.Action
	retry    func() (*probe.Attempt, error) // answers Retry
	set      *settings.Reader               // nil: the defaults
}

func newBubble() *bubble {
	d := &bubble{hints: make(chan probe.Hint, 1), answers: make(chan struct{}, 1), clicks: make(chan notify.Action, 1)}
	d.snap = probe.Snapshot{
		Policy:  &probe.Policy{Source: probe.Database},
		Sources: []probe.Source{{Name: probe.Database, State: probe.OK}},
		Mac:     probe.Mac{OS: probe.OSVersion{Version: "10.15.7"}, Arch: probe.Intel, BootSession: "S1"},
		Apps:    []probe.App{{Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Version: "16.5.1", Build: "49187", Edition: probe.Standard}},
		Kexts: []probe.Kext{{BundleID: "com.parallels.kext.hypervisor", TeamID: probe.ParallelsTeamID, Version: "16.5.1 49187",
			Path: "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext"}},
		Loaded: probe.Loaded{Known: true},
	}
	return d
}

func (d *bubble) Hints() <-chan probe.Hint { return d.hints }
func (d *bubble) Gaps() []probe.Gap        { return nil }
func (d *bubble) WatchApp(string)          {}

func (d *bubble) Post(ctx context.Context, alert notify.Alert) error {
	if d.hang != nil {
		select {
		case <-d.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.alerts = append(d.alerts, alert)
	return d.refuse
}

func (d *bubble) Prepare(context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prepared++
}

func (d *bubble) Write(line []byte) (int, error) {
	e, ok := store.ParseEvent(string(line))
	if !ok {
		return 0, errors.New("not an event")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, e)
	return len(line), nil
}

func (d *bubble) Clicks() <-chan notify.Action { return d.clicks }

func (d *bubble) Show(m notify.Menu) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.menus = append(d.menus, m)
}

func (d *bubble) Do(_ context.Context, action notify.Action, _ approval.Status) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, action)
	return nil
}

func (d *bubble) Retry(context.Context, approval.Status) (*probe.Attempt, error) { return d.retry() }
func (d *bubble) OpensAtLogin() probe.LoginJob                                   { return probe.LoginJob{State: probe.LoginAbsent} }

func (d *bubble) NextQuery(time.Time) (time.Duration, bool) { return 0, false }
func (d *bubble) Answers() <-chan struct{}                  { return d.answers }
func (d *bubble) Wait()                                     {}

func (d *bubble) SnapshotNow(ctx context.Context, _ time.Time, how mac.Options) probe.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	if stuck := d.stuck; stuck != nil {
		d.mu.Unlock()
		select {
		case <-stuck:
		case <-ctx.Done():
		}
		d.mu.Lock()
		if ctx.Err() != nil {
			d.broken++
		}
	}
	d.polls++
	d.how = how
	if how.Fresh {
		d.fresh++
	}
	snap := d.snap
	snap.Attempts = how.Attempts
	return snap
}

// change changes the Mac.
func (d *bubble) change(what func(*probe.Snapshot)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.snap.Policy != nil {
		p := *d.snap.Policy
		p.Rows, p.History = slices.Clone(p.Rows), slices.Clone(p.History)
		d.snap.Policy = &p
	}
	what(&d.snap)
}

// readNothing makes the database a source without an answer: from now on a
// snapshot has no policy.
func (d *bubble) readNothing(state probe.SourceState) {
	d.change(func(s *probe.Snapshot) {
		s.Policy, s.Sources = nil, []probe.Source{{Name: probe.Database, State: state}}
	})
}

func (d *bubble) attempt() {
	d.change(func(s *probe.Snapshot) {
		now := time.Now().UTC().Truncate(time.Second)
		s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor", Developer: "Parallels International GmbH"}}
		s.Policy.History = []probe.LoadRecord{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor", LastSeen: now}}
	})
}

func (d *bubble) hint(h probe.Hint) {
	d.hints <- h
	synctest.Wait()
}

// take returns the events since the last call, except those of the agent itself.
func (d *bubble) take() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	var words []string
	for _, e := range d.lines {
		if e.Event != approval.VerdictChanged && !strings.HasPrefix(string(e.Event), "agent-") {
			words = append(words, string(e.Event))
		}
	}
	d.lines = nil
	return words
}

func (d *bubble) want(t *testing.T, events ...string) {
	t.Helper()
	if got := d.take(); !slices.Equal(got, events) {
		t.Errorf("events %q, want %q", got, events)
	}
}

func (d *bubble) alertCount() int {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.alerts)
}

// outcome is what the loop has done so far.
type outcome struct {
	polls, fresh int
	rests        int
	alerts       []notify.Alert
	did          []notify.Action
	menu         notify.Menu // the newest
}

func (d *bubble) now() outcome {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := outcome{polls: d.polls, fresh: d.fresh, rests: d.rests, alerts: slices.Clone(d.alerts), did: slices.Clone(d.did)}
	if len(d.menus) > 0 {
		s.menu = d.menus[len(d.menus)-1]
	}
	return s
}

// noLog is a unified log without load attempts.
type noLog struct{}

func (noLog) Run(context.Context)       {}
func (noLog) Want(bool)                 {}
func (noLog) Hints() <-chan probe.Hint  { return nil }
func (noLog) Attempts() []probe.Attempt { return nil }
func (noLog) Gap() (probe.Gap, bool)    { return probe.Gap{}, false }
func (noLog) Retry()                    {}

// edges are the edges of a loop in the bubble.
func (d *bubble) edges() Edges {
	log := slog.New(slog.DiscardHandler)
	return Edges{
		Version: "1.2.3",
		Clock:   probe.Clock{Now: time.Now, After: time.After},
		Logger:  log,
		Prober:  d,
		Watcher: d,
		Log:     noLog{},
		Poster:  d,
		Actions: d,
		Hook:    NewHook(root.FS{}, log),
		Tray:    d,
		Events:  d,
		Rest: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.rests++
		},
	}
}

// open opens the store in dir.
func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	st, warnings := store.Open(store.PlacesIn(dir), time.Now())
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	return st
}

// start runs a loop on the files in dir; the result stops it.
func (d *bubble) start(t *testing.T, dir string) (stop func()) {
	t.Helper()
	return d.run(t, New(d.edges(), open(t, dir), d.set))
}

// startWith runs a loop with changed edges and no files.
func (d *bubble) startWith(t *testing.T, change func(*Edges)) (stop func()) {
	t.Helper()
	edges := d.edges()
	change(&edges)
	return d.run(t, New(edges, open(t, t.TempDir()), d.set))
}

// run runs a loop; the result stops it.
func (d *bubble) run(t *testing.T, l *Loop) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		l.Run(ctx)
		close(over)
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-over
	}
}

var settled = probe.Hint{Settled: true}

func TestLoopFollowsAWindowToItsEnd(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		d.want(t)
		d.attempt()
		d.hint(probe.Hint{})
		d.want(t, "window-opened")
		time.Sleep(15*time.Minute - time.Second)
		d.want(t)
		time.Sleep(time.Second)
		d.want(t, "window-reminder")
		time.Sleep(10 * time.Minute)
		d.want(t, "window-reminder")
		time.Sleep(4 * time.Minute)
		d.want(t, "window-reminder")
		time.Sleep(time.Minute)
		d.want(t, "window-closed")
		if got := d.alertCount(); got != 5 {
			t.Errorf("%d alerts, want 5", got)
		}
		polls := d.now().polls
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if now := d.now().polls; now != polls {
			t.Errorf("%d polls in a day without events, want none", now-polls)
		}
	})
}

// Returning memory to the system needs a few milliseconds of the processor. A new
// window and its alert come first.
func TestLoopRestsAfterABurst(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.hang = make(chan struct{})
		defer d.start(t, dir)()
		rested := d.now().rests
		want := func(when string, rests int) {
			t.Helper()
			if got := d.now().rests - rested; got != rests {
				t.Errorf("%s: rested %d times, want %d", when, got, rests)
			}
		}
		d.attempt()
		d.hint(probe.Hint{})
		want("in the burst", 0)
		d.hint(probe.Hint{Settled: true})
		want("while the alert is being posted", 0)
		close(d.hang)
		synctest.Wait()
		d.hint(probe.Hint{Settled: true})
		want("after the alert", 1)
		d.hint(probe.Hint{})
		want("in the next burst", 1)
	})
}

func TestLoopRestartsInsideAWindow(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stop := d.start(t, dir)
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		time.Sleep(10 * time.Minute)
		stop()
		d.take()
		stop = d.start(t, dir)
		defer stop()
		d.want(t)
		if d.alertCount() != 1 {
			t.Errorf("%d alerts after the restart, want still one", d.alertCount())
		}
		if m := d.now().menu; m.Title != "20m" {
			t.Errorf("title %q, want 20m", m.Title)
		}
		time.Sleep(5 * time.Minute)
		d.want(t, "window-reminder")
	})
}

// The agent is killed after it saved an alert and before it posted it. The next
// agent does not repeat the alert, but reminds at once.
func TestLoopIsKilledWhilePosting(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.hang = make(chan struct{})
		stop := d.start(t, dir)
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		stop() // the alert is not posted yet
		d.hang = nil
		d.take()
		defer d.start(t, dir)()
		d.want(t, "window-reminder")
	})
}

func TestLoopActsOnTheEndOfABurst(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := d.snap.Policy
		d.readNothing(probe.Damaged)
		d.hint(probe.Hint{}) // half written
		d.want(t)
		d.change(func(s *probe.Snapshot) {
			s.Policy, s.Sources = good, []probe.Source{{Name: probe.Database, State: probe.OK}}
		})
		d.hint(settled)
		d.want(t)
		if d.alertCount() != 0 {
			t.Errorf("alerts %+v, want none", d.now().alerts)
		}
	})
}

// An installer moves the old application away and then the new one into its place. A
// snapshot in between, for another reason, shows none.
func TestLoopInTheMiddleOfAnUpdate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		gone    time.Duration
		version string // afterwards; empty: it stays away
		want    []string
	}{
		{"updated", 300 * time.Millisecond, "16.5.2", []string{"parallels-updated"}},
		{"as before", time.Second, "16.5.1", nil},
		{"removed", burstTime, "", []string{"parallels-removed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := newBubble()
				d.change(func(s *probe.Snapshot) { s.Apps[0].Version, s.Apps[0].Build = "16.5.1", "1" })
				defer d.start(t, dir)()
				d.take()
				apps, kexts := d.snap.Apps, d.snap.Kexts
				d.change(func(s *probe.Snapshot) { s.Apps, s.Kexts = nil, nil })
				d.hint(settled)
				time.Sleep(tt.gone)
				if tt.version != "" {
					d.change(func(s *probe.Snapshot) {
						s.Apps, s.Kexts = slices.Clone(apps), kexts
						s.Apps[0].Version = tt.version
					})
					d.hint(settled)
				}
				time.Sleep(burstTime)
				d.want(t, tt.want...)
			})
		})
	}
}

func TestLoopAnnouncesDuringAnEndlessBurst(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		d.change(func(s *probe.Snapshot) {
			s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor"}}
		})
		time.Sleep(2 * time.Minute) // too long for the new row to prove the time of an attempt
		for range 20 {
			d.hint(probe.Hint{})
			time.Sleep(250 * time.Millisecond)
		}
		d.want(t, "blocked")
	})
}

func TestLoopReadsABusyDatabaseAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		good := d.snap.Policy
		d.readNothing(probe.Busy)
		d.hint(settled)
		time.Sleep(5 * time.Second)
		d.want(t)
		d.change(func(s *probe.Snapshot) { s.Policy = good })
		time.Sleep(time.Second)
		d.want(t)
		d.change(func(s *probe.Snapshot) { s.Policy = nil })
		d.hint(settled)
		time.Sleep(busyFor + time.Second)
		d.want(t, "source-lost")
	})
}

// A database that is busy at the start is not reported at once. After the report it
// is read again without an event.
func TestLoopWithADatabaseBusyAtTheStart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		good := d.snap.Policy
		d.readNothing(probe.Busy)
		defer d.start(t, dir)()
		time.Sleep(busyFor - time.Second)
		if d.alertCount() != 0 {
			t.Errorf("alerts %+v, want none yet", d.now().alerts)
		}
		time.Sleep(2 * time.Second)
		if d.alertCount() != 1 {
			t.Errorf("%d alerts, want one", d.alertCount())
		}
		d.change(func(s *probe.Snapshot) {
			s.Policy, s.Sources = good, []probe.Source{{Name: probe.Database, State: probe.OK}}
		})
		time.Sleep(busyLater)
		d.want(t, "source-changed")
	})
}

func TestLoopRecordsAFailedNotification(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.refuse = errors.New("no\nserver")
		defer d.start(t, dir)()
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened", "notification-failed")
		events, err := store.PlacesIn(dir).Journal().Read(time.Time{})
		if err != nil || events[len(events)-1].Error != "no server" {
			t.Errorf("history %+v, %v; want the reason in one line", events, err)
		}
		time.Sleep(time.Minute)
		d.want(t) // not posted again: the icon shows it
	})
}

func TestLoopPostsOneAlertAtATime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.hang = make(chan struct{})
		defer d.start(t, dir)()
		d.attempt()
		d.hint(settled)
		time.Sleep(16 * time.Minute)
		d.want(t, "window-opened", "window-reminder") // a notification that hangs does not block the loop
		close(d.hang)
		if d.alertCount() != 2 {
			t.Errorf("%d alerts, want 2", d.alertCount())
		}
	})
}

func TestLoopMenu(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stopped := d.start(t, dir)
		defer stopped()
		before := d.now().fresh
		d.clicks <- notify.CheckNow
		synctest.Wait()
		if d.now().fresh != before+1 {
			t.Error("Check Now did not read the cached facts again")
		}
		d.clicks <- notify.OpenSettings
		synctest.Wait()
		if did := d.now().did; !slices.Equal(did, []notify.Action{notify.OpenSettings}) {
			t.Errorf("did %q, want open-settings", did)
		}
		d.clicks <- notify.Quit
		synctest.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		if last := d.lines[len(d.lines)-1]; last.Event != approval.AgentStopped {
			t.Errorf("last event %s, want agent-stopped", last.Event)
		}
	})
}

func TestLoopReadsCachedFactsAgainAfterAWake(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		defer d.start(t, dir)()
		before := d.now().fresh
		d.hint(probe.Hint{Settled: true, Woke: true})
		if d.now().fresh != before+1 {
			t.Error("a wake did not read the cached facts again")
		}
	})
}

// If the home cannot be written, a window is still announced.
func TestLoopWithoutFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	mactest.WriteFile(t, dir, "a file where the home should be")
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		st, warnings := store.Open(store.PlacesIn(dir), time.Now())
		if len(warnings) != 1 {
			t.Errorf("warnings %q, want one", warnings)
		}
		stop := d.run(t, New(d.edges(), st, nil))
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		time.Sleep(15 * time.Minute)
		d.want(t, "window-reminder")
		stop()
		if gaps := st.Gaps(); len(gaps) != 1 || gaps[0].Next == "" {
			t.Errorf("gaps %+v, want one with a next step", gaps)
		}
	})
}

// Package loop has the goroutine that owns the state of the agent. It takes a
// snapshot, assesses it, announces what is new, and waits for the next event.
package loop

import (
	"context"
	"slices"
	"sync"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// Loop is the agent. The goroutine that calls Run owns all of its state.
//
// Before the loop shows a notice, it saves the memory in which the notice counts
// as shown: a crash in between repeats no alert. Then it writes the history,
// posts the alert, and saves the outcome.
type Loop struct {
	edges    Edges
	store    *store.Store
	settings *settings.Reader

	mem       approval.Memory
	status    approval.Status
	published publication

	alerts  alerts
	dialog  dialog
	policy  policyState
	polling polling
	retries retries
	helpers sync.WaitGroup // goroutines that run tools until ctx ends
}

// New returns a loop that has not started. settings may be nil: the defaults.
func New(edges Edges, st *store.Store, settings *settings.Reader) *Loop {
	return &Loop{
		edges: edges, store: st, settings: settings, mem: st.Memory.Memory.Resume(),
		alerts:  alerts{outcomes: make(chan error, 1)},
		dialog:  dialog{replies: make(chan reply, 1)},
		retries: retries{results: make(chan result)},
	}
}

// Run runs until ctx ends, the user quits, or the program was replaced. It returns true
// only if the program was replaced: the caller must then start the new one.
func (l *Loop) Run(ctx context.Context) (replaced bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the helpers, and a snapshot that is being taken
	l.helpers.Go(func() { l.edges.Log.Run(ctx) })
	l.helpers.Go(func() { l.edges.Hook.Run(ctx) })
	l.announce(ctx, []approval.Notice{{Event: approval.AgentStarted}})
	l.showMenu()
	next := poll{fresh: true, settled: true}
	for more := true; more; {
		var check, in time.Duration
		if replaced, check = l.replaced(); replaced {
			break
		}
		if in, more = l.poll(ctx, next); more {
			l.rest(next)
			next, more = l.wait(ctx, earlier(in, check))
		}
	}
	l.announce(ctx, []approval.Notice{{Event: approval.AgentStopped}})
	return replaced
}

// rest lets the agent use less memory until the next event: a burst of events is
// over, and no alert is on its way. It does not delay the next event.
func (l *Loop) rest(after poll) {
	if after.settled && !l.alerts.posting && l.edges.Rest != nil {
		l.helpers.Go(l.edges.Rest)
	}
}

// helpersEnd is how long Wait waits. Tools are killed when the context ends, and
// are gone within two seconds. A read from a file server that does not answer
// never ends.
const helpersEnd = 5 * time.Second

// Wait waits after Run until no tool of the loop runs any more, so that none
// outlives this process.
func (l *Loop) Wait() {
	ended := make(chan struct{})
	go func() {
		l.helpers.Wait()
		l.edges.Prober.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(helpersEnd):
		l.edges.Logger.Warn("the agent ends although a file or a tool still blocks it")
	}
}

// poll takes a snapshot and announces what is new. It returns when to poll again
// without an event; 0 means never. more is false when the agent must end.
func (l *Loop) poll(ctx context.Context, how poll) (again time.Duration, more bool) {
	now := l.edges.Clock.Now()
	l.readMemory(now)
	l.policy.begin(how, now)
	if !how.settled { // a window may have opened
		l.helpers.Go(func() { l.edges.Poster.Prepare(ctx) })
	}
	snap, more := l.snapshot(ctx, now, mac.Options{
		Fresh: how.fresh, Changed: !how.settled, Loading: how.loading, Requery: how.query, Attempts: l.attempts(),
	})
	if !more {
		return 0, false
	}
	watchApps(l.edges.Watcher, snap)
	// A click may have changed the settings and the memory meanwhile.
	rules := l.settings.Current().Approval()
	if wait := l.policy.starting(snap, now); wait > 0 {
		return wait, true
	}
	busy := isBusy(snap)
	if l.policy.noteBusy(busy, now) < busyFor && busy {
		return busyAgain, true
	}
	l.followLog(snap, l.status.Asking)
	snap.Gaps = append(snap.Gaps, l.gaps()...)
	snap.QuietUntil = l.policy.quietUntil
	status, mem := rules.Assess(l.mem, snap, now)
	notices, mem := rules.Tell(mem, status)
	if wait := l.policy.holdBack(snap, notices, now); wait > 0 {
		return wait, true
	}
	before := l.mem.OS
	l.mem, l.status = mem, status
	l.policy.accept(snap)
	l.announce(ctx, notices)
	l.introduceIcon(ctx, before)
	l.followLog(snap, status.Asking)
	l.closeDialog()
	l.showMenu()
	if l.edges.View != nil {
		l.edges.View.Show(status, notices)
	}
	return l.next(notices, busy, now), true
}

// watchApps makes the watcher notice changes of the applications where they are now.
func watchApps(w Watcher, snap probe.Snapshot) {
	for _, app := range snap.Apps {
		w.WatchApp(app.Path)
	}
}

// gaps are the missing facts that the snapshot does not report.
func (l *Loop) gaps() []probe.Gap {
	gaps := slices.Concat(l.edges.Watcher.Gaps(), l.store.Gaps(), l.settings.Gaps(), l.edges.Binary.gaps())
	if gap, missing := l.edges.Log.Gap(); missing {
		gaps = append(gaps, gap)
	}
	return gaps
}

// next returns how long to wait for the next poll; 0 means until an event.
func (l *Loop) next(notices []approval.Notice, busy bool, now time.Time) time.Duration {
	next, runs := l.status.Next()
	if !runs {
		next = 0
	}
	if query, wanted := l.edges.Prober.NextQuery(now); wanted {
		next = earlier(next, query)
	}
	next = earlier(next, l.store.Fleet.Due(now))
	switch {
	case l.policy.loading(notices, now) || l.status.Loading:
		return earlier(next, loadingEvery)
	case busy && next == 0:
		return busyLater
	}
	return next
}

// readMemory reads the memory of an earlier agent as soon as that is possible.
func (l *Loop) readMemory(now time.Time) {
	mem, warnings := l.store.CatchUp(l.mem, now)
	l.mem = mem
	for _, w := range warnings {
		l.edges.Logger.Warn(w)
	}
}

// earlier returns the shorter of two waits. A wait of 0 never ends.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

package loop

import (
	"context"
	"os"
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// Screen is the view of `kextwatch watch`. The first Show has no notices.
type Screen interface {
	View
	Resized() // the terminal has another size
	Close()
}

// Follower is the loop of `kextwatch watch`. It saves nothing and posts no alert,
// and it differs from Loop in when it shows a status: it waits for the end of a
// burst, and for tools unless a window opened. It polls every 15 seconds while
// something is left to do. Its first status comes even if the database is busy.
type Follower struct {
	Clock    probe.Clock
	Prober   Prober
	Watcher  Watcher
	Settings approval.Settings
	Memory   approval.Memory
	Missing  []probe.Gap // facts that stay missing
	Screen   Screen
	Resized  <-chan os.Signal // the terminal has another size
	Between  <-chan func()    // each is called between two snapshots
	shown    bool             // a status
	policy   policyState
}

// followAgain is the time between polls while something is left to do. Some
// changes raise no event, such as an extension that is loaded.
const followAgain = 15 * time.Second

// Run follows the Mac until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	defer f.Prober.Wait()
	defer f.Screen.Close()
	how, more := mac.Options{Fresh: true}, true
	for more {
		again := f.poll(ctx, how)
		how, more = f.wait(ctx, again)
	}
}

// poll takes a snapshot and shows it. It returns when to poll again without an
// event; 0 means never.
func (f *Follower) poll(ctx context.Context, how mac.Options) time.Duration {
	now := f.Clock.Now()
	f.policy.begin(poll{settled: true}, now)
	snap := f.Prober.SnapshotNow(ctx, now, how)
	if ctx.Err() != nil {
		return 0
	}
	watchApps(f.Watcher, snap)
	if wait := f.policy.starting(snap, now); wait > 0 {
		return wait
	}
	if f.shown && isBusy(snap) {
		return busyAgain
	}
	snap.Gaps = slices.Concat(snap.Gaps, f.Watcher.Gaps(), f.Missing)
	st, mem := f.Settings.Assess(f.Memory, snap, now)
	news, mem := f.Settings.Tell(mem, st)
	if !f.shown {
		news = nil // it was so before
	}
	if wait := f.policy.holdBack(snap, news, now); wait > 0 {
		return wait
	}
	f.Memory = mem
	f.shown = true
	f.policy.accept(snap)
	f.Screen.Show(st, news)
	next, runs := st.Next()
	switch {
	case runs:
	case atRest(st):
		next = 0
	default:
		next = followAgain
	}
	if query, planned := f.Prober.NextQuery(now); planned {
		next = earlier(next, query)
	}
	return next
}

// atRest reports whether nothing is left to do or to wait for.
func atRest(st approval.Status) bool {
	for _, p := range st.Products {
		if p.Verdict.NeedsAction() || p.Verdict == approval.Approved && !p.Loaded {
			return false
		}
	}
	return true
}

// wait returns when it is time to poll again, and how. more is false when ctx has
// ended. It waits for the end of a burst of events.
func (f *Follower) wait(ctx context.Context, again time.Duration) (how mac.Options, more bool) {
	var timer <-chan time.Time
	if again > 0 {
		timer = f.Clock.After(again)
	}
	for {
		select {
		case <-ctx.Done():
			return how, false
		case <-timer:
			return mac.Options{Loading: true}, true
		case <-f.Prober.Answers():
			return how, true
		case hint := <-f.Watcher.Hints():
			if hint.Settled || hint.Woke {
				return mac.Options{Fresh: hint.Woke}, true
			}
			if timer == nil {
				timer = f.Clock.After(followAgain) // in case the burst does not end
			}
		case do := <-f.Between:
			do()
			return mac.Options{Fresh: true}, true
		case <-f.Resized:
			f.Screen.Resized()
		}
	}
}

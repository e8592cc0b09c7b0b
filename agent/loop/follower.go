package loop

import (
	"context"
	"os"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// Followed shows a status and what has just happened; nothing, the first time.
type Followed interface {
	Show(st approval.Status, news []approval.Notice)
	Resized() // the terminal has another size
	Close()
}

// Follower looks at a Mac whenever it may have changed. Unlike the agent it
// keeps what it remembers to itself.
type Follower struct {
	Clock   probe.Clock
	Probe   func(ctx context.Context, now time.Time, how mac.How) probe.Snapshot
	Judging approval.Settings
	Hints   Watcher
	Mem     approval.Memory
	Shown   Followed
	Resized <-chan os.Signal // the terminal has another size
	looked  bool             // once at least
}

// followAgain is how often what raises no event, such as an extension being
// loaded, is looked at while there is something left to do.
const followAgain = 15 * time.Second

func (f *Follower) Run(ctx context.Context) {
	defer f.Shown.Close()
	for fresh, more := true, true; more; {
		again := f.look(ctx, fresh)
		fresh, more = f.wait(ctx, again)
	}
}

// look looks once and shows what it found. It returns when to look again by
// itself; 0: only when something happens.
func (f *Follower) look(ctx context.Context, fresh bool) time.Duration {
	now := f.Clock.Now()
	snap := f.Probe(ctx, now, mac.How{Fresh: fresh, Others: f.Judging.Vendors.Others()})
	if ctx.Err() != nil {
		return 0
	}
	if f.looked && snap.Policy == nil && len(snap.Sources) > 0 && snap.Sources[0].State == probe.Busy {
		return busyAgain // what was shown a moment ago is better than nothing
	}
	snap.Gaps = append(snap.Gaps, f.Hints.Gaps()...)
	st, mem := f.Judging.Assess(f.Mem, snap, now)
	news, mem := f.Judging.Tell(mem, st)
	f.Mem = mem
	if !f.looked {
		news = nil // not news: it was so before
	}
	f.looked = true
	f.Shown.Show(st, news)
	next, runs := st.Next()
	switch {
	case runs:
		return next
	case atRest(st):
		return 0
	}
	return followAgain
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

// wait ends when it is time to look again, and says whether also at what
// raises no event; more is false when it is time to end. In the middle of a
// burst of changes it waits for the end of it.
func (f *Follower) wait(ctx context.Context, again time.Duration) (fresh, more bool) {
	var timer <-chan time.Time
	if again > 0 {
		timer = f.Clock.After(again)
	}
	for {
		select {
		case <-ctx.Done():
			return false, false
		case <-timer:
			return true, true
		case hint := <-f.Hints.Hints():
			if hint.Settled || hint.Woke {
				return hint.Woke, true
			}
			if timer == nil {
				timer = f.Clock.After(followAgain) // a burst that never ends
			}
		case <-f.Resized:
			f.Shown.Resized()
		}
	}
}

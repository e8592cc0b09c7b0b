package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"kextwatch/probe"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

// Watcher says when to look at a Mac again: its policy database, the published
// policy, Parallels Desktop, or the extension folders may have changed.
//
// It watches these paths, or their nearest existing ancestors until they come
// into being, and follows them when they are removed, replaced or made again.
// Besides, it compares their stat every 10 minutes, and every minute while
// events are missing.
type Watcher struct {
	mac   root.FS
	also  []string
	hints chan probe.Hint

	open                  func() (*fsnotify.Watcher, error)
	clocks                func() clocks
	liveEvery, blindEvery time.Duration

	// Owned by the goroutine of run.
	events   *fileEvents
	paths    *probe.Debounce // when to see whether the spots are still the right ones
	facts    *probe.Debounce // when to hand out a hint
	backstop *time.Timer
	stamps   []root.Stamp // as they were at the last hint
	clock    clocks       // as they were at the last hint or backstop
	woke     bool
	again    int       // how often a directory that vanished was tried again, without success
	quiet    time.Time // the last backstop that found the stamps of the last hint
	jumped   time.Time // when the clocks were last seen to have jumped
	overdue  bool      // the root reader had not run in time at the last backstop

	mu   sync.Mutex
	gaps []probe.Gap
}

// mostAgain bounds how often a directory is tried again at once: a fault must not
// keep the agent busy.
const mostAgain = 5

// New watches m until ctx ends. No change made after it returned is missed
// for longer than the backstop takes. What cannot be watched is told by Gaps.
//
// also names files of this machine in which a change is not urgent: they are
// only compared, by the backstop.
func New(ctx context.Context, m root.FS, also ...string) *Watcher {
	w := newWatcher(m)
	w.also = also
	w.start(ctx)
	return w
}

func newWatcher(m root.FS) *Watcher {
	return &Watcher{
		mac:        m,
		hints:      make(chan probe.Hint, 1),
		open:       fsnotify.NewWatcher,
		clocks:     systemClocks(),
		liveEvery:  liveEvery,
		blindEvery: blindEvery,
	}
}

// Hints has one slot: a new hint replaces one that was not taken. The channel
// is closed when ctx has ended and nothing is watched any more.
func (w *Watcher) Hints() <-chan probe.Hint { return w.hints }

// Gaps are the reasons why live events are missing now; none if all is well.
// A hint comes when they change. It may be called from any goroutine.
func (w *Watcher) Gaps() []probe.Gap {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.gaps)
}

func (w *Watcher) start(ctx context.Context) {
	w.paths, w.facts = probe.NewDebounce(), probe.NewDebounce()
	w.backstop = time.NewTimer(w.liveEvery)
	w.stamps, w.clock = StampAll(w.mac, w.also), w.clocks()
	w.arm(FindSpots(w.mac))
	w.noteGaps()
	go w.run(ctx)
}

func (w *Watcher) run(ctx context.Context) {
	defer close(w.hints)
	defer func() { w.events.close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.events.counted:
			w.facts.Touch()
		case <-w.events.moved:
			w.paths.Touch()
		case w.events.broken = <-w.events.errs:
			w.paths.Touch()
		case <-w.paths.Timer.C:
			w.paths.Fired()
			w.follow(false)
		case <-w.facts.Timer.C:
			w.hint(w.facts.Fired())
		case <-w.backstop.C:
			w.noteSleep()
			if w.woke {
				w.facts.Touch()
			}
			w.follow(true)
			w.backstop.Reset(w.every())
		}
	}
}

func (w *Watcher) hint(settled bool) {
	w.noteSleep()
	w.stamps = StampAll(w.mac, w.also)
	probe.OfferHint(w.hints, probe.Hint{Settled: settled, Woke: w.woke, QuietUntil: w.quiet})
	w.woke, w.quiet = false, time.Time{}
}

func (w *Watcher) noteSleep() {
	now := w.clocks()
	if w.clock.jumped(now) {
		w.woke, w.jumped = true, now.wall
	}
	w.clock = now
}

// follow sees to it that what should be watched is watched, and asks for a
// hint where something changed, also without an event. What failed is tried
// again only on retry, so that a fault cannot keep the agent busy.
func (w *Watcher) follow(retry bool) {
	spots := FindSpots(w.mac)
	covered := w.events.cover(spots)
	switch {
	case !covered, retry && w.events.broken != nil:
		w.events.close()
		w.arm(spots)
	case retry:
		w.events.retry()
	case w.events.vanished() && w.again < mostAgain:
		w.again++
		w.events.retry()
		w.paths.Touch()
	}
	if !w.events.vanished() {
		w.again = 0
	}
	w.events.addFiles()
	gapsChanged := w.noteGaps()
	before := time.Now()
	unchanged := slices.Equal(w.stamps, StampAll(w.mac, w.also))
	if retry && unchanged && w.facts.Idle() && w.stamps[0] != (root.Stamp{}) { // zero: stat is refused
		w.quiet = before
	}
	overdueChanged := retry && w.noteReader()
	if !covered || gapsChanged || !unchanged || overdueChanged {
		w.facts.Touch()
	}
}

// arm watches the spots, and looks again soon: they may have moved meanwhile.
func (w *Watcher) arm(spots []spot) {
	w.events = openEvents(w.open, spots)
	w.paths.Touch()
}

func (w *Watcher) noteGaps() (changed bool) {
	gaps := w.events.gaps()
	changed = !slices.Equal(gaps, w.gaps)
	if len(gaps) > 0 && len(w.gaps) == 0 {
		w.backstop.Reset(w.blindEvery)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gaps = gaps
	return changed
}

// noteReader sees whether the root reader stopped to run, or runs again: its
// runs raise no event where nothing changed.
func (w *Watcher) noteReader() (changed bool) {
	run, err := policy.ReadLastRun(w.mac)
	now := w.clock.wall
	overdue := err == nil && !policy.Recent(run.At, now) && !policy.Recent(w.jumped, now)
	changed = overdue != w.overdue
	w.overdue = overdue
	return changed
}

func (w *Watcher) every() time.Duration {
	if len(w.gaps) > 0 {
		return w.blindEvery
	}
	return w.liveEvery
}

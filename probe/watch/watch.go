// Package watch reports when to take a snapshot of a Mac again: when files that
// matter may have changed, and after the Mac slept.
//
// It reports hints, never facts. It watches only a few folders, because on
// macOS each entry of a watched folder costs a file descriptor, and it reads no
// file except the record of the root reader's last run. It writes nothing. How
// macOS reports file events is from fsnotify's kqueue backend and its issues;
// what SQLite writes, and when, is from SQLite's documentation and our tests.
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

// Watcher sends a hint when the policy database, the published policy, Parallels
// Desktop or the extension folders may have changed.
//
// It watches these paths, and Parallels Desktop at the place that WatchApp names. Above
// a missing path, it watches the nearest folder that exists. It follows paths that are
// removed, replaced or created again. It also compares their stamps every 10 minutes,
// or every minute while events are missing: this is the backstop.
//
// On macOS, a folder with more than 64 entries is not watched, only the files
// that matter in it. If it is one of these paths, events are missing, and Gaps
// says so. If it is only above a missing path, no event is missing: the backstop,
// and the last hint of a burst, look for the path. So with 300 apps, Parallels Desktop
// is noticed up to 10 minutes after its installation, but at once when it first loads
// its extensions, because that changes the policy database.
type Watcher struct {
	mac   root.FS
	also  []string
	hints chan probe.Hint

	open                  func() (*fsnotify.Watcher, error)
	clocks                func() clocks
	liveEvery, blindEvery time.Duration
	limit                 int // of the entries of a watched folder

	appMoved chan struct{} // wanted has changed

	// Owned by the goroutine of run.
	app      string // Parallels Desktop, if it is at another place
	events   *fileEvents
	paths    *probe.Debounce // fires when the spots may have changed
	facts    *probe.Debounce // fires when a hint is due
	backstop *time.Timer
	stamps   []root.Stamp // of the Mac, at the last hint of the last burst
	clock    clocks       // at the last hint or backstop
	woke     bool
	retries  int       // failed retries in a row of a folder that vanished
	quiet    time.Time // the last backstop that found the stamps of the last hint
	jumped   time.Time // the last time at which the clocks had jumped
	overdue  bool      // at the last backstop, the root reader was overdue

	alsoStamps []root.Stamp // of also, at the last backstop

	mu     sync.Mutex
	gaps   []probe.Gap
	wanted string // the next app
}

// maxRetries limits the immediate retries for a folder, so that a fault does not
// keep the agent busy.
const maxRetries = 5

// New watches m until ctx ends. A change after New returned causes a hint, at
// the latest after the interval of the backstop. Gaps reports what cannot be
// watched.
//
// also names files of this machine whose changes are not urgent. They are not
// watched: only the backstop compares their stamps.
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
		appMoved:   make(chan struct{}, 1),
		open:       fsnotify.NewWatcher,
		clocks:     systemClocks(),
		liveEvery:  liveEvery,
		blindEvery: blindEvery,
		limit:      folderLimit(),
	}
}

// Hints returns a channel with one slot: a new hint replaces one that was not
// received. The channel is closed after ctx ended, when nothing is watched any
// more.
func (w *Watcher) Hints() <-chan probe.Hint { return w.hints }

// Gaps returns the reasons why events are missing now; empty if none are. A hint
// is sent when they change. It is safe for concurrent use.
func (w *Watcher) Gaps() []probe.Gap {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.gaps)
}

// WatchApp also watches Parallels Desktop at this place, instead of the last such
// place. The usual place is always watched, and a folder that FS.Reads does not allow
// is never. A hint follows if the place is new: the app may have changed before it was
// watched. It is safe for concurrent use.
func (w *Watcher) WatchApp(place string) {
	if place == "" || place == probe.ParallelsApp || !w.mac.Reads(place) {
		return
	}
	w.mu.Lock()
	changed := place != w.wanted
	w.wanted = place
	w.mu.Unlock()
	if changed {
		probe.Signal(w.appMoved)
	}
}

func (w *Watcher) moveApp() {
	w.mu.Lock()
	w.app = w.wanted
	w.mu.Unlock()
	w.events.close()
	w.arm(w.spots())
	w.noteGaps()
	w.facts.Touch()
}

// spots returns the folders to watch now.
func (w *Watcher) spots() []spot { return findSpots(w.mac, targetsWith(w.app), w.limit) }

func (w *Watcher) start(ctx context.Context) {
	w.paths, w.facts = probe.NewDebounce(), probe.NewDebounce()
	w.backstop = time.NewTimer(w.liveEvery)
	w.stamps, w.alsoStamps, w.clock = w.stampMac(), root.LocalStamps(w.also...), w.clocks()
	w.arm(w.spots())
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
		case <-w.appMoved:
			w.moveApp()
		case <-w.events.counted:
			w.facts.Touch()
		case <-w.events.committed:
			w.facts.Committed()
		case <-w.events.moved:
			w.paths.Touch()
		case w.events.broken = <-w.events.errs:
			w.paths.Touch()
		case <-w.paths.Timer.C:
			switch {
			case w.paths.Postpone(): // the hint comes first, if the same event causes one
			case w.paths.Fired():
				w.follow(update)
			default:
				w.follow(compare)
			}
		case <-w.facts.Timer.C:
			// In a transaction, a snapshot would still show the old rows, and delay the one
			// that shows the new ones.
			if w.events.transaction.Load() && w.facts.Postpone() {
				break
			}
			visible := w.facts.VisibleAt()
			w.hint(w.facts.Fired(), visible)
		case <-w.backstop.C:
			w.noteSleep()
			if w.woke {
				w.facts.Touch()
			}
			w.follow(retry)
			w.backstop.Reset(w.interval())
		}
	}
}

// hint offers a hint. Only the last one of a burst takes the stamps: the earlier ones are
// urgent, and nothing is compared until the last one.
func (w *Watcher) hint(settled bool, visible time.Time) {
	w.noteSleep()
	if settled {
		w.stamps = w.stampMac()
		if w.stamps[journalStamp] == (root.Stamp{}) {
			w.events.transaction.Store(false) // the event that tells its end was lost
		}
	}
	probe.OfferHint(w.hints, probe.Hint{Settled: settled, Woke: w.woke, QuietUntil: w.quiet, VisibleAt: visible})
	w.woke, w.quiet = false, time.Time{}
	if settled && slices.ContainsFunc(w.events.spots, func(s spot) bool { return s.full && !s.found }) {
		w.paths.Touch() // the missing path may exist now
	}
}

func (w *Watcher) noteSleep() {
	now := w.clocks()
	if w.clock.jumped(now) {
		w.woke, w.jumped = true, now.wall
	}
	w.clock = now
}

// effort is what follow does beside comparing.
type effort int

const (
	// compare leaves the watches alone during a burst of events. The kqueue
	// backend of fsnotify does not protect its list of watches: if a file is
	// removed while a watch is added or closed, it may close a descriptor twice,
	// which can belong to another file by then, and list a watch that has ended.
	compare effort = iota
	update         // also update the watches to the spots of now
	retry          // also retry failed watches: only the backstop, so that a fault does not keep the agent busy
)

// follow requests a hint if something changed, even without an event.
func (w *Watcher) follow(e effort) {
	moved := e >= update && w.rewatch(e == retry)
	gapsChanged := w.noteGaps()
	changed := w.changed(e == retry)
	overdueChanged := e == retry && w.noteReader()
	if moved || gapsChanged || changed || overdueChanged {
		w.facts.Touch()
	}
}

// rewatch updates the watches to the spots of now. It reports whether these
// moved.
func (w *Watcher) rewatch(retry bool) (moved bool) {
	spots := w.spots()
	moved = !w.events.cover(spots)
	switch {
	case moved, retry && w.events.broken != nil:
		w.events.close()
		w.arm(spots)
	case retry:
		w.events.retry()
	case w.events.vanished() && w.retries < maxRetries:
		w.retries++
		w.events.retry()
		w.paths.Touch()
	}
	if !w.events.vanished() {
		w.retries = 0
	}
	w.events.addFiles()
	return moved
}

// arm watches the spots. It checks them again soon: they may have changed
// between the search for them and the watch.
func (w *Watcher) arm(spots []spot) {
	w.events = openEvents(w.open, targetsWith(w.app), spots)
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

// noteReader checks whether the root reader has stopped running, or runs again.
// A run that changes nothing raises no event.
func (w *Watcher) noteReader() (changed bool) {
	run, err := policy.ReadLastRun(w.mac)
	now := w.clock.wall
	overdue := err == nil && !policy.Recent(run.At, now) && !policy.Recent(w.jumped, now)
	changed = overdue != w.overdue
	w.overdue = overdue
	return changed
}

// interval returns the interval of the backstop.
func (w *Watcher) interval() time.Duration {
	if len(w.gaps) > 0 {
		return w.blindEvery
	}
	return w.liveEvery
}

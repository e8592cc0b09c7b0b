package watch

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/fsnotify/fsnotify"

	"kextwatch/probe"
)

var errEventsEnded = errors.New("the system stopped reporting file changes")

// fileEvents is one set of watches with the goroutine that reads its events.
// When a folder was replaced, a new set is created: the kqueue backend of
// fsnotify keeps the files of a renamed folder open under their old names, and
// would report them as files of the new folder.
type fileEvents struct {
	targets   []target
	spots     []spot // for the targets, in their order
	watcher   *fsnotify.Watcher
	moved     chan struct{} // a file was created, removed or renamed: the spots may have changed
	counted   chan struct{} // a file that matters changed
	committed chan struct{} // SQLite removed the journal of the policy database: its transaction is visible
	errs      chan error
	ended     chan struct{}

	// SQLite is writing a transaction of the policy database with a rollback journal, as
	// far as events tell. If one is lost, or SQLite keeps its journal, the first hint of a
	// burst comes too early, or up to StormInterval late.
	transaction atomic.Bool

	// Owned by the goroutine that opened it.
	broken      error            // some or all events are missing
	failed      map[string]error // folders of this machine that could not be watched
	failedFiles map[string]error // files of the Mac that could not be watched
}

// openEvents watches the spots of the targets. It records failures in broken and failed.
func openEvents(open func() (*fsnotify.Watcher, error), targets []target, spots []spot) *fileEvents {
	e := &fileEvents{targets: targets, spots: spots, failed: map[string]error{}}
	if e.watcher, e.broken = open(); e.broken != nil {
		return e
	}
	e.moved = make(chan struct{}, 1)
	e.counted = make(chan struct{}, 1)
	e.committed = make(chan struct{}, 1)
	e.errs = make(chan error, 1)
	e.ended = make(chan struct{})
	go e.read()
	for _, s := range spots {
		if !s.full {
			e.add(s.dir)
		}
	}
	e.addFiles()
	return e
}

// close ends the watches and waits for the goroutine.
func (e *fileEvents) close() {
	if e.watcher == nil {
		return
	}
	e.watcher.Close()
	<-e.ended
}

func (e *fileEvents) add(dir string) {
	err := fs.ErrNotExist
	for try := 0; try < 3 && dir != "" && errors.Is(err, fs.ErrNotExist); try++ {
		// With kqueue, a folder cannot be watched if one of its entries vanishes
		// while fsnotify lists it. An incomplete watch would keep descriptors open.
		if err = e.watcher.Add(dir); err != nil {
			e.watcher.Remove(dir)
		}
	}
	if err != nil {
		e.failed[dir] = err
	} else {
		delete(e.failed, dir)
	}
}

// addFiles also watches the files that matter individually. With kqueue, the
// watch of a folder silently leaves out an unreadable file, and sometimes one
// that was replaced.
func (e *fileEvents) addFiles() {
	e.failedFiles = map[string]error{}
	for i, s := range e.spots {
		if !s.found || e.broken != nil {
			continue
		}
		for _, name := range e.targets[i].names {
			p := filepath.Join(s.dir, name)
			if info, err := os.Lstat(p); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if err := e.watcher.Add(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				e.failedFiles[path.Join(e.targets[i].dir, name)] = err
			}
		}
	}
}

// retry tries again to watch the folders that could not be watched.
func (e *fileEvents) retry() {
	for dir := range e.failed {
		e.add(dir)
	}
}

// vanished reports whether a folder was missing when it was to be watched. It may
// exist again, and no event would report that.
func (e *fileEvents) vanished() bool {
	for _, err := range e.failed {
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// cover reports whether exactly these spots are watched. A folder that could not
// be watched counts as watched, so that a fault does not cause constant retries.
func (e *fileEvents) cover(spots []spot) bool {
	if !slices.Equal(e.spots, spots) {
		return false
	}
	if e.broken != nil {
		return true
	}
	watched := e.watcher.WatchList()
	return !slices.ContainsFunc(spots, func(s spot) bool {
		return !s.full && e.failed[s.dir] == nil && !slices.Contains(watched, s.dir)
	})
}

// read never blocks on its channels: the inotify backend of fsnotify can hold a
// lock while it reports an error, and Add and Close need that lock.
func (e *fileEvents) read() {
	defer close(e.ended)
	errs := e.watcher.Errors
	for {
		select {
		case ev, ok := <-e.watcher.Events:
			if !ok {
				e.report(errEventsEnded)
				return
			}
			if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
				probe.Signal(e.moved)
			}
			journal := filepath.Base(ev.Name) == path.Base(probe.KextPolicyJournal)
			switch {
			case !e.counts(ev):
			case journal && ev.Has(fsnotify.Remove):
				e.transaction.Store(false)
				probe.Signal(e.committed)
			default:
				if journal && ev.Has(fsnotify.Create) {
					e.transaction.Store(true)
				}
				probe.Signal(e.counted)
			}
		case err, ok := <-errs:
			switch {
			case !ok:
				errs = nil
			case errors.Is(err, fsnotify.ErrEventOverflow):
				probe.Signal(e.moved)
				probe.Signal(e.counted)
			case errors.Is(err, syscall.EINVAL):
				// A folder was renamed and then removed: its watch had already ended.
				probe.Signal(e.moved)
			default:
				e.report(err)
			}
		}
	}
}

func (e *fileEvents) counts(ev fsnotify.Event) bool {
	dir, name := filepath.Dir(ev.Name), filepath.Base(ev.Name)
	// The root reader changes the time of the published file when it could not
	// publish.
	if ev.Op == fsnotify.Chmod && name != path.Base(probe.KextPolicy) && name != path.Base(probe.PublishedPolicy) {
		return false // SQLite, if root runs it, sets the owner of the -wal even when it only reads
	}
	for i, s := range e.spots {
		if s.found && s.dir == dir && (e.targets[i].names == nil || slices.Contains(e.targets[i].names, name)) {
			return true
		}
	}
	return false
}

func (e *fileEvents) report(err error) {
	select {
	case e.errs <- err:
	default: // one error is enough to know that events are missing
	}
}

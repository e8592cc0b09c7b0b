package watch

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/fsnotify/fsnotify"

	"kextwatch/probe"
)

var errEventsEnded = errors.New("the system stopped reporting changes of files")

// fileEvents is one set of watches with the goroutine that reads its events.
// When a directory was replaced, the whole set is made anew: fsnotify's kqueue
// half keeps the files of a renamed directory open under their old names, and
// would take them for those of the new one.
type fileEvents struct {
	spots   []spot
	watcher *fsnotify.Watcher
	moved   chan struct{} // a name came or went: a spot may be elsewhere now
	counted chan struct{} // something that matters changed
	errs    chan error
	ended   chan struct{}

	// Owned by the goroutine that opened it.
	broken      error            // events are missing, all of them perhaps
	failed      map[string]error // directories of this machine that could not be watched
	failedFiles map[string]error // files of the Mac that could not be
}

// openEvents watches the spots. What fails is noted in broken and failed.
func openEvents(open func() (*fsnotify.Watcher, error), spots []spot) *fileEvents {
	e := &fileEvents{spots: spots, failed: map[string]error{}}
	if e.watcher, e.broken = open(); e.broken != nil {
		return e
	}
	e.moved = make(chan struct{}, 1)
	e.counted = make(chan struct{}, 1)
	e.errs = make(chan error, 1)
	e.ended = make(chan struct{})
	go e.read()
	for _, s := range spots {
		e.add(s.dir)
	}
	e.addFiles()
	return e
}

// close ends the watches and waits until the goroutine is gone.
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
		// On kqueue an entry that vanishes while its directory is being listed
		// fails the whole directory; half-made watches would keep descriptors.
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

// addFiles watches the files that matter also by themselves: on kqueue an
// unreadable file is left out of its directory's watch without a word, and one
// that was swapped for another may be.
func (e *fileEvents) addFiles() {
	e.failedFiles = map[string]error{}
	for i, s := range e.spots {
		if !s.found || e.broken != nil {
			continue
		}
		for _, name := range targets[i].names {
			p := filepath.Join(s.dir, name)
			if info, err := os.Lstat(p); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if err := e.watcher.Add(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				e.failedFiles[path.Join(targets[i].dir, name)] = err
			}
		}
	}
}

// retry tries the directories again that could not be watched.
func (e *fileEvents) retry() {
	for dir := range e.failed {
		e.add(dir)
	}
}

// vanished reports whether a directory was gone when it was to be watched. It may
// be there again, and nobody would say so.
func (e *fileEvents) vanished() bool {
	for _, err := range e.failed {
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// cover reports whether exactly these spots are watched. What could not be
// watched counts as if it were, so that a fault is not tried again and again.
func (e *fileEvents) cover(spots []spot) bool {
	if !slices.Equal(e.spots, spots) {
		return false
	}
	if e.broken != nil {
		return true
	}
	watched := e.watcher.WatchList()
	return !slices.ContainsFunc(spots, func(s spot) bool {
		return e.failed[s.dir] == nil && !slices.Contains(watched, s.dir)
	})
}

// read never waits for its readers: fsnotify's inotify half can hold its lock
// while it reports an error, and Add and Close want that lock.
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
			if e.counts(ev) {
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
				// A directory renamed and then removed: its watch was already gone.
				probe.Signal(e.moved)
			default:
				e.report(err)
			}
		}
	}
}

func (e *fileEvents) counts(ev fsnotify.Event) bool {
	dir, name := filepath.Dir(ev.Name), filepath.Base(ev.Name)
	if ev.Op == fsnotify.Chmod && name != policyDatabase {
		return false // SQLite run by root sets the owner of -wal whenever it only reads
	}
	for i, s := range e.spots {
		if s.found && s.dir == dir && (targets[i].names == nil || slices.Contains(targets[i].names, name)) {
			return true
		}
	}
	return false
}

func (e *fileEvents) report(err error) {
	select {
	case e.errs <- err:
	default: // one is enough to know that events are missing
	}
}

package mac

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// A file on a share that does not answer, or on a disk that is failing, keeps
// a call about it waiting for minutes, and nothing can interrupt the call. So
// calls about files whose place somebody else chooses run in a goroutine of
// their own, and are left behind when they take too long.
const (
	fileLimit   = 2 * time.Second        // how long one call is waited for
	fileHurry   = 100 * time.Millisecond // the same while another call is late: many files may be on one dead share
	lateMost    = 8                      // calls that are late at once; then no new one is made
	latePause   = 30 * time.Second       // before a path that was late is tried again; doubles each time
	latePauseTo = 30 * time.Minute
	latePaths   = 256 // paths that are remembered as late
)

// ErrLate is the reason where a file did not answer in time.
var ErrLate = errors.New("did not answer in time")

// Files makes the calls about files that may wait for ever. Its zero value is
// ready. It may be used by several goroutines.
type Files struct {
	// Before is called before each call, in its goroutine, with the path that
	// it is about. Tests let it wait. nil: nothing is called.
	Before func(path string)

	mu      sync.Mutex
	waiting int // calls that are late and have not returned
	late    map[string]*latePath
}

// latePath is a path whose last call was late.
type latePath struct {
	waiting bool // the call has not returned
	pause   time.Duration
	again   time.Time // when it may be tried again, once the call has returned
}

// ownFiles makes the calls for paths of this machine, and for each Mac that
// has no Files of its own: how many calls may be late is a limit of the process.
var ownFiles = &Files{}

// InTime makes a call about a path of this machine and waits for it no longer
// than a file may take. Otherwise the error is ErrLate, and what the call
// returns later is dropped.
func InTime[T any](path string, call func() (T, error)) (T, error) {
	return inTime(ownFiles, path, call)
}

func (m Mac) files() *Files {
	if m.Files != nil {
		return m.Files
	}
	return ownFiles
}

func inTime[T any](f *Files, path string, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	limit, err := f.admit(path)
	if err != nil {
		return *new(T), err
	}
	answers := make(chan answer, 1)
	c := &fileCall{path: path}
	go func() {
		if f.Before != nil {
			f.Before(path)
		}
		value, err := call()
		answers <- answer{value, err}
		f.returned(c)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answers:
		f.answered(path)
		return a.value, a.err
	case <-timer.C:
	}
	if f.giveUp(c) {
		return *new(T), lateError(path)
	}
	a := <-answers // it came just now
	return a.value, a.err
}

// fileCall is one call. Files guards its fields.
type fileCall struct {
	path string
	late bool
	done bool
}

func lateError(path string) error { return fmt.Errorf("%s %w", path, ErrLate) }

// admit says how long a call may take, or why none is made now.
func (f *Files) admit(path string) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.late[path]; l != nil && (l.waiting || time.Now().Before(l.again)) {
		return 0, lateError(path)
	}
	switch {
	case f.waiting >= lateMost:
		return 0, fmt.Errorf("%s is not read while %d other files do not answer: %w", path, f.waiting, ErrLate)
	case f.waiting > 0:
		return fileHurry, nil
	}
	return fileLimit, nil
}

// giveUp leaves a call behind; false: it has just returned.
func (f *Files) giveUp(c *fileCall) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.done {
		return false
	}
	c.late = true
	f.waiting++
	l := f.late[c.path]
	if l == nil {
		l = &latePath{}
		f.remember(c.path, l)
	}
	l.waiting = true
	l.pause = min(max(latePause, 2*l.pause), latePauseTo)
	return true
}

// remember makes room by forgetting a path that is not waited for.
func (f *Files) remember(path string, l *latePath) {
	if f.late == nil {
		f.late = map[string]*latePath{}
	}
	for other, old := range f.late {
		if len(f.late) < latePaths {
			break
		}
		if !old.waiting {
			delete(f.late, other)
		}
	}
	f.late[path] = l
}

// returned notes that a call is over. A late one is tried again after a pause,
// since it may be late again.
func (f *Files) returned(c *fileCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.done = true
	if !c.late {
		return
	}
	f.waiting--
	if l := f.late[c.path]; l != nil {
		l.waiting, l.again = false, time.Now().Add(l.pause)
	}
}

// answered forgets that a path was late.
func (f *Files) answered(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.late, path)
}

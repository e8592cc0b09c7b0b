package root

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// A call about a file on a share that does not answer, or on a failing disk,
// takes minutes, and nothing can interrupt it. So each such call runs in its own
// goroutine, and the caller leaves it behind after a deadline.
const (
	FileLimit   = 2 * time.Second        // how long one call is waited for
	FileHurry   = 100 * time.Millisecond // the same while another call is late: many files may be on one dead share
	LateMost    = 8                      // calls that are late at once; then no new one is made
	latePause   = 30 * time.Second       // before a path that was late is tried again; doubles each time
	latePauseTo = 30 * time.Minute
	latePaths   = 256 // paths that are remembered as late
)

// ErrLate is the reason where a file did not answer in time.
var ErrLate = errors.New("did not answer in time")

// Files makes calls about files that may never return. Its zero value is ready
// to use, by several goroutines at once.
type Files struct {
	// Before runs before each call, in its goroutine, with the path of the
	// call. Tests block in it. It may be nil.
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

// ownFiles serves paths of this machine, and each Mac without Files of its own.
// There is one, because the limit of late calls is a limit of the process.
var ownFiles = &Files{}

// InTime makes a call about a path of this machine under a deadline. After the
// deadline the error is ErrLate, and a later result is dropped.
func InTime[T any](path string, call func() (T, error)) (T, error) {
	return CallInTime(ownFiles, path, call)
}

func (m FS) FileCalls() *Files {
	if m.Files != nil {
		return m.Files
	}
	return ownFiles
}

func CallInTime[T any](f *Files, path string, call func() (T, error)) (T, error) {
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
	case f.waiting >= LateMost:
		return 0, fmt.Errorf("%s is not read while %d other files do not answer: %w", path, f.waiting, ErrLate)
	case f.waiting > 0:
		return FileHurry, nil
	}
	return FileLimit, nil
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

// returned notes that a call is over. The path of a late call may be tried again
// after a pause.
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

package root

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// A system call about a file on a share that does not answer, or on a failing
// disk, takes minutes, and nothing can interrupt it. So each such call runs in
// its own goroutine, and the caller abandons it after a deadline.
const (
	// FileLimit is how long a caller waits for one call.
	FileLimit = 2 * time.Second
	// FileHurry replaces FileLimit while another call is late: many files may
	// be on one dead share.
	FileHurry = 100 * time.Millisecond
	// LateMost is the number of late calls at which no new call is made.
	LateMost = 8

	latePause   = 30 * time.Second // before a retry of a path that was late; doubles each time
	latePauseTo = 30 * time.Minute // the longest such pause
	latePaths   = 256              // late paths that are remembered
)

// ErrLate is returned for a file that did not answer in time.
var ErrLate = errors.New("did not answer in time")

// Files makes calls about files that may never return. Its zero value is ready
// to use. It is safe for concurrent use.
type Files struct {
	// Before runs before each call, in its goroutine, with the path of the
	// call, or its paths, each on a line. Tests block in it. It may be nil.
	Before func(path string)

	mu      sync.Mutex
	waiting int // calls that are late and have not returned
	late    map[string]*latePath
}

// latePath is a path whose last call was late.
type latePath struct {
	waiting bool // the call has not returned
	pause   time.Duration
	again   time.Time // the earliest retry, once the call has returned
}

// ownFiles serves the paths of this machine, and each FS without Files of its
// own. All of them share it because the limit of late calls is a limit of the
// process.
var ownFiles = &Files{}

// InTime makes a call about a path of this machine with a deadline. After the
// deadline it returns ErrLate and drops the result of the call.
func InTime[T any](path string, call func() (T, error)) (T, error) {
	return CallInTime(ownFiles, path, call)
}

// FileCalls returns the Files that make the calls of this Mac.
func (m FS) FileCalls() *Files {
	if m.Files != nil {
		return m.Files
	}
	return ownFiles
}

// CallInTime makes a call about a path with a deadline. It returns the result
// of the call, or ErrLate if the deadline passed, if the path was late a short
// while ago, or if too many other calls are late.
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
	a := <-answers // the answer arrived just now
	return a.value, a.err
}

// fileCall is one call. Files.mu guards its fields.
type fileCall struct {
	path string
	late bool
	done bool
}

func lateError(path string) error { return fmt.Errorf("%s %w", path, ErrLate) }

// admit returns how long a call may take, or an error if no call is made now.
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

// anyLate reports whether a call is late and has not returned.
func (f *Files) anyLate() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting > 0
}

// giveUp abandons a call. It returns false if the call has just returned.
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

// remember records a late path. If there are too many, it forgets others whose
// calls have returned.
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

// returned records that a call is over. After a pause, the path of a late call
// may be tried again.
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

// answered forgets that a path was late: a call about it returned in time.
func (f *Files) answered(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.late, path)
}

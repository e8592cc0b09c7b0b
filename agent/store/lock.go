package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"kextwatch/probe"
)

// The lock is an advisory lock on a file (flock). The kernel releases it when
// the agent ends, however it ends. The calls stay our own: github.com/gofrs/flock
// would add 8 KiB to the program and save no code, because the flags for a
// FIFO, the retry and the answers for doctor would remain.

// ErrRunning means that another agent of this user is running.
var ErrRunning = errors.New("kextwatch is already running for this user")

// doctor holds a shared lock for a moment. An agent that starts at that moment
// tries again.
const (
	lockTries = 6
	lockAgain = 20 * time.Millisecond
)

// Lock makes this the only agent of the user until the file is closed.
func Lock(p Places) (*os.File, error) {
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p.Lock, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		err := tryLock(f, syscall.LOCK_EX)
		if err == nil {
			return f, nil
		}
		if try == lockTries || !errors.Is(err, ErrRunning) {
			f.Close()
			return nil, err
		}
		time.Sleep(lockAgain)
	}
}

// AgentRuns reports whether an agent holds the lock.
func AgentRuns(p Places) probe.Answer {
	f, err := os.OpenFile(p.Lock, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return probe.No
	case err != nil:
		return ""
	}
	defer f.Close()
	switch err := tryLock(f, syscall.LOCK_SH); {
	case err == nil:
		return probe.No
	case errors.Is(err, ErrRunning):
		return probe.Yes
	}
	return ""
}

// tryLock returns ErrRunning if another process holds a lock that excludes this
// one.
func tryLock(f *os.File, kind int) error {
	err := syscall.Flock(int(f.Fd()), kind|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrRunning
	}
	return err
}

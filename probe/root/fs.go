// Package mac reads the facts of package probe from a Mac whose "/" is a
// directory: "/" itself on a Mac, another Mac's mounted disk, or a directory
// that passes for one.
//
// Every fact comes from a file, or from one of Apple's or Parallels' own
// tools, and both are looked up beneath Root. There is no code here that only
// a Mac could run, so what the tests run on Linux is what ships.
//
// All that is read is treated as hostile: sizes are capped, tools have a time
// limit and an output cap, nothing goes through a shell. What cannot be read
// becomes a probe.Gap, never a guess.
package root

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// FS is one Mac, seen through the directory that is its "/".
type FS struct {
	Root    string // absolute; "/" is the Mac this program runs on
	NoTools bool   // only read files: Root is another Mac's disk
	Home    string // the user's home, a path of this machine; empty: nobody's files are read
	UID     int    // the user
	Files   *Files // makes the calls about files; nil: those of this process
}

// Resolve turns a path of the Mac into one of this machine. Links beneath Root
// resolve beneath Root, absolute ones too, so a simulated Mac cannot lead to
// the files of the real one.
func (m FS) Resolve(name string) (string, error) {
	if m.Root == "/" {
		return filepath.Clean(name), nil
	}
	p, err := securejoin.SecureJoin(m.Root, name)
	if err != nil {
		return "", fmt.Errorf("resolving %s beneath %s: %w", name, m.Root, err)
	}
	return p, nil
}

// ReadFile reads a regular file of at most limit bytes, where it is within
// reach and answers in time. Anything else that a path can lead to (a pipe, a
// device, a directory) is refused without waiting.
func (m FS) ReadFile(name string, limit int64) ([]byte, error) {
	return At(m, name, m.Reads, func(p string) ([]byte, error) { return ReadRegular(p, limit) })
}

// ErrTooLarge is what ReadFile answers for a file above its limit.
var ErrTooLarge = errors.New("too large")

// ReadFile reads a regular file of this machine, of at most limit bytes. It
// never waits for one that is a pipe, and not long for one that does not answer.
func ReadFile(path string, limit int64) ([]byte, error) {
	return InTime(path, func() ([]byte, error) { return ReadRegular(path, limit) })
}

func ReadRegular(path string, limit int64) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpened(f, limit)
}

func readOpened(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is %w: larger than %d bytes", f.Name(), ErrTooLarge, limit)
	}
	return data, nil
}

var errNotRegular = errors.New("is not a regular file")

// Damaged reports whether an error of reading a file says that what lies there
// is not what it should be. Any other error may pass: the file may be whole.
func Damaged(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, errNotRegular) || errors.Is(err, ErrDamagedPlist)
}

// OpenRegular opens a regular file for reading; opening never blocks.
func OpenRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s %w", path, errNotRegular)
	}
	return f, nil
}

// listLimit is how many entries of a directory are looked at.
const listLimit = 256

// List names what a directory holds, sorted. Where it holds more than
// listLimit entries, some of them come with an error.
func (m FS) List(name string) ([]string, error) {
	return At(m, name, m.Reads, ListDir)
}

// ListDir is list for a path of this machine.
func ListDir(name string) ([]string, error) {
	dir, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(listLimit + 1)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("listing %s: %w", name, err)
	}
	if len(names) > listLimit {
		names, err = names[:listLimit], fmt.Errorf("%s has more than %d entries: only some were looked at", name, listLimit)
	} else {
		err = nil
	}
	slices.Sort(names)
	return names, err
}

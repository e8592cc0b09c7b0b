// Package root reads files of a Mac whose "/" is a directory: "/" itself on a
// Mac, the mounted disk of another Mac, or a simulated Mac.
//
// It resolves links beneath that directory, so a simulated Mac never leads to
// files of this machine. It limits the size of each file and the time of each
// call, and refuses pipes and devices. It does not read folders that macOS
// protects with a permission dialog, or that may be on a network volume; see
// FS.Reads. It knows nothing about the content of the files, except how to
// decode a property list and XML safely.
//
// The same code runs on macOS and on Linux, so the tests on Linux test what
// ships. The protected folders are those of Apple's privacy documentation.
package root

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// FS is the file system of one Mac, below the directory that is its "/".
type FS struct {
	Root    string // absolute, clean path; "/" is the Mac on which this program runs
	NoTools bool   // Root is the disk of another Mac: run no tools, only read files
	Home    string // the user's home, a path of this machine; empty: read no user's files
	UID     int    // the user
	Files   *Files // makes the calls about files; nil: the Files of this process

	paths *pathCache // of the folders; see WithPathCache
}

// Resolve converts a path of the Mac into a path of this machine. It resolves
// links beneath Root, including absolute ones, so a simulated Mac cannot lead to
// files of this machine.
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

// ReadFile reads a regular file of the Mac of at most limit bytes. It returns
// ErrOutside for a path that Reads does not allow, ErrLate for a file that does
// not answer in time, and ErrTooLarge. It refuses a pipe, a device or a
// directory without waiting.
func (m FS) ReadFile(name string, limit int64) ([]byte, error) {
	return At(m, name, func(p string) ([]byte, error) { return ReadRegular(p, limit) })
}

// ErrTooLarge is returned for a file above the limit.
var ErrTooLarge = errors.New("too large")

// ReadFile reads a regular file of this machine of at most limit bytes. It
// returns ErrLate for a file that does not answer in time, and ErrTooLarge. It
// refuses a pipe, a device or a directory without waiting.
func ReadFile(path string, limit int64) ([]byte, error) {
	return InTime(path, func() ([]byte, error) { return ReadRegular(path, limit) })
}

// ReadRegular is ReadFile without a deadline.
func ReadRegular(path string, limit int64) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpened(f, limit)
}

// ReadEnd returns the lines at the end of a regular file of this machine, at most limit
// bytes. Otherwise it is ReadFile.
func ReadEnd(path string, limit int64) ([]byte, error) {
	return InTime(path, func() ([]byte, error) {
		f, err := OpenRegular(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		start, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, err
		}
		start = max(0, start-limit)
		data, err := io.ReadAll(io.NewSectionReader(f, start, limit))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if start > 0 { // in a line
			_, data, _ = bytes.Cut(data, []byte("\n"))
		}
		return data, nil
	})
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

// Damaged reports whether err, from reading a file, means that the content is
// invalid. With any other error the file may be intact, and a retry may succeed.
func Damaged(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, errNotRegular) || errors.Is(err, ErrDamagedPlist)
}

// OpenRegular opens a regular file of this machine for reading. It never blocks
// on a pipe.
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

// listLimit is the number of entries of a directory that are read.
const listLimit = 256

// List returns the sorted names in a directory of the Mac. For a directory of
// more than listLimit entries it returns some of them and an error.
func (m FS) List(name string) ([]string, error) { return m.ListUpTo(name, listLimit) }

// ListUpTo is List with another limit.
func (m FS) ListUpTo(name string, limit int) ([]string, error) {
	return At(m, name, func(p string) ([]string, error) { return listDir(p, limit) })
}

// ListDir is List for a path of this machine, without a deadline.
func ListDir(name string) ([]string, error) { return listDir(name, listLimit) }

func listDir(name string, limit int) ([]string, error) {
	dir, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(limit + 1)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("listing %s: %w", name, err)
	}
	if len(names) > limit {
		names, err = names[:limit], fmt.Errorf("%s has more than %d entries: only some were read", name, limit)
	} else {
		err = nil
	}
	slices.Sort(names)
	return names, err
}

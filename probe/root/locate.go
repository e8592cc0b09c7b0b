package root

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// At makes a call about a path of the Mac with a deadline. The call receives the
// path of this machine. At returns ErrOutside for a path that Reads does not
// allow, and ErrLate after the deadline.
func At[T any](m FS, name string, call func(p string) (T, error)) (T, error) {
	return at(m, name, m.locate, call)
}

func at[T any](m FS, name string, locate func(name string) (string, error), call func(p string) (T, error)) (T, error) {
	return CallInTime(m.FileCalls(), name, func() (T, error) {
		p, err := locate(name)
		if err != nil {
			return *new(T), err
		}
		return call(p)
	})
}

// Stat returns the file info of a path of the Mac, and follows links. It returns
// ErrOutside for a path that Reads does not allow, and ErrLate.
func (m FS) Stat(name string) (fs.FileInfo, error) { return At(m, name, os.Stat) }

// ReadChosen reads a file of at most limit bytes that the user or an
// administrator chose. It returns ErrOutside (see Chosen), ErrLate and
// ErrTooLarge.
func (m FS) ReadChosen(name string, limit int64) ([]byte, error) {
	if err := m.Chosen(name); err != nil {
		return nil, err
	}
	return at(m, name, m.locateChosen, func(p string) ([]byte, error) { return ReadRegular(p, limit) })
}

// StatChosen is Stat for a file that the user or an administrator chose.
func (m FS) StatChosen(name string) (fs.FileInfo, error) {
	if err := m.Chosen(name); err != nil {
		return nil, err
	}
	return at(m, name, m.locateChosen, os.Stat)
}

// locate is Resolve for a path that will be read. Every step of the path, and of the
// links in it, must be allowed by Reads. The result has no links.
//
// A folder is located once in a moment (see WithPathCache), and then only the rest of a
// path is examined. securejoin walks to a step that is a link, and all of a path that is
// not clean. What an error says does not depend on the cache.
func (m FS) locate(name string) (string, error) {
	if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
		return m.walk(name, m.Reads)
	}
	cached, full, files := m.paths.counts(), strings.TrimSuffix(m.Root, "/"), reachable{m.Root, m.Reads}
	for rest, more := name[1:], true; more; {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		step := strings.TrimSuffix(name[:len(name)-len(rest)], "/")
		if cached {
			if folder, ok := m.paths.folder(step); ok {
				full = folder
				continue
			}
		}
		full += "/" + part
		info, err := files.Lstat(full)
		switch {
		case err != nil && !securejoin.IsNotExist(err):
			return "", err
		case err != nil:
		case info.Mode().Type() == fs.ModeSymlink:
			if full, err = m.walk(step, m.Reads); err != nil {
				return "", err
			}
			full = strings.TrimSuffix(full, "/")
		case cached && info.IsDir():
			m.paths.add(step, full)
		}
	}
	return cmp.Or(full, "/"), nil
}

// locateChosen is locate for a path that the user or an administrator chose.
func (m FS) locateChosen(name string) (string, error) { return m.walk(name, m.choosable) }

// walk is Resolve for a path of which every step must be allowed by within.
func (m FS) walk(name string, within func(name string) bool) (string, error) {
	full, err := securejoin.SecureJoinVFS(m.Root, name, reachable{m.Root, within})
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		failed.Path = filepath.Clean(failed.Path) // securejoin writes two slashes
	}
	return full, err
}

// reachable is a file system that refuses the paths that within does not allow.
type reachable struct {
	root   string
	within func(name string) bool
}

func (r reachable) Lstat(full string) (fs.FileInfo, error) {
	name := path.Clean("/" + strings.TrimLeft(strings.TrimPrefix(full, r.root), "/"))
	if !r.within(name) {
		return nil, fmt.Errorf("%s %w", name, ErrOutside)
	}
	return os.Lstat(full)
}

func (reachable) Readlink(full string) (string, error) { return os.Readlink(full) }

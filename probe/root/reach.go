package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// ErrOutside is the reason why a path is known by its name only. A call about it
// could make macOS ask the user for permission (Desktop, Documents, Downloads,
// iCloud, removable and network volumes), or mount a share.
var ErrOutside = errors.New("is outside the folders that kextwatch reads")

// readFolders are the folders of the boot volume that are read, with what lies
// beneath. Links on the way are followed only to another of them.
var readFolders = []string{
	"/Applications", "/Library", "/usr", "/opt", "/bin", "/sbin", "/dev/console",
	"/System/Library", "/System/Cryptexes",
	"/System/Volumes/Preboot/Cryptexes", // where /System/Cryptexes leads
	"/var/db", "/private/var/db",
	"/Users/Shared/Parallels",
}

// readInHome are the folders of the user's home that are read.
var readInHome = []string{
	"Applications", "Parallels", "Library/Preferences", "Library/Application Support/io.kextwatch.agent",
}

// dataVolume shows the folders of the boot volume a second time.
const dataVolume = "/System/Volumes/Data"

// Reads reports whether a path of the Mac may be examined and read.
func (m FS) Reads(name string) bool {
	name = onBootVolume(name)
	onTheWay := func(folder string) bool { return beneath(name, folder) || beneath(folder, name) }
	if slices.ContainsFunc(readFolders, onTheWay) {
		return true
	}
	home := m.homeOnMac()
	return home != "" && slices.ContainsFunc(readInHome, func(folder string) bool { return onTheWay(home + "/" + folder) })
}

// Chosen is an error where a path that the user or an administrator chose, of a
// program to run or a table to read, is in a place that macOS guards or that
// may not answer.
func (m FS) Chosen(name string) error {
	if !path.IsAbs(name) || !m.choosable(path.Clean(name)) {
		return fmt.Errorf("%s %w: move it, for example to /Users/Shared", name, ErrOutside)
	}
	return nil
}

// choosable allows more than reads does: all of the boot volume but what macOS
// guards in homes.
func (m FS) choosable(name string) bool {
	name = onBootVolume(name)
	parts := partsOf(name[1:])
	switch {
	case parts.is(0, "Volumes", "Network", "net", "home"), strings.HasPrefix(name, "/."): // "/.vol" names any file
		return false
	case parts.is(0, "System"):
		return m.Reads(name)
	}
	var inHome pathParts
	home := m.homeOnMac()
	if rest, ok := restIn(name, home); ok && home != "" {
		inHome = partsOf(rest)
	} else if parts.is(0, "Users") && len(parts) > 2 {
		inHome = parts[2:]
	}
	switch {
	case inHome.is(0, "Desktop", "Documents", "Downloads", "Movies", "Music", "Pictures", ".Trash"):
		return false
	case inHome.is(0, "Library") && len(inHome) > 1:
		return inHome.is(1, "Application Support", "Preferences", "Scripts")
	}
	return true
}

// onBootVolume is a clean path without the prefix under which the boot volume
// shows its own folders again.
func onBootVolume(name string) string {
	name = path.Clean("/" + name)
	for {
		rest, ok := restIn(name, dataVolume)
		if !ok {
			return name
		}
		name = "/" + rest
	}
}

// Elsewhere reports whether a path is not part of this Mac: it is on another
// volume, in a Trash, or a copy that macOS runs from a random place.
func Elsewhere(name string) bool {
	parts := partsOf(onBootVolume(name)[1:])
	for i := range parts {
		if parts.is(i, ".Trash", "AppTranslocation") {
			return true
		}
	}
	return parts.is(0, "Volumes", "Network", "net")
}

// pathParts are the names on a path, from the first folder on.
type pathParts []string

func partsOf(rest string) pathParts { return strings.Split(rest, "/") }

func (p pathParts) is(i int, names ...string) bool {
	return i < len(p) && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(p[i], name) })
}

// beneath reports whether a clean path is the folder or lies in it.
func beneath(name, folder string) bool {
	_, ok := restIn(name, folder)
	return ok
}

// restIn is the rest of a clean path in a folder, without a slash at its start.
// The boot volume does not tell upper from lower case, as it is by default.
func restIn(name, folder string) (rest string, ok bool) {
	name, folder = strings.TrimPrefix(name, "/"), strings.TrimPrefix(folder, "/")
	for folder != "" {
		var part, wanted string
		part, name, _ = strings.Cut(name, "/")
		wanted, folder, _ = strings.Cut(folder, "/")
		if !strings.EqualFold(part, wanted) {
			return "", false
		}
	}
	return name, true
}

// homeOnMac is the user's home as a path of the Mac; empty where it is none.
func (m FS) homeOnMac() string {
	inside, err := filepath.Rel(m.Root, m.Home)
	if m.Home == "" || err != nil || !filepath.IsLocal(inside) || inside == "." {
		return ""
	}
	return "/" + inside
}

// locate is Resolve for a path that will be examined or read: every step of it,
// and of the links on the way, must be within reach. The result has no links.
func (m FS) locate(name string, within func(name string) bool) (string, error) {
	return securejoin.SecureJoinVFS(m.Root, name, reachable{m.Root, within})
}

// reachable answers for the paths within reach only.
type reachable struct {
	root   string
	within func(name string) bool
}

func (r reachable) check(full string) error {
	name := path.Clean("/" + strings.TrimPrefix(full, r.root))
	if !r.within(name) {
		return fmt.Errorf("%s %w", name, ErrOutside)
	}
	return nil
}

func (r reachable) Lstat(full string) (fs.FileInfo, error) {
	if err := r.check(full); err != nil {
		return nil, err
	}
	return os.Lstat(full)
}

func (r reachable) Readlink(full string) (string, error) { return os.Readlink(full) }

// At makes a call about a path of the Mac that is within reach, in time. The
// call gets the path of this machine.
func At[T any](m FS, name string, within func(string) bool, call func(p string) (T, error)) (T, error) {
	return CallInTime(m.FileCalls(), name, func() (T, error) {
		p, err := m.locate(name, within)
		if err != nil {
			return *new(T), err
		}
		return call(p)
	})
}

// Stat follows links.
func (m FS) Stat(name string) (fs.FileInfo, error) { return At(m, name, m.Reads, os.Stat) }

// ReadChosen reads a file that the user or an administrator chose, of at most
// limit bytes.
func (m FS) ReadChosen(name string, limit int64) ([]byte, error) {
	if err := m.Chosen(name); err != nil {
		return nil, err
	}
	return At(m, name, m.choosable, func(p string) ([]byte, error) { return ReadRegular(p, limit) })
}

// StatChosen is stat for such a file.
func (m FS) StatChosen(name string) (fs.FileInfo, error) {
	if err := m.Chosen(name); err != nil {
		return nil, err
	}
	return At(m, name, m.choosable, os.Stat)
}

package root

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kextwatch/probe"
)

// ErrOutside is returned for a path that kextwatch does not access. A call about
// it could make macOS ask the user for permission (Desktop, Documents,
// Downloads, iCloud, removable and network volumes), or mount a share.
var ErrOutside = errors.New("is outside the folders that kextwatch reads")

// readFolders are the folders of the boot volume that may be read, with all
// folders beneath. A link is followed only if it leads to one of them.
var readFolders = []string{
	"/Applications", "/Library", "/usr", "/opt", "/bin", "/sbin", "/dev/console",
	"/System/Library", "/System/Cryptexes",
	"/System/Volumes/Preboot/Cryptexes", // the target of /System/Cryptexes
	"/var/db", "/private/var/db",
	"/Users/Shared/Parallels",
}

// readInHome are the folders of the user's home that may be read.
var readInHome = []string{
	"Applications", "Parallels", "Library/Preferences", "Library/Application Support/io.kextwatch.agent",
}

// dataVolume is a second path to the folders of the boot volume.
const dataVolume = "/System/Volumes/Data"

// Reads reports whether a path of the Mac may be examined and read.
func (m FS) Reads(name string) bool {
	name = OnBootVolume(name)
	onTheWay := func(folder string) bool { return beneath(name, folder) || beneath(folder, name) }
	if slices.ContainsFunc(readFolders, onTheWay) {
		return true
	}
	home := m.HomeOnMac()
	return home != "" && slices.ContainsFunc(readInHome, func(folder string) bool { return onTheWay(home + "/" + folder) })
}

// Chosen checks a path that the user or an administrator chose, of a program to
// run or a table to read. It returns ErrOutside if macOS protects the folder, or
// if it may be on a volume that does not answer.
func (m FS) Chosen(name string) error {
	if !path.IsAbs(name) || !m.choosable(path.Clean(name)) {
		return fmt.Errorf("%s %w: move it, for example to /Users/Shared", name, ErrOutside)
	}
	return nil
}

// choosable allows more than Reads: the whole boot volume except the folders
// that macOS protects in homes.
func (m FS) choosable(name string) bool {
	name = OnBootVolume(name)
	parts := partsOf(name[1:])
	switch {
	case parts.is(0, "Volumes", "Network", "net", "home"), strings.HasPrefix(name, "/."): // "/.vol" can name any file
		return false
	case parts.is(0, "System"):
		return m.Reads(name)
	}
	var inHome pathParts
	home := m.HomeOnMac()
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

// OnBootVolume returns a clean path without the prefix of the data volume.
func OnBootVolume(name string) string {
	if !path.IsAbs(name) {
		name = "/" + name // Clean copies nothing if a path is clean already
	}
	name = path.Clean(name)
	for {
		rest, ok := restIn(name, dataVolume)
		if !ok {
			return name
		}
		name = "/" + rest
	}
}

// Elsewhere reports whether a program at this path is not installed on this Mac:
// the path is discarded, outside the boot volume (another disk, a disk image, a
// share), or a translocated copy that macOS runs from a random path. A copy that
// was staged from such a path is not installed either.
func Elsewhere(name string) bool {
	return Translocated(name) || VolumeOf(name) != "" || Discarded(name)
}

// Translocated reports whether a path is in the folder from which macOS runs a
// downloaded app that was not moved.
func Translocated(name string) bool { return partsOnMac(name).has("AppTranslocation") }

// VolumeOf returns the folder of the volume of a path that is outside the boot volume,
// in lower case; otherwise "".
func VolumeOf(name string) string {
	parts := partsOnMac(name)
	if !parts.is(0, "Volumes", "Network", "net") {
		return ""
	}
	return strings.ToLower("/" + path.Join(parts[:min(2, len(parts))]...))
}

// Discarded reports whether a path is in a Trash or in a backup of Time Machine.
// macOS runs nothing from there.
func Discarded(name string) bool {
	return partsOnMac(name).has(".Trash", ".Trashes", "Backups.backupdb", ".MobileBackups", ".MobileBackups.trash", ".timemachine")
}

func partsOnMac(name string) pathParts {
	return partsOf(OnBootVolume(probe.Unstaged(OnBootVolume(name)))[1:])
}

// pathParts are the names in a path, beginning with the first folder.
type pathParts []string

func partsOf(rest string) pathParts { return strings.Split(rest, "/") }

func (p pathParts) is(i int, names ...string) bool {
	return i < len(p) && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(p[i], name) })
}

// has reports whether one of the names is in the path.
func (p pathParts) has(names ...string) bool {
	for i := range p {
		if p.is(i, names...) {
			return true
		}
	}
	return false
}

// beneath reports whether a clean path is the folder or lies in it.
func beneath(name, folder string) bool {
	_, ok := restIn(name, folder)
	return ok
}

// restIn returns the part of a clean path below a folder, without a leading
// slash. It ignores case, like the default file system of the boot volume.
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

// HomeOnMac returns the user's home as a path of the Mac; empty if the home is
// not on the Mac.
func (m FS) HomeOnMac() string {
	inside, err := filepath.Rel(m.Root, m.Home)
	if m.Home == "" || err != nil || !filepath.IsLocal(inside) || inside == "." {
		return ""
	}
	return "/" + inside
}

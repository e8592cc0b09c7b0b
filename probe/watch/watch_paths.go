package watch

import (
	"os"
	"path"
	"path/filepath"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// target is a directory of the Mac in which changes matter.
type target struct {
	dir   string
	names []string // the entries that matter; none: all of them
}

const (
	policyDatabase = "KextPolicy"
)

// Directories are watched rather than files, because a file replaced by rename
// takes its watch with it. None is watched with what lies beneath: on a Mac
// every entry of a watched directory costs a file descriptor.
//
// The policy directory also holds ExecPolicy, written whenever a program
// starts, and KextPolicy-shm, which says nothing that -wal does not: neither
// counts. Of the application both the bundle and its Contents are watched,
// because a renamed parent raises no event on its children.
var targets = []target{
	{probe.PolicyFolder, []string{policyDatabase, "KextPolicy-wal", "KextPolicy-journal"}},
	{probe.SupportFolder, []string{"policy.plist"}},
	{probe.ParallelsApp, []string{"Contents"}},
	{probe.ParallelsApp + "/Contents", []string{"Info.plist", "Library"}},
	{probe.Extensions, nil},
	{probe.StagedExtensions, nil},
	{probe.SystemExtensions, nil},
}

// spot is the directory of this machine to watch for a target now.
type spot struct {
	dir   string // without links; "" when not even Root is there
	id    root.FileID
	found bool // it is the target itself, not its nearest existing ancestor
}

// FindSpots finds the directory to watch for each of the targets, in their order.
func FindSpots(m root.FS) []spot {
	all := make([]spot, len(targets))
	for i, t := range targets {
		all[i] = findSpot(m, t.dir)
	}
	return all
}

func findSpot(m root.FS, name string) spot {
	found, err := root.At(m, name, m.Reads, func(target string) (spot, error) { return nearest(m, target), nil })
	if err != nil {
		if name == "/" {
			return spot{}
		}
		above := findSpot(m, path.Dir(name)) // a folder on the way may not be entered, or does not answer
		above.found = false
		return above
	}
	return found
}

// nearest is the spot for a directory of this machine.
func nearest(m root.FS, target string) spot {
	top := filepath.Clean(m.Root)
	for dir := target; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			// On kqueue fsnotify never stops listing a watch that was added
			// through a link, even when it has ended.
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				return spot{real, root.Identify(info), dir == target}
			}
		}
		if dir == top || dir == "/" {
			return spot{}
		}
	}
}

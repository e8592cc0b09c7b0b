package watch

import (
	"os"
	"path"
	"path/filepath"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// target is a folder of the Mac in which changes matter.
type target struct {
	dir   string
	names []string // the entries that matter; empty: all of them
}

// targets are folders and not files, because the watch of a file follows the
// file when another one replaces it by rename. Subfolders are not watched: on a
// Mac, every entry of a watched folder costs a file descriptor.
//
// The policy folder also holds ExecPolicy, which macOS writes whenever a program
// starts, and KextPolicy-shm, which adds nothing to the -wal. Neither matters.
// Both the bundle of the application and its Contents are watched, because a
// renamed parent raises no event on its children.
var targets = []target{
	{probe.PolicyFolder, baseNames(probe.KextPolicyFiles[:])},
	{probe.SupportFolder, []string{path.Base(probe.PublishedPolicy)}},
	{probe.ParallelsApp, []string{"Contents"}},
	{probe.ParallelsApp + "/Contents", []string{"Info.plist", "Library"}},
	{probe.Extensions, nil},
	{probe.StagedExtensions, nil},
	{probe.SystemExtensions, nil},
}

func baseNames(paths []string) []string {
	var names []string
	for _, p := range paths {
		names = append(names, path.Base(p))
	}
	return names
}

// spot is the folder of this machine to watch for a target now.
type spot struct {
	dir   string // without links; empty if even Root is missing
	id    root.FileID
	found bool // it is the target itself; false: the nearest existing folder above
}

// findSpots returns the folder to watch for each of the targets, in their order.
func findSpots(m root.FS) []spot {
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
		above := findSpot(m, path.Dir(name)) // a folder of the path denies access or does not answer
		above.found = false
		return above
	}
	return found
}

// nearest returns the spot for a folder of this machine.
func nearest(m root.FS, target string) spot {
	top := filepath.Clean(m.Root)
	for dir := target; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			// With kqueue, fsnotify keeps listing a watch that was added through
			// a link even after it has ended.
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				return spot{real, root.Identify(info), dir == target}
			}
		}
		if dir == top || dir == "/" {
			return spot{}
		}
	}
}

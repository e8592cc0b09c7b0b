package watch

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

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
// Of the places of kexts, only the two are watched that hold little else. The kexts in
// apps and in /Library/Application Support are noticed with the next change of the
// policy, which a load attempt makes.
//
// Both the bundle of the application and its Contents are watched, because a
// renamed parent raises no event on its children.
var targets = slices.Concat(
	[]target{
		{probe.PolicyFolder, baseNames(probe.KextPolicyFiles[:])},
		{probe.SupportFolder, []string{path.Base(probe.PublishedPolicy)}},
	},
	appTargets(probe.ParallelsApp),
	[]target{
		{probe.Extensions, nil},
		{probe.Filesystems, nil},
		{probe.StagedExtensions, nil},
		{probe.SystemExtensions, nil},
	},
)

func appTargets(app string) []target {
	return []target{{app, []string{"Contents"}}, {app + "/Contents", []string{"Info.plist", "Library"}}}
}

// targetsWith returns the targets of a Mac with Parallels Desktop at another place. app
// is empty if it is not at another place.
func targetsWith(app string) []target {
	if app == "" {
		return targets
	}
	return append(slices.Clone(targets), appTargets(app)...)
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
	full  bool // it has too many entries to be watched
}

// folderLimit returns how many entries a watched folder may have. With kqueue,
// each entry costs a file descriptor; /Applications may have hundreds.
func folderLimit() int {
	if runtime.GOOS == "linux" { // inotify
		return math.MaxInt
	}
	return 64
}

// findSpots returns the folder to watch for each of the targets, in their order.
func findSpots(m root.FS, targets []target, limit int) []spot {
	all := make([]spot, len(targets))
	for i, t := range targets {
		all[i] = findSpot(m, t.dir, limit)
	}
	return all
}

func findSpot(m root.FS, name string, limit int) spot {
	found, err := root.At(m, name, func(target string) (spot, error) { return nearest(m, target, limit), nil })
	if err != nil {
		if name == "/" {
			return spot{}
		}
		above := findSpot(m, path.Dir(name), limit) // a folder of the path denies access or does not answer
		above.found = false
		return above
	}
	return found
}

// nearest returns the spot for a folder of this machine.
func nearest(m root.FS, target string, limit int) spot {
	top := filepath.Clean(m.Root)
	for dir := target; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			// With kqueue, fsnotify keeps listing a watch that was added through
			// a link even after it has ended.
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				return spot{real, root.Identify(info), dir == target, exceeds(real, limit)}
			}
		}
		if dir == top || dir == "/" {
			return spot{}
		}
	}
}

// exceeds reports whether a folder has more entries than limit. A folder that
// cannot be read does not: its watch fails, and says why.
func exceeds(dir string, limit int) bool {
	if limit == math.MaxInt {
		return false
	}
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(limit + 1)
	return len(names) > limit
}

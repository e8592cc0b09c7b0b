package mac

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Limits of the search for kexts that nothing names.
const (
	searchFolderLimit = 4096             // entries of a folder
	searchKextLimit   = 512              // kexts; a Mac has some tens
	searchAppLimit    = 32               // apps
	searchTime        = 10 * time.Second // of one search; a usual one takes a millisecond
	searchLateLimit   = 2                // folders that do not answer, after which a search ends
	searchChunk       = 64               // kexts that are examined with one call

	// A listing that was made so soon after the last change of a folder is made again,
	// whatever the stamp of the folder: a disk may keep times in seconds (HFS+).
	listingRace = 2 * time.Second
)

// kextPlaces are the places of kexts that do not belong to an app. A folder named * can
// be one for a version of macOS. Vendors use them for file systems (macFUSE, Tuxera), the
// tools of virtual machines (VMware, VirtualBox 6), and drivers.
var kextPlaces = []string{
	probe.Extensions + "/*.kext",
	probe.Filesystems + "/*.fs/Contents/Extensions/*.kext",
	probe.Filesystems + "/*.fs/Contents/Extensions/*/*.kext",
	probe.Filesystems + "/*.fs/Contents/Resources/Support/*/*.kext",
	probe.ApplicationSupport + "/*/*.kext",
}

// appPlaces are the places of kexts in an app (VMware Fusion, Tunnelblick).
var appPlaces = []string{
	appExtensions + "/*.kext",
	appExtensions + "/*/*.kext",
	"/Contents/Library/kexts/*.kext",
	"/Contents/Resources/*.kext",
}

// foundKext is a kext in one of the places.
type foundKext struct {
	path string
	info root.BundleInfo
	code code
	err  error // why it could not be read
}

// foundKexts is the result of a search.
type foundKexts struct {
	kexts []foundKext // those of one folder after those of another
	left  int         // kexts that were not read because of searchKextLimit

	// Folders that may have other kexts, because not all of them could be read.
	hidden []hiddenFolder
}

type hiddenFolder struct {
	path string
	err  error
}

// kextSearcher searches the places of kexts. It remembers what it read, and reads again
// what changed. It must not be used by several goroutines at once.
type kextSearcher struct {
	mac   root.FS
	infos bundleInfos

	lists, lastLists map[string]listing
	found, lastFound map[string][]foundKext // by folder
	hidden           []hiddenFolder
	read, left, late int
	ctx              context.Context
	end              time.Time
}

// listing is the content of a folder.
type listing struct {
	stamp root.Stamp
	at    time.Time // when it was listed
	names []string
	err   error // why names may be missing
}

// good reports whether a listing is still that of a folder with this stamp.
func (l listing) good(stamp root.Stamp) bool {
	return stamp != root.Stamp{} && l.stamp == stamp && l.at.Sub(stamp.Modified()).Abs() > listingRace
}

// search finds the kexts in the usual places, and in these apps. What does not answer in
// time, and what is left when the time is over, has the kexts of the last search.
func (s *kextSearcher) search(ctx context.Context, apps []string) foundKexts {
	s.infos.next()
	s.lists, s.lastLists = map[string]listing{}, s.lists
	s.found, s.lastFound = map[string][]foundKext{}, s.found
	s.hidden, s.read, s.left, s.late = nil, 0, 0, 0
	s.ctx, s.end = ctx, time.Now().Add(searchTime)
	for _, place := range kextPlaces {
		s.walk("", strings.Split(place[1:], "/"))
	}
	for _, app := range apps[:min(len(apps), searchAppLimit)] {
		for _, place := range appPlaces {
			s.walk(app, strings.Split(place[1:], "/"))
		}
	}
	if s.over() {
		s.keep("/")
		s.hide(probe.Extensions, fmt.Errorf("the search for kernel extensions %w", root.ErrLate))
	}
	found := foundKexts{left: s.left, hidden: s.hidden}
	for _, folder := range slices.Sorted(maps.Keys(s.found)) {
		found.kexts = append(found.kexts, s.found[folder]...)
	}
	return found
}

// over reports whether the search has to end before all places were read.
func (s *kextSearcher) over() bool {
	return s.late >= searchLateLimit || s.ctx.Err() != nil || time.Now().After(s.end)
}

// walk follows a place below a folder.
func (s *kextSearcher) walk(dir string, place []string) {
	switch part := place[0]; {
	case s.over():
	case len(place) == 1:
		s.readFolder(dir)
	case !strings.HasPrefix(part, "*"):
		s.walk(dir+"/"+part, place[1:])
	default:
		names := slices.DeleteFunc(slices.Clone(s.list(dir)), func(name string) bool {
			return path.Ext(name) == ".kext" || !strings.HasSuffix(name, part[1:]) || probe.FromApple(name)
		})
		if len(place) == 2 && !s.noteSameLists(dir, names) {
			return
		}
		for _, name := range names {
			s.walk(dir+"/"+name, place[1:])
		}
	}
}

// noteSameLists notes which subfolders have the content of the last search. It reports
// whether the folder answered.
func (s *kextSearcher) noteSameLists(dir string, names []string) bool {
	for some := range slices.Chunk(names, searchChunk) {
		stamps, err := s.mac.StampsIn(dir, some)
		if errors.Is(err, root.ErrLate) {
			s.answersLate(dir, err)
			return false
		}
		if err != nil {
			return true // reading each of them tells why
		}
		for i, name := range some {
			if known := s.lastLists[dir+"/"+name]; known.err == nil && known.good(stamps[i]) {
				s.lists[dir+"/"+name] = known
			}
		}
	}
	return true
}

// readFolder reads the kexts in a folder.
func (s *kextSearcher) readFolder(dir string) {
	names := slices.DeleteFunc(slices.Clone(s.list(dir)), func(name string) bool { return path.Ext(name) != ".kext" })
	most := min(len(names), searchKextLimit-s.read)
	names, s.left = names[:most], s.left+len(names)-most
	s.read += most
	var found []foundKext
	for some := range slices.Chunk(names, searchChunk) {
		if err := s.noteUnchanged(dir, some); errors.Is(err, root.ErrLate) {
			s.answersLate(dir, err)
			return
		}
		for _, name := range some {
			k := foundKext{path: dir + "/" + name}
			if known, unchanged := s.infos.now[k.path]; unchanged {
				k.info, k.code = known.info, known.code
			} else {
				k.info, k.code, k.err = s.infos.readKext(s.mac, k.path)
			}
			switch {
			case errors.Is(k.err, root.ErrLate):
				s.answersLate(dir, k.err)
				return
			case !root.NotExist(k.err) && !probe.FromApple(k.info.ID):
				found = append(found, k)
			}
		}
	}
	if _, kept := s.found[dir]; !kept { // its list did not answer
		s.found[dir] = found
	}
}

// noteUnchanged notes in infos which kexts of a folder are as they were at the last search.
func (s *kextSearcher) noteUnchanged(dir string, kexts []string) error {
	var files []string
	for _, name := range kexts {
		if known, ok := s.infos.last[dir+"/"+name]; ok {
			files = append(files, name+infoFile)
			if known.info.Executable != "" {
				files = append(files, name+codeFolder+known.info.Executable)
			}
		}
	}
	if len(files) == 0 {
		return nil
	}
	stamps, err := s.mac.StampsIn(dir, files)
	if err != nil {
		return err
	}
	for _, name := range kexts {
		known, ok := s.infos.last[dir+"/"+name]
		if !ok {
			continue
		}
		same := stamps[0] == known.stamp
		stamps = stamps[1:]
		if known.info.Executable != "" {
			same = same && stamps[0] == known.codeStamp
			stamps = stamps[1:]
		}
		if same {
			s.infos.now[dir+"/"+name] = known
		}
	}
	return nil
}

// list returns the names in a folder. It lists the folder again only if its stamp has
// changed.
//
// A folder that may not be read hides its kexts. Those in ApplicationSupport are left out
// in silence, because programs keep private files of all kinds there, or links to other
// disks. What macOS tried to load there is in the load history.
func (s *kextSearcher) list(dir string) []string {
	known, again := s.lists[dir]
	if again {
		return known.names
	}
	known = s.listed(dir)
	switch quiet := path.Dir(dir) == probe.ApplicationSupport; {
	case known.err == nil, root.NotExist(known.err):
	case errors.Is(known.err, root.ErrLate):
		s.answersLate(dir, known.err)
	case quiet && (errors.Is(known.err, fs.ErrPermission) || errors.Is(known.err, root.ErrOutside)):
	default:
		s.hide(dir, known.err)
	}
	s.lists[dir] = known
	return known.names
}

func (s *kextSearcher) listed(dir string) listing {
	info, err := s.mac.Stat(dir)
	if err != nil {
		return listing{err: err}
	}
	known, stamp := s.lastLists[dir], root.StampOf(info)
	if known.good(stamp) {
		return known
	}
	known = listing{stamp: stamp, at: time.Now()}
	if !info.IsDir() {
		return known
	}
	names, err := s.mac.ListUpTo(dir, searchFolderLimit)
	if err != nil && len(names) == 0 {
		return listing{err: err}
	}
	known.err = err
	for _, name := range names {
		if probe.Printable(name) == name {
			known.names = append(known.names, name)
		} else if path.Ext(name) == ".kext" {
			known.err = cmp.Or(known.err, fmt.Errorf("%s has a kernel extension with an invalid name", dir))
		}
	}
	return known
}

// answersLate notes that something in a folder did not answer. The rest of the folder is
// not read, because each file that does not answer uses up some of root.LateMost.
func (s *kextSearcher) answersLate(dir string, err error) {
	s.late++
	s.hide(dir, err)
	s.keep(dir + "/")
}

func (s *kextSearcher) hide(dir string, err error) {
	if !slices.ContainsFunc(s.hidden, func(h hiddenFolder) bool { return h.path == dir }) {
		s.hidden = append(s.hidden, hiddenFolder{dir, err})
	}
}

// keep keeps what the last search read below a folder, and this one did not.
func (s *kextSearcher) keep(folder string) {
	keep(s.found, s.lastFound, folder)
	keep(s.lists, s.lastLists, folder)
	keep(s.infos.now, s.infos.last, folder)
}

func keep[T any](now, last map[string]T, folder string) {
	for dir, value := range last {
		if _, read := now[dir]; !read && strings.HasPrefix(dir+"/", folder) {
			now[dir] = value
		}
	}
}

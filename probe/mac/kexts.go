package mac

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	outsideNext = "You need not do anything. macOS would ask you for permission if kextwatch read there."
	lateNext    = "You need not do anything: kextwatch tries again. If the problem remains, check the disk or the share."
)

const kextLimit = 256 // paths that are read; Parallels has at most five kexts

// findKexts finds the kexts on the disk: those in the application, and those in
// the load history, newest first. If the original was removed, the staged copy
// is read instead: macOS keeps it beneath probe.StagedExtensions under the path
// of the original.
//
// Signatures are not checked. A kext in the application counts as a kext of
// Parallels if its bundle ID begins with com.parallels. A kext at a path of the
// load history counts as a kext of the recorded team if it has the recorded
// bundle ID.
//
// A kext that cannot be read is known by its path and bundle ID only, and counts
// as on the disk. A kext that is root.Elsewhere does not.
func findKexts(m root.FS, infos *bundleInfos, app *probe.App, policy *probe.Policy) ([]probe.Kext, []probe.Gap) {
	s := KextSearch{Mac: m, infos: infos}
	if policy == nil {
		policy = &probe.Policy{}
	}
	if app != nil {
		own := func(id string) bool { return strings.HasPrefix(id, "com.parallels.") }
		extensions := app.Path + appExtensions
		for _, place := range s.Places(extensions) {
			s.add(place, app.TeamID, "", own)
		}
		if s.unlisted {
			for _, row := range policy.Rows {
				if row.TeamID == app.TeamID && own(row.BundleID) {
					s.addUnread(extensions, row.TeamID, row.BundleID)
				}
			}
		}
	}
	newest := slices.SortedStableFunc(slices.Values(policy.History), func(a, b probe.LoadRecord) int {
		return b.LastSeen.Compare(a.LastSeen)
	})
	for _, record := range newest {
		place := probe.Unstaged(record.Path)
		if path.IsAbs(place) && path.Clean(place) == place && path.Ext(place) == ".kext" && !root.Elsewhere(place) {
			s.add(place, record.TeamID, record.BundleID, func(id string) bool { return id == record.BundleID })
		}
	}
	if s.outside > 0 {
		s.Gaps = append(s.Gaps, probe.NewGap(probe.FactKextsOnDisk, fmt.Errorf("%d kexts are known by their paths only: the first, %s, %w", s.outside, s.firstOutside, root.ErrOutside),
			outsideNext))
	}
	if s.left > 0 {
		s.miss("", fmt.Errorf("%d more kexts were not read", s.left))
	}
	return s.known(), s.Gaps
}

// known returns the kexts that were read and those known by their names only, each
// kext once.
func (s *KextSearch) known() []probe.Kext {
	type name struct{ team, id string }
	seen := map[name]bool{}
	for _, k := range s.found {
		seen[name{k.TeamID, k.BundleID}] = true
	}
	for _, k := range s.unread {
		if n := (name{k.TeamID, k.BundleID}); !seen[n] {
			seen[n] = true
			s.found = append(s.found, k)
		}
	}
	return s.found
}

// KextSearch searches the kexts of a Mac. Its zero value with Mac set is ready to
// use.
type KextSearch struct {
	Mac   root.FS
	infos *bundleInfos // nil: read every file
	read  int          // paths that were read
	left  int          // paths that were not read because of kextLimit
	found []probe.Kext
	Gaps  []probe.Gap // what could not be read

	unread       []probe.Kext // known by their names only
	unlisted     bool         // a folder of kexts could not be listed
	outside      int          // paths outside of the folders that kextwatch reads
	firstOutside string
}

// Places returns the paths of the kexts in a directory and its subdirectories,
// such as Extensions/10.9. It adds a gap for each directory that it cannot list.
func (s *KextSearch) Places(dir string) []string {
	var places []string
	for _, name := range s.list(dir) {
		if path.Ext(name) == ".kext" {
			places = append(places, dir+"/"+name)
			continue
		}
		for _, inner := range s.list(dir + "/" + name) {
			if path.Ext(inner) == ".kext" {
				places = append(places, dir+"/"+name+"/"+inner)
			}
		}
	}
	return places
}

// list returns the names in a directory and in its staged copy.
func (s *KextSearch) list(dir string) []string {
	var names []string
	for _, dir := range []string{dir, probe.StagedExtensions + dir} {
		some, err := s.Mac.List(dir)
		if err != nil && !root.NotExist(err) {
			s.unlisted = s.unlisted || len(some) == 0
			s.miss(dir, err)
		}
		names = append(names, some...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// add reads the kext at a place. It keeps the kext if own accepts its bundle ID.
// expected is the bundle ID that the kext should have, or "" if that is unknown.
func (s *KextSearch) add(place, team, expected string, own func(id string) bool) {
	if slices.ContainsFunc(s.found, func(k probe.Kext) bool { return k.Path == place && k.TeamID == team }) {
		return
	}
	if s.read == kextLimit {
		s.left++
		s.addUnread(place, team, expected)
		return
	}
	s.read++
	info, err := s.infos.read(s.Mac, place)
	staged := root.NotExist(err)
	if staged {
		info, err = s.infos.read(s.Mac, probe.StagedExtensions+place)
	}
	switch {
	case root.NotExist(err):
	case err != nil:
		s.miss(place, err)
		s.addUnread(place, team, expected)
	case !probe.IsBundleID(info.ID) || !bundleVersionForm.MatchString(info.Version):
		s.miss(place, fmt.Errorf("%s has no valid bundle identifier and version", place))
		if probe.IsBundleID(info.ID) && own(info.ID) {
			expected = info.ID
		}
		s.addUnread(place, team, expected)
	case own(info.ID):
		s.found = append(s.found, probe.Kext{BundleID: info.ID, TeamID: team, Path: place, Staged: staged, Version: info.Version})
	}
}

// addUnread keeps a kext of which only the bundle ID is known.
func (s *KextSearch) addUnread(place, team, id string) {
	if id != "" {
		s.unread = append(s.unread, probe.Kext{BundleID: id, TeamID: team, Path: place, Unread: true})
	}
}

// miss adds a gap for a place that cannot be read.
func (s *KextSearch) miss(place string, err error) {
	switch {
	case errors.Is(err, root.ErrOutside):
		if s.outside++; s.outside == 1 {
			s.firstOutside = place
		}
	case errors.Is(err, root.ErrLate):
		s.Gaps = append(s.Gaps, probe.NewGap(probe.FactKextsOnDisk, err, lateNext))
	default:
		s.Gaps = append(s.Gaps, probe.NewGap(probe.FactKextsOnDisk, err, "Install the program that contains it again."))
	}
}

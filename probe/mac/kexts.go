package mac

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	outsideNext = "No action is needed. kextwatch does not read there, because macOS would ask you for permission."
	lateNext    = "No action is needed: kextwatch tries again. If the problem remains, check the disk or the share."
	deniedNext  = "No action is needed. Only an administrator can read it."
	brokenNext  = "Install the program that contains it again."
	folderNext  = "Open the folder in Finder and check what does not belong there."
	tooManyNext = "Remove the programs whose kernel extensions you do not need."
)

const (
	kextLimit = 256 // paths of the first two kinds that are read; Parallels has at most five kexts
	gapLimit  = 16  // reasons that are listed one by one
)

// gatherKexts returns the kexts on the disk: those in Parallels Desktop, those in the
// load history, newest first, and what a search found in other places. If the original
// of the first two was removed, the staged copy is read instead: macOS keeps it beneath
// probe.StagedExtensions under the path of the original.
//
// Signatures are not checked. A kext in Parallels Desktop counts as a kext of Parallels
// if its bundle ID begins with com.parallels. A kext at a path of the load history counts
// as a kext of the recorded team if it has the recorded bundle ID. For any other kext see
// kextTeams.
//
// A kext that cannot be read is known by its path and bundle ID only, and counts
// as on the disk. A kext that is root.Elsewhere does not.
func gatherKexts(m root.FS, infos *bundleInfos, app *probe.App, policy *probe.Policy, found foundKexts) ([]probe.Kext, []probe.Gap) {
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
	history := newestFirst(policy.History)
	ofParallels := func(r probe.LoadRecord) bool { return r.TeamID == probe.ParallelsTeamID }
	s.addRecorded(history, ofParallels)
	s.addGaps(len(s.left))
	s.fact, s.outside, s.denied = probe.FactOtherKexts, 0, nil
	s.addRecorded(history, func(r probe.LoadRecord) bool { return !ofParallels(r) })
	s.addFound(found, policy)
	s.addGaps(len(s.left) + found.left)
	return s.known(), s.Gaps
}

// addRecorded adds the kexts at the paths of some load records.
func (s *KextSearch) addRecorded(history []probe.LoadRecord, some func(probe.LoadRecord) bool) {
	for _, record := range history {
		place := probe.Unstaged(record.Path)
		if some(record) && path.IsAbs(place) && path.Clean(place) == place && path.Ext(place) == ".kext" && !root.Elsewhere(place) {
			s.add(place, record.TeamID, record.BundleID, func(id string) bool { return id == record.BundleID })
		}
	}
}

func newestFirst(history []probe.LoadRecord) []probe.LoadRecord {
	return slices.SortedStableFunc(slices.Values(history), func(a, b probe.LoadRecord) int {
		return b.LastSeen.Compare(a.LastSeen)
	})
}

// addGaps adds one gap for each reason why some kexts are not known or not read. left is
// the number of those over a limit.
func (s *KextSearch) addGaps(left int) {
	if s.outside > 0 {
		s.gap(fmt.Errorf("kextwatch knows only the paths of %d kernel extensions: the first, %s, %w", s.outside, s.firstOutside, root.ErrOutside), outsideNext)
	}
	switch len(s.denied) {
	case 0:
	case 1:
		s.gap(fmt.Errorf("kextwatch has no permission to read the kernel extension %s", s.denied[0]), deniedNext)
	default:
		s.gap(fmt.Errorf("kextwatch has no permission to read %d kernel extensions: the first is %s", len(s.denied), s.denied[0]), deniedNext)
	}
	if s.more > 0 {
		s.Gaps = append(s.Gaps, probe.NewGap(s.gapFact(), fmt.Errorf("%d more kernel extensions or folders could not be read", s.more), brokenNext))
		s.more = 0
	}
	if left > 0 {
		s.gap(fmt.Errorf("%d more kexts were not read", left), tooManyNext)
	}
}

// gapFact returns the fact that is missing if a kext cannot be read.
func (s *KextSearch) gapFact() probe.Fact { return cmp.Or(s.fact, probe.FactKextsOnDisk) }

func (s *KextSearch) gap(err error, next string) {
	switch gap := probe.NewGap(s.gapFact(), err, next); {
	case slices.Contains(s.Gaps, gap):
	case len(s.Gaps) == gapLimit:
		s.more++
	default:
		s.Gaps = append(s.Gaps, gap)
	}
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
	fact  probe.Fact   // that is missing if a kext cannot be read; empty: FactKextsOnDisk
	read  int          // paths that were read
	left  []string     // paths that were not read because of kextLimit
	found []probe.Kext
	Gaps  []probe.Gap // what could not be read

	unread       []probe.Kext // known by their names only
	unlisted     bool         // a folder of kexts could not be listed
	outside      int          // paths outside of the folders that kextwatch reads
	firstOutside string
	denied       []string        // kexts that may not be read
	missed       map[string]bool // paths that could not be read
	more         int             // gaps over gapLimit
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
		s.left = append(s.left, place)
		s.addUnread(place, team, expected)
		return
	}
	s.read++
	info, code, err := s.infos.readKext(s.Mac, place)
	staged := root.NotExist(err)
	if staged {
		info, code, err = s.infos.readKext(s.Mac, probe.StagedExtensions+place)
	}
	switch {
	case root.NotExist(err):
	case err != nil:
		s.miss(place, err)
		s.addUnread(place, team, expected)
	case !validKext(info):
		s.miss(place, errInvalidKext(place))
		if probe.IsKextID(info.ID) && own(info.ID) {
			expected = info.ID
		}
		s.addUnread(place, team, expected)
	case own(info.ID):
		k := newKext(place, team, info, code)
		k.Staged = staged
		s.found = append(s.found, k)
	}
}

func validKext(info root.BundleInfo) bool {
	return probe.IsKextID(info.ID) && isBundleVersion(info.Version)
}

func errInvalidKext(place string) error {
	return fmt.Errorf("%s has no valid bundle identifier and version", place)
}

// newKext returns the facts about a kext that was read. They share no memory with what is
// remembered for the next snapshot.
func newKext(place, team string, info root.BundleInfo, c code) probe.Kext {
	return probe.Kext{
		BundleID: info.ID, TeamID: team, Path: place, Version: info.Version,
		Code: slices.Clone(c.archs), Libraries: slices.Clone(info.Libraries),
	}
}

// addUnread keeps a kext of which only the bundle ID is known.
func (s *KextSearch) addUnread(place, team, id string) {
	if id != "" {
		s.unread = append(s.unread, probe.Kext{BundleID: id, TeamID: team, Path: place, Unread: true})
	}
}

// miss adds a gap for a kext or a folder of kexts that cannot be read.
func (s *KextSearch) miss(place string, err error) {
	if s.missed == nil {
		s.missed = map[string]bool{}
	}
	s.missed[place] = true
	kext := path.Ext(place) == ".kext"
	switch denied := errors.Is(err, fs.ErrPermission); {
	case errors.Is(err, root.ErrOutside):
		if s.outside++; s.outside == 1 {
			s.firstOutside = place
		}
	case denied && kext:
		s.denied = append(s.denied, place)
	case denied:
		s.gap(err, deniedNext)
	case errors.Is(err, root.ErrLate):
		s.gap(err, lateNext)
	case kext:
		s.gap(err, brokenNext)
	default:
		s.gap(err, folderNext)
	}
}

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
	// StagedExtensions holds the protected copies that macOS loads from; the
	// path of the original is repeated beneath it.

	kextLimit = 256 // places that are looked at; Parallels brought five at most
)

// findKexts finds the kernel extensions that lie on the disk: those in the
// application, and those that the load history names, newest first. A place
// whose original is gone may still have its staged copy.
//
// Signatures are not checked: what calls itself com.parallels.… within the
// application is taken for Parallels', and what lies at a path of the load
// history for that of the recorded team, if it has the recorded bundle ID.
//
// An extension at a place that cannot be read is known by its name, and counts
// as there.
func findKexts(m root.FS, app *probe.App, policy *probe.Policy) ([]probe.Kext, []probe.Gap) {
	s := KextSearch{Mac: m}
	if policy == nil {
		policy = &probe.Policy{}
	}
	if app != nil {
		own := func(id string) bool { return strings.HasPrefix(id, "com.parallels.") }
		extensions := app.Path + "/Contents/Library/Extensions"
		for _, place := range s.Places(extensions) {
			s.look(place, app.TeamID, "", own)
		}
		if s.unlisted {
			for _, row := range policy.Rows {
				if row.TeamID == app.TeamID && own(row.BundleID) {
					s.unread(extensions, row.TeamID, row.BundleID)
				}
			}
		}
	}
	newest := slices.SortedStableFunc(slices.Values(policy.History), func(a, b probe.LoadRecord) int {
		return b.LastSeen.Compare(a.LastSeen)
	})
	for _, record := range newest {
		place := probe.Unstaged(record.Path)
		if path.IsAbs(place) && path.Clean(place) == place && path.Ext(place) == ".kext" {
			s.look(place, record.TeamID, record.BundleID, func(id string) bool { return id == record.BundleID })
		}
	}
	if s.outside > 0 {
		s.Gaps = append(s.Gaps, probe.NewGap(probe.FactKextsOnDisk, fmt.Errorf("%d places are known by their names only: the first, %s, %w", s.outside, s.firstOutside, root.ErrOutside),
			"Nothing has to be done. macOS would ask you whether kextwatch may read there."))
	}
	if s.left > 0 {
		s.miss("", fmt.Errorf("%d more places were not looked at", s.left))
	}
	return s.known(), s.Gaps
}

// known are the extensions that were found, and those known by their names
// only, each once.
func (s *KextSearch) known() []probe.Kext {
	type name struct{ team, id string }
	seen := map[name]bool{}
	for _, k := range s.found {
		seen[name{k.TeamID, k.BundleID}] = true
	}
	for _, k := range s.unknown {
		if n := (name{k.TeamID, k.BundleID}); !seen[n] {
			seen[n] = true
			s.found = append(s.found, k)
		}
	}
	return s.found
}

// KextSearch collects what is found.
type KextSearch struct {
	Mac    root.FS
	looked int
	left   int
	found  []probe.Kext
	Gaps   []probe.Gap

	unknown      []probe.Kext // known by their names only
	unlisted     bool         // a folder of extensions could not be listed
	outside      int          // places that are out of reach
	firstOutside string
}

// Places lists the extensions in a directory and in its subdirectories, such
// as Extensions/10.9.
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

// list names what is in a directory or in its staged copy.
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

// look keeps the extension at a place, if it has an ID that is the team's. said
// is the ID that it should have; empty: nobody says.
func (s *KextSearch) look(place, team, said string, own func(id string) bool) {
	if slices.ContainsFunc(s.found, func(k probe.Kext) bool { return k.Path == place && k.TeamID == team }) {
		return
	}
	if s.looked == kextLimit {
		s.left++
		s.unread(place, team, said)
		return
	}
	s.looked++
	info, err := s.Mac.ReadInfo(place)
	staged := root.NotExist(err)
	if staged {
		info, err = s.Mac.ReadInfo(probe.StagedExtensions + place)
	}
	switch {
	case root.NotExist(err):
	case err != nil:
		s.miss(place, err)
		s.unread(place, team, said)
	case !probe.IsBundleID(info.ID) || !bundleVersionForm.MatchString(info.Version):
		s.miss(place, fmt.Errorf("%s has no proper bundle identifier and version", place))
		s.unread(place, team, said)
	case own(info.ID):
		s.found = append(s.found, probe.Kext{BundleID: info.ID, TeamID: team, Path: place, Staged: staged, Version: info.Version})
	}
}

// unread keeps an extension of which only the name is known. What is no part of
// this Mac does not count, wherever it is.
func (s *KextSearch) unread(place, team, id string) {
	if id != "" && !root.Elsewhere(place) {
		s.unknown = append(s.unknown, probe.Kext{BundleID: id, TeamID: team, Path: place, Unread: true})
	}
}

func (s *KextSearch) miss(place string, err error) {
	switch {
	case errors.Is(err, root.ErrOutside):
		if s.outside++; s.outside == 1 {
			s.firstOutside = place
		}
	case errors.Is(err, root.ErrLate):
		s.Gaps = append(s.Gaps, probe.NewGap(probe.FactKextsOnDisk, err, "Nothing has to be done: it is tried again. If it stays so, look at the disk or the share that it is on."))
	default:
		s.Gaps = append(s.Gaps, probe.NewGap(probe.FactKextsOnDisk, err, "Install the program that brought it again."))
	}
}

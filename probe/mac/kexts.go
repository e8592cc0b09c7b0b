package mac

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
)

const (
	// stagedExtensions holds the protected copies that macOS loads from; the
	// path of the original is repeated beneath it.
	stagedExtensions = "/Library/StagedExtensions"

	kextLimit = 256 // places that are looked at; Parallels brought five at most
)

// kexts finds the kernel extensions that lie on the disk: those in the
// application, and those that the load history names, newest first. A place
// whose original is gone may still have its staged copy.
//
// Signatures are not checked: what calls itself com.parallels.… within the
// application is taken for Parallels', and what lies at a path of the load
// history for that of the recorded team, if it has the recorded bundle ID.
func (m Mac) kexts(app *probe.App, history []probe.LoadRecord) ([]probe.Kext, []probe.Gap) {
	s := kextSearch{mac: m}
	if app != nil {
		own := func(id string) bool { return strings.HasPrefix(id, "com.parallels.") }
		for _, place := range s.places(app.Path + "/Contents/Library/Extensions") {
			s.look(place, app.TeamID, own)
		}
	}
	newest := slices.SortedStableFunc(slices.Values(history), func(a, b probe.LoadRecord) int {
		return b.LastSeen.Compare(a.LastSeen)
	})
	for _, record := range newest {
		place := unstaged(record.Path)
		if path.IsAbs(place) && path.Clean(place) == place && path.Ext(place) == ".kext" {
			s.look(place, record.TeamID, func(id string) bool { return id == record.BundleID })
		}
	}
	if s.left > 0 {
		s.miss(fmt.Errorf("%d more places were not looked at", s.left))
	}
	return s.found, s.gaps
}

// unstaged is where an extension was installed, given where it was loaded from.
func unstaged(place string) string {
	if original, ok := strings.CutPrefix(place, stagedExtensions+"/"); ok {
		return "/" + original
	}
	return place
}

// kextSearch collects what is found.
type kextSearch struct {
	mac    Mac
	looked int
	left   int
	found  []probe.Kext
	gaps   []probe.Gap
}

// places lists the extensions in a directory and in its subdirectories, such
// as Extensions/10.9.
func (s *kextSearch) places(dir string) []string {
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
func (s *kextSearch) list(dir string) []string {
	var names []string
	for _, dir := range []string{dir, stagedExtensions + dir} {
		some, err := s.mac.list(dir)
		if err != nil && !absent(err) {
			s.miss(err)
		}
		names = append(names, some...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// look keeps the extension at a place, if it has an ID that is the team's.
func (s *kextSearch) look(place, team string, own func(id string) bool) {
	if slices.ContainsFunc(s.found, func(k probe.Kext) bool { return k.Path == place && k.TeamID == team }) {
		return
	}
	if s.looked == kextLimit {
		s.left++
		return
	}
	s.looked++
	info, err := s.mac.readInfo(place)
	staged := absent(err)
	if staged {
		info, err = s.mac.readInfo(stagedExtensions + place)
	}
	switch {
	case absent(err):
	case err != nil:
		s.miss(err)
	case !bundleIDForm.MatchString(info.ID) || !bundleVersionForm.MatchString(info.Version):
		s.miss(fmt.Errorf("%s has no proper bundle identifier and version", place))
	case own(info.ID):
		s.found = append(s.found, probe.Kext{BundleID: info.ID, TeamID: team, Path: place, Staged: staged, Version: info.Version})
	}
}

func (s *kextSearch) miss(err error) {
	s.gaps = append(s.gaps, gap("kernel extensions on the disk", err, "Install the program that brought it again."))
}

package mac

import (
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
)

// addFound adds the kexts of a search that were not read already.
func (s *KextSearch) addFound(found foundKexts, policy *probe.Policy) {
	type file struct{ path, id string }
	read := map[file]bool{}
	for _, k := range s.found {
		read[file{k.Path, k.BundleID}] = true
	}
	teams := newKextTeams(policy)
	for _, k := range found.kexts {
		switch {
		case read[file{k.path, k.info.ID}], s.missed[k.path]:
		case k.err != nil:
			s.miss(k.path, k.err)
		case !validKext(k.info):
			s.miss(k.path, errInvalidKext(k.path))
			if probe.IsKextID(k.info.ID) {
				s.addUnread(k.path, teams.of(k.info.ID, k.code), k.info.ID)
			}
		default:
			s.found = append(s.found, newKext(k.path, teams.of(k.info.ID, k.code), k.info, k.code))
		}
	}
	s.forgetLeft(found.kexts)
	for _, folder := range found.hidden {
		s.miss(folder.path, folder.err)
	}
	s.addHidden(found.hidden, policy)
}

// forgetLeft forgets the paths over kextLimit that the search has read.
func (s *KextSearch) forgetLeft(found []foundKext) {
	if len(s.left) == 0 {
		return
	}
	read := map[string]bool{}
	for _, k := range found {
		read[k.path] = k.err == nil
	}
	isRead := func(place string) bool { return read[place] }
	s.unread = slices.DeleteFunc(s.unread, func(k probe.Kext) bool { return isRead(k.Path) && slices.Contains(s.left, k.Path) })
	s.left = slices.DeleteFunc(s.left, isRead)
}

// addHidden adds the kexts of the policy that were not found, and may be where nothing
// could be read: in a kext with a fitting name, or in a folder.
func (s *KextSearch) addHidden(folders []hiddenFolder, policy *probe.Policy) {
	if len(folders) == 0 && len(s.denied) == 0 {
		return
	}
	known := map[string]bool{}
	for _, k := range slices.Concat(s.found, s.unread) {
		known[k.BundleID] = true
	}
	for _, row := range policy.Rows {
		if known[row.BundleID] || row.TeamID == probe.ParallelsTeamID || !probe.IsKextID(row.BundleID) || probe.FromApple(row.BundleID) {
			continue
		}
		if i := slices.IndexFunc(s.denied, func(place string) bool { return fits(place, row.BundleID) }); i >= 0 {
			s.addUnread(s.denied[i], row.TeamID, row.BundleID)
		} else if i := slices.IndexFunc(folders, func(f hiddenFolder) bool { return mayHold(f.path, row, policy) }); i >= 0 {
			s.addUnread(folders[i].path, row.TeamID, row.BundleID)
		}
	}
}

// fits reports whether the name of a kext fits the end of a bundle ID, as
// MOTUFireWireAudio.kext fits com.motu.driver.FireWireAudio.
func fits(place, id string) bool {
	name := strings.ToLower(strings.TrimSuffix(path.Base(place), ".kext"))
	end := strings.ToLower(id[strings.LastIndex(id, ".")+1:])
	const shortest = 4
	return end != "kext" && len(end) >= shortest && len(name) >= shortest && (strings.Contains(name, end) || strings.Contains(end, name))
}

// mayHold reports whether the kext of a row may be in a folder. In an app there are only
// those that the policy names with it.
func mayHold(folder string, row probe.PolicyRow, policy *probe.Policy) bool {
	app := appAbove(folder + "/")
	return app == "" || path.Clean(row.AppPath) == app || slices.ContainsFunc(policy.History, func(r probe.LoadRecord) bool {
		return r.TeamID == row.TeamID && appAbove(r.Path) == app
	})
}

// kextTeams are the teams that the policy names for each bundle ID.
type kextTeams map[string][]string

func newKextTeams(policy *probe.Policy) kextTeams {
	teams := kextTeams{}
	policy.EachKext(func(team, id string) {
		if id != "" && !slices.Contains(teams[id], team) {
			teams[id] = append(teams[id], team)
		}
	})
	return teams
}

// of returns the team of a kext: the only one that the policy names for its bundle ID.
// Otherwise it is what the kext claims about itself, which nothing verifies; empty if
// that is unknown.
func (t kextTeams) of(id string, c code) string {
	if named := t[id]; len(named) == 1 {
		return named[0]
	}
	return c.teamID
}

// kextApps returns the apps that the policy names, without Parallels Desktop: those whose
// kexts macOS tried to load, newest first, and those of the framework.
func kextApps(policy *probe.Policy, parallels string, reads func(string) bool) []string {
	if policy == nil {
		return nil
	}
	var places []string
	for _, record := range newestFirst(policy.History) {
		places = append(places, appAbove(record.Path))
	}
	for _, row := range policy.Rows {
		places = append(places, path.Clean(row.AppPath))
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(places, func(place string) bool {
		drop := seen[place] || !isAppPlace(place) || !reads(place) || place == parallels
		seen[place] = true
		return drop
	})
}

package approval

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
)

// watched is a product whose kernel extensions are watched. An extension belongs to
// it by its team. The prefix distinguishes the products of one team.
type watched struct {
	name     string
	teamID   string
	prefix   string
	bundleID string // of the only extension, if its team is not known or it is unsigned
	app      bool   // it is installed if its application is; otherwise if its extensions are
	always   bool   // reported even if nothing of it is on this Mac
}

// id identifies the product in the memory. A name does not: developers choose theirs,
// and two teams can have the same one. The bundle ID of an unsigned extension can look
// like any of these IDs.
func (w watched) id() string {
	if w.teamID == "" {
		return key("unsigned", w.bundleID)
	}
	return strings.TrimSpace(key(w.teamID, w.prefix+w.bundleID))
}

var parallelsProducts = []watched{
	{name: "Parallels Desktop", teamID: probe.ParallelsTeamID, prefix: probe.ParallelsKextPrefix, app: true, always: true},
	{name: "Parallels Access", teamID: probe.ParallelsTeamID, prefix: "com.parallels.virtual"},
}

// ProductID returns the Product.ID of a product that an earlier version remembered by
// its name, with the windows that it announced. If no team is known, it returns the
// name: what was announced about it is then forgotten.
func ProductID(name string, windows []string) string {
	for _, w := range parallelsProducts {
		if w.name == name {
			return w.id()
		}
	}
	for _, window := range windows {
		if team, _, ok := strings.Cut(window, " "); ok && team != "" {
			return watched{teamID: team}.id()
		}
	}
	for _, known := range knownKexts {
		if known.Product == name && known.TeamID != "" {
			return watched{teamID: known.TeamID}.id()
		}
	}
	if team, ok := strings.CutPrefix(name, "Team "); ok { // no name was known
		return watched{teamID: team}.id()
	}
	if i := strings.LastIndex(name, " ("); i >= 0 && strings.HasSuffix(name, ")") { // several developers had it
		return watched{teamID: name[i+2 : len(name)-1]}.id()
	}
	return name
}

// products returns the products of these vendors that appear in the facts.
func (v Vendors) products(facts []*kextFacts) []watched {
	var all []watched
	if v.has(probe.ParallelsTeamID) {
		all = append(all, parallelsProducts...)
	}
	seen := map[string]int{probe.ParallelsTeamID: -1} // the index of the product in all
	for _, f := range facts {
		if f.teamID == "" && v.has("") && f.exists() {
			all = append(all, watched{name: f.fileName(), bundleID: f.bundleID})
		}
		if f.teamID == "" || !v.has(f.teamID) || !f.exists() {
			continue
		}
		i, known := seen[f.teamID]
		if !known {
			i = len(all)
			seen[f.teamID] = i
			all = append(all, watched{teamID: f.teamID, always: slices.Contains(v.Teams, f.teamID)})
		}
		if i >= 0 {
			all[i].name = joinNames(all[i].name, f)
		}
	}
	for _, teamID := range v.Teams {
		if _, known := seen[teamID]; !known {
			seen[teamID] = len(all)
			all = append(all, watched{name: teamName(teamID), teamID: teamID, always: true})
		}
	}
	return uniqueNames(all)
}

// exists reports whether a fact shows that there is, or was, this extension, and that it
// is not part of macOS.
func (f *kextFacts) exists() bool {
	return wellFormed(f.bundleID) && !f.fromApple() &&
		(f.row != nil || f.recalled || len(f.disk) > 0 || len(f.history) > 0 || len(f.reported) > 0 || f.loaded != "")
}

// joinNames returns the name of a product that also has this extension: that of the
// table if all extensions have the same one there, otherwise that of the developer.
func joinNames(name string, f *kextFacts) string {
	known := f.known
	developer := shortName(f.developer())
	switch {
	case known != nil && (name == "" || name == known.Product):
		return known.Product
	case developer != "":
		return developer
	case name == "":
		return teamName(f.teamID)
	}
	return name
}

// teamName returns the name of the only product that is known of a team, otherwise the
// team itself.
func teamName(teamID string) string {
	if known := knownKext(teamID, ""); known != nil {
		return known.Product
	}
	return "Team " + shortName(teamID)
}

// shortName cleans a name for people, such as that of a developer, which is foreign text.
func shortName(developer string) string {
	const longest = 60 // characters
	name := []rune(probe.OneLine(developer))
	return strings.TrimSpace(string(name[:min(len(name), longest)]))
}

// fileName returns the name of the extension's bundle, without its ending. Without a
// path it returns the bundle ID.
func (f *kextFacts) fileName() string {
	if at := f.path(); at != "" {
		return shortName(strings.TrimSuffix(path.Base(at), ".kext"))
	}
	return f.bundleID
}

// uniqueNames adds the team to a name that several products have, because a developer
// can choose any name. Names that this program gives do not change.
func uniqueNames(all []watched) []watched {
	teams := map[string]int{}
	for _, w := range all {
		teams[w.name]++
	}
	for i, w := range all {
		if teams[w.name] > 1 && !w.parallels() && w.name != teamName(w.teamID) {
			all[i].name += " (" + shortName(cmp.Or(w.teamID, w.bundleID)) + ")"
		}
	}
	return all
}

func (w watched) has(f *kextFacts) bool {
	return f.teamID == w.teamID && strings.HasPrefix(f.bundleID, w.prefix) && (w.bundleID == "" || w.bundleID == f.bundleID) &&
		wellFormed(f.bundleID) && !f.fromApple()
}

// teamOf returns the team of an extension of which only the bundle ID is known. It is
// empty if no row of the table has that.
func teamOf(bundleID string) string {
	for _, w := range parallelsProducts {
		if strings.HasPrefix(bundleID, w.prefix) {
			return w.teamID
		}
	}
	if known := knownKext("", bundleID); known != nil {
		return known.TeamID
	}
	return ""
}

// parallels reports whether this is a product of Parallels. Only for these the need
// of the extensions is known.
func (w watched) parallels() bool { return w.teamID == probe.ParallelsTeamID }

// wellFormed reports whether an ID can be that of an extension. One that was too long to be
// read is an extension, too: it may wait for approval.
func wellFormed(bundleID string) bool {
	return probe.IsKextID(bundleID) || bundleID == probe.TooLong
}

// place returns the folder that the extensions of one row of the pane share, besides
// their team: the application or file system bundle, the folder in Application Support,
// or /Library/Extensions (TN2459).
func place(name string) string {
	const support = probe.ApplicationSupport + "/"
	for _, bundle := range []string{".app", ".fs"} {
		if i := strings.Index(name, bundle+"/"); i >= 0 {
			return name[:i+len(bundle)]
		}
	}
	if rest, ok := strings.CutPrefix(name, support); ok {
		folder, _, _ := strings.Cut(rest, "/")
		return support + folder
	}
	if i := strings.LastIndex(name, "/"); i > 0 {
		return name[:i]
	}
	return name
}

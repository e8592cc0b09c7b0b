package approval

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// watched is a product whose kernel extensions are watched. An extension belongs to
// it by its team. The prefix distinguishes the products of one team.
type watched struct {
	name   string
	teamID string
	prefix string
	app    bool // it is installed if its application is; otherwise if its extensions are
	always bool // reported even if nothing of it is on this Mac
}

// id identifies the product in the memory. A name does not: developers choose theirs,
// and two teams can have the same one.
func (w watched) id() string { return strings.TrimSpace(key(w.teamID, w.prefix)) }

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
	for team, vendor := range vendors {
		if vendor == name {
			return watched{teamID: team}.id()
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
	seen := map[string]bool{probe.ParallelsTeamID: true}
	add := func(teamID, developer string, always bool) {
		if seen[teamID] {
			return
		}
		seen[teamID] = true
		name := vendors[teamID]
		if name == "" {
			name = oneLine(developer)
		}
		if name == "" {
			name = "Team " + teamID
		}
		all = append(all, watched{name: name, teamID: teamID, always: always})
	}
	for _, f := range facts {
		if (f.row != nil || f.recalled) && v.has(f.teamID) && f.teamID != "" && !f.fromApple() {
			add(f.teamID, f.developer(), slices.Contains(v.Teams, f.teamID))
		}
	}
	for _, teamID := range v.Teams {
		add(teamID, "", true)
	}
	return uniqueNames(all)
}

// uniqueNames adds the team to a name that several products have, because a developer
// can choose any name. Names that this program gives do not change.
func uniqueNames(all []watched) []watched {
	teams := map[string]int{}
	for _, w := range all {
		teams[w.name]++
	}
	for i, w := range all {
		if teams[w.name] > 1 && !w.parallels() && vendors[w.teamID] == "" {
			all[i].name += " (" + w.teamID + ")"
		}
	}
	return all
}

func (w watched) has(f *kextFacts) bool {
	return f.teamID == w.teamID && strings.HasPrefix(f.bundleID, w.prefix) && wellFormed(f.bundleID) && !f.fromApple()
}

// teamOf returns the team of a loaded extension, whose bundle ID alone is reported. It
// is known for those of Parallels only.
func teamOf(bundleID string) string {
	for _, w := range parallelsProducts {
		if strings.HasPrefix(bundleID, w.prefix) {
			return w.teamID
		}
	}
	return ""
}

func watches(products []watched, f *kextFacts) bool {
	return slices.ContainsFunc(products, func(w watched) bool { return w.has(f) })
}

// parallels reports whether this is a product of Parallels. Only for these the need
// of the extensions is known.
func (w watched) parallels() bool { return w.teamID == probe.ParallelsTeamID }

// wellFormed reports whether an ID can be a bundle ID.
func wellFormed(bundleID string) bool { return probe.IsBundleID(bundleID) }

// place returns the folder that the extensions of one row of the pane share, besides
// their team: the application bundle, the folder in Application Support, or
// /Library/Extensions (TN2459).
func place(path string) string {
	const support = "/Library/Application Support/"
	if i := strings.Index(path, ".app/"); i >= 0 {
		return path[:i+len(".app")]
	}
	if rest, ok := strings.CutPrefix(path, support); ok {
		folder, _, _ := strings.Cut(rest, "/")
		return support + folder
	}
	if i := strings.LastIndex(path, "/"); i > 0 {
		return path[:i]
	}
	return path
}

package approval

import (
	"cmp"
	"slices"
	"strings"

	"kextwatch/probe"
)

// Developer is a developer whose extensions wait in the pane, watched or not.
type Developer struct {
	TeamID string
	Name   string // as macOS shows it in the pane
}

// waiting returns the developers for which the pane has an Allow button, or may have one:
// something tried to load a refused extension within the length of a window, or the time
// of the last attempt is not known. Up to macOS 12 the pane shows Details… for several.
func (a *assessment) waiting(facts []*kextFacts) []Developer {
	byTeam := map[string]Developer{}
	for _, f := range facts {
		if f.teamID == "" || !f.refused() || f.loaded != "" || f.fromApple() || a.bootPolicyForbids(f) || !a.mayHaveButton(f) {
			continue
		}
		byTeam[f.teamID] = Developer{f.teamID, cmp.Or(byTeam[f.teamID].Name, f.row.Developer, f.bundleID)}
	}
	var all []Developer
	for _, d := range byTeam {
		all = append(all, d)
	}
	slices.SortFunc(all, func(x, y Developer) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.TeamID, y.TeamID))
	})
	return all
}

// mayHaveButton reports whether the pane may have an Allow button for a refused extension.
// A time that may be a scan counts: macOS shows the button if it was an attempt.
func (a *assessment) mayHaveButton(f *kextFacts) bool {
	seen := f.record().LastSeen
	return lately(seen, a.now) || f.reportedLately(a.now) || a.attempted(f) || f.row.Pending == probe.Yes ||
		len(f.disk) > 0 && seen.IsZero() && f.row.Pending == ""
}

// OthersThan returns the developers that wait beside a product.
func (s Status) OthersThan(p Product) []Developer {
	return slices.DeleteFunc(slices.Clone(s.Waiting), func(d Developer) bool { return d.TeamID == p.TeamID })
}

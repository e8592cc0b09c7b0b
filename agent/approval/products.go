package approval

import (
	"strings"

	"kextwatch/probe"
)

// watched is a product whose kernel extensions are followed. The team decides;
// the prefix only tells the products of one team apart.
type watched struct {
	name   string
	teamID string
	prefix string
	always bool // reported even when nothing of it is on this Mac
}

var products = []watched{
	{name: "Parallels Desktop", teamID: probe.ParallelsTeamID, prefix: "com.parallels.kext.", always: true},
	{name: "Parallels Access", teamID: probe.ParallelsTeamID, prefix: "com.parallels.virtual"},
}

func (w watched) has(teamID, bundleID string) bool {
	return teamID == w.teamID && strings.HasPrefix(bundleID, w.prefix) && wellFormed(bundleID)
}

// wellFormed reports whether an ID can be a bundle ID: letters, digits,
// hyphens, periods (and underscores, which occur all the same).
func wellFormed(bundleID string) bool {
	return len(bundleID) <= 255 && !strings.ContainsFunc(bundleID, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
	})
}

func watches(teamID, bundleID string) bool {
	for _, w := range products {
		if w.has(teamID, bundleID) {
			return true
		}
	}
	return false
}

// place is what the extensions of one row of the pane have in common besides
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

package approval

import (
	"slices"

	"kextwatch/probe"
)

// Settings holds the settings that change verdicts and notices. A user or an
// organization chooses them.
type Settings struct {
	Reminders     []int // minutes before the end of a window at which the user is reminded
	Vendors       Vendors
	AfterUpdates  bool  // send one notice after an update of macOS or Parallels
	BeforeUpdates bool  // warn once about an offered macOS that Parallels was not made for
	Compat        Table // which macOS each Parallels was made for

	// No later snapshot follows, so what is not certain yet counts as unknown.
	Once bool
}

// DefaultSettings returns the defaults.
func DefaultSettings() Settings {
	return Settings{
		Reminders:     []int{15, 5, 1},
		Vendors:       Vendors{Teams: []string{probe.ParallelsTeamID}},
		AfterUpdates:  true,
		BeforeUpdates: true,
		Compat:        Compat(),
	}
}

// Vendors selects the developers whose kernel extensions are watched.
type Vendors struct {
	All   bool     // Parallels and every developer with an extension on this Mac
	Teams []string // used if All is false
}

// Others reports whether a developer other than Parallels is watched.
func (v Vendors) Others() bool {
	return v.All || slices.ContainsFunc(v.Teams, func(team string) bool { return team != probe.ParallelsTeamID })
}

func (v Vendors) has(teamID string) bool { return v.All || slices.Contains(v.Teams, teamID) }

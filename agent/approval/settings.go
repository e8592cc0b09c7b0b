package approval

import (
	"slices"

	"kextwatch/probe"
)

// Settings are the choices of a person or an organisation that change what is
// judged and what is told.
type Settings struct {
	Reminders     []int // minutes left at which an open window is spoken of again
	Vendors       Vendors
	AfterUpdates  bool  // one notice after an update of macOS or Parallels
	BeforeUpdates bool  // one warning for an offered macOS that Parallels was not made for
	Compat        Table // which Parallels was made for which macOS
}

// DefaultSettings are what holds where nobody chose anything.
func DefaultSettings() Settings {
	return Settings{
		Reminders:     []int{15, 5, 1},
		Vendors:       Vendors{Teams: []string{probe.ParallelsTeamID}},
		AfterUpdates:  true,
		BeforeUpdates: true,
		Compat:        Compat(),
	}
}

// Vendors says whose kernel extensions are watched.
type Vendors struct {
	All   bool     // Parallels, and whoever has an extension on this Mac
	Teams []string // where not all: exactly these
}

// Others reports whether anybody besides Parallels is watched.
func (v Vendors) Others() bool {
	return v.All || slices.ContainsFunc(v.Teams, func(team string) bool { return team != probe.ParallelsTeamID })
}

func (v Vendors) has(teamID string) bool { return v.All || slices.Contains(v.Teams, teamID) }

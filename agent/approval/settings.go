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
	BeforeUpdates bool  // warn once about an offered macOS after which a product needs something
	Compat        Table // which macOS each Parallels was made for
	Contact       Contact
	NoRetry       bool // the menu has no entry to try again, and no text advises it

	// No later snapshot follows, so what is not certain yet counts as unknown.
	Once bool
}

// Contact is whom a user of a managed Mac can ask. The rules do not use it: it comes with a
// status for the texts. Each field may be empty.
type Contact struct {
	Organization string
	URL          string // probe.IsContactURL
	Text         string // how to reach somebody, in words
}

// DefaultSettings returns the defaults.
func DefaultSettings() Settings {
	return Settings{
		Reminders:     []int{15, 5, 1},
		Vendors:       Vendors{Auto: true, Teams: []string{probe.ParallelsTeamID}},
		AfterUpdates:  true,
		BeforeUpdates: true,
		Compat:        Compat(),
	}
}

// Vendors selects the developers whose kernel extensions are watched.
type Vendors struct {
	All    bool     // Parallels and every developer with an extension on this Mac
	Auto   bool     // all of them; those that Teams does not list are announced once for each attempt
	Teams  []string // used if All is false
	Ignore []string // never announced
}

// has reports whether the extensions of a team are assessed.
func (v Vendors) has(teamID string) bool { return v.Auto || v.full(teamID) }

// full reports whether a team is watched in full: with reminders, and until nothing is
// left to do.
func (v Vendors) full(teamID string) bool { return v.All || slices.Contains(v.Teams, teamID) }

// othersInFull reports whether a developer other than Parallels is watched in full.
func (v Vendors) othersInFull() bool {
	return v.All || slices.ContainsFunc(v.Teams, func(team string) bool { return team != probe.ParallelsTeamID })
}

func (v Vendors) ignores(teamID string) bool { return slices.Contains(v.Ignore, teamID) }

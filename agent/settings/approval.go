package settings

import (
	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe/root"
)

// Approval returns the settings of the rules.
func (s Settings) Approval() approval.Settings {
	rules := approval.Settings{
		Reminders:     s.Reminders,
		Vendors:       approval.Vendors{All: s.WatchVendors.All, Auto: s.WatchVendors.Auto, Teams: s.WatchVendors.Teams, Ignore: s.IgnoreVendors},
		AfterUpdates:  s.NotifyAfterUpdates && !s.QuietUpdates,
		BeforeUpdates: s.WarnBeforeUpdates && !s.QuietUpdates,
		Compat:        approval.Compat(),
		Contact:       approval.Contact{Organization: s.OrganizationName, URL: s.ContactURL, Text: s.ContactText},
		NoRetry:       !s.ShowRetry,
	}
	if s.compat != nil {
		rules.Compat = *s.compat
	}
	return rules
}

// takeCompat reads the table of CompatibilityFile. If the table is invalid, the
// built-in one is used.
func (s *Settings) takeCompat(m root.FS) []Problem {
	const key, largest = "CompatibilityFile", 256 << 10 // bytes
	if s.CompatibilityFile == "" {
		return nil
	}
	data, err := m.ReadChosen(s.CompatibilityFile, largest)
	if err != nil {
		return []Problem{readingProblem(key, s.Origins[key].File, err)}
	}
	table, err := approval.ParseTable(data)
	if err != nil {
		return []Problem{{Key: key, File: s.Origins[key].File, Why: view.Clean(err.Error())}}
	}
	s.compat = &table
	return nil
}

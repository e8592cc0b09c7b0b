package main

import (
	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe/root"
)

// judging are the settings that change what is judged and told.
func (s settings) judging() approval.Settings {
	j := approval.Settings{
		Reminders:     s.Reminders,
		Vendors:       approval.Vendors{All: s.WatchVendors.All, Teams: s.WatchVendors.Teams},
		AfterUpdates:  s.NotifyAfterUpdates,
		BeforeUpdates: s.WarnBeforeUpdates,
		Compat:        approval.Compat(),
	}
	if s.compat != nil {
		j.Compat = *s.compat
	}
	return j
}

// takeCompat reads the table of CompatibilityFile. Where it is no good the
// built-in one holds.
func (s *settings) takeCompat(m root.FS) []settingProblem {
	const key, largest = "CompatibilityFile", 256 << 10 // bytes
	if s.CompatibilityFile == "" {
		return nil
	}
	data, err := m.ReadChosen(s.CompatibilityFile, largest)
	if err != nil {
		return []settingProblem{readingProblem(key, s.origins[key].file, err)}
	}
	table, err := approval.ParseTable(data)
	if err != nil {
		return []settingProblem{{Key: key, File: s.origins[key].file, Why: view.Clean(err.Error())}}
	}
	s.compat = &table
	return nil
}

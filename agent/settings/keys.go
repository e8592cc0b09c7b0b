package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"kextwatch/probe"
)

// Key is one key of the settings. docs/settings.md describes the same keys.
type Key struct {
	Name, Meaning string
	set           func(s *Settings, value any) error // value comes from a property list; the error says what it must be
	Get           func(s Settings) any               // the value as the property list has it
}

// Keys are all keys, in the order in which they are shown.
var Keys = []Key{
	{"Reminders", "minutes left at which you are reminded",
		func(s *Settings, v any) error { return setReminders(&s.Reminders, v) },
		func(s Settings) any { return s.Reminders }},
	{"AlertStyle", "auto: notifications, and a dialog at a reminder with 2 to 5 minutes left; notification; dialog",
		func(s *Settings, v any) error {
			style, ok := v.(string)
			if a := alertStyle(style); ok && (a == AlertAuto || a == alertNotification || a == AlertDialog) {
				s.AlertStyle = a
				return nil
			}
			return errors.New("it must be the text auto, notification or dialog")
		},
		func(s Settings) any { return string(s.AlertStyle) }},
	{"ShowTimeInMenuBar", "show the minutes left beside the icon",
		func(s *Settings, v any) error { return setBool(&s.ShowTimeInMenuBar, v) },
		func(s Settings) any { return s.ShowTimeInMenuBar }},
	{"WatchVendors", "whose kernel extensions are watched: auto: Parallels, and others once for each load attempt; parallels; all; or a list of team ids",
		func(s *Settings, v any) error { return setVendors(&s.WatchVendors, v) },
		func(s Settings) any { return s.WatchVendors.value() }},
	{"IgnoreVendors", "the team ids of the developers that are never announced",
		func(s *Settings, v any) error {
			teams, ok := teamIDs(v, 0)
			if !ok {
				return fmt.Errorf("it must be a list of at most %d team ids such as %s", mostTeams, probe.ParallelsTeamID)
			}
			s.IgnoreVendors = teams
			return nil
		},
		func(s Settings) any { return s.IgnoreVendors }},
	{"NotifyAfterUpdates", "after an update of macOS or Parallels Desktop, say what is to be done or known",
		func(s *Settings, v any) error { return setBool(&s.NotifyAfterUpdates, v) },
		func(s Settings) any { return s.NotifyAfterUpdates }},
	{"WarnBeforeUpdates", "warn before an update of macOS after which Parallels Desktop or a kernel extension needs something",
		func(s *Settings, v any) error { return setBool(&s.WarnBeforeUpdates, v) },
		func(s Settings) any { return s.WarnBeforeUpdates }},
	{"SnoozeMinutes", "how long Snooze keeps kextwatch quiet, in minutes",
		func(s *Settings, v any) error {
			minutes, err := wholeMinutes(v)
			if err == nil {
				s.SnoozeMinutes = minutes
			}
			return err
		},
		func(s Settings) any { return s.SnoozeMinutes }},
	{"RunOnChange", "the absolute path of a program that is run for each event",
		func(s *Settings, v any) error { return setPath(&s.RunOnChange, v) },
		func(s Settings) any { return s.RunOnChange }},
	{"CompatibilityFile", "the absolute path of your own table of which Parallels Desktop works with which macOS",
		func(s *Settings, v any) error { return setPath(&s.CompatibilityFile, v) },
		func(s Settings) any { return s.CompatibilityFile }},
}

func setBool(into *bool, value any) error {
	b, ok := value.(bool)
	if !ok {
		return errors.New("it must be true or false (defaults write … -bool)")
	}
	*into = b
	return nil
}

const longestMinutes = 29 // the window has 30 minutes

// wholeMinutes returns an integer of a property list as minutes.
func wholeMinutes(value any) (int, error) {
	n := int64(0)
	switch v := value.(type) {
	case uint64:
		n = int64(min(v, longestMinutes+1))
	case int64:
		n = v
	}
	if n < 1 || n > longestMinutes {
		return 0, fmt.Errorf("it must be a whole number from 1 to %d (defaults write … -int)", longestMinutes)
	}
	return int(n), nil
}

func setReminders(into *[]int, value any) error {
	const most = 10
	list, ok := value.([]any)
	if !ok || len(list) < 1 || len(list) > most {
		return fmt.Errorf("it must be a list of 1 to %d whole numbers (defaults write … -array '<integer>15</integer>' …)", most)
	}
	var all []int
	for _, v := range list {
		minutes, err := wholeMinutes(v)
		switch {
		case err != nil:
			return fmt.Errorf("each reminder must be a whole number from 1 to %d", longestMinutes)
		case slices.Contains(all, minutes):
			return fmt.Errorf("%d appears twice", minutes)
		}
		all = append(all, minutes)
	}
	slices.Sort(all)
	slices.Reverse(all)
	*into = all
	return nil
}

const mostTeams = 50

func setVendors(into *vendors, value any) error {
	parallels := []string{probe.ParallelsTeamID}
	switch value {
	case "auto":
		*into = vendors{Auto: true, Teams: parallels}
	case "parallels":
		*into = vendors{Teams: parallels}
	case "all":
		*into = vendors{All: true}
	default:
		teams, ok := teamIDs(value, 1)
		if !ok {
			return fmt.Errorf("it must be the text auto, parallels or all, or a list of 1 to %d team ids such as %s", mostTeams, probe.ParallelsTeamID)
		}
		*into = vendors{Teams: teams}
	}
	return nil
}

// teamIDs returns a list of a property list as team IDs, each of them once. It must have
// at least that many.
func teamIDs(value any, fewest int) ([]string, bool) {
	list, ok := value.([]any)
	if !ok || len(list) < fewest || len(list) > mostTeams {
		return nil, false
	}
	teams := []string{}
	for _, t := range list {
		team, ok := t.(string)
		if !ok || !probe.IsTeamID(team) {
			return nil, false
		}
		if !slices.Contains(teams, team) {
			teams = append(teams, team)
		}
	}
	return teams, true
}

// value returns the setting as a value of a property list.
func (v vendors) value() any {
	switch {
	case v.All:
		return "all"
	case v.Auto:
		return "auto"
	case slices.Equal(v.Teams, []string{probe.ParallelsTeamID}):
		return "parallels"
	}
	return v.Teams
}

// setPath sets an absolute path. An empty one turns the setting off.
func setPath(into *string, value any) error {
	path, ok := value.(string)
	if !ok || path != "" && (!filepath.IsAbs(path) || len(path) > 1000 || strings.ContainsFunc(path, unprintable)) {
		return errors.New("it must be an absolute path, such as /Library/Scripts/kextwatch.sh")
	}
	*into = path
	return nil
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

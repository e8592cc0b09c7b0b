package settings

import (
	"path/filepath"
	"slices"

	"kextwatch/agent/settings/values"
	"kextwatch/probe"
)

// Key is one key of the settings. docs/settings.md and the forms in docs/mdm have the same keys
// with the same values, by tests.
type Key struct {
	Name    string
	Title   string // in a form of a device management service
	Meaning string // sentences
	Form    values.Form

	field func(s *Settings) any // a pointer to the field: see take
}

// windowMinutes are minutes of an approval window, which has 30: a reminder and a snooze end
// before it does.
var windowMinutes = values.Form{Type: values.Integer, Min: 1, Max: 29}

var team = values.Form{Type: values.String, What: "a team ID", Pattern: `^[0-9A-Z]{10}$`, Example: probe.ParallelsTeamID, Fits: probe.IsTeamID}

const mostTeams = 50

// An empty path turns a setting off.
const (
	longestPath = 1000
	pathPattern = `^(/.*)?$`
)

func isPath(text string) bool { return text == "" || filepath.IsAbs(text) }

// linePattern has no control characters. The program also refuses invisible characters and
// those that change the direction of text: the forms have no common way to write them.
const linePattern = `^[^\x00-\x1f\x7f]*$`

func isContactURL(text string) bool { return text == "" || probe.IsContactURL(text) }

// Keys are all keys, in the order in which they are shown.
var Keys = []Key{
	{
		"Reminders", "Reminders (minutes left)", "Minutes left at which you are reminded.",
		values.Form{Type: values.List, Items: &windowMinutes, Fewest: 1, Most: 10, Different: true},
		func(s *Settings) any { return &s.Reminders },
	},
	{
		"AlertStyle", "Style of alerts",
		"auto: notifications, and a dialog at a reminder with 2 to 5 minutes left. notification: never a dialog. dialog: a dialog when a window opens and at each reminder.",
		values.Form{Type: values.String, Choices: []string{string(AlertAuto), string(alertNotification), string(AlertDialog)}},
		func(s *Settings) any { return &s.AlertStyle },
	},
	{
		"ShowTimeInMenuBar", "Time in the menu bar", "Show the minutes left beside the icon.",
		values.Form{Type: values.Bool}, func(s *Settings) any { return &s.ShowTimeInMenuBar },
	},
	{
		"WatchVendors", "Watched developers",
		"Whose kernel extensions are watched. auto: Parallels, and others once for each load attempt. parallels: only Parallels. all: everyone. Or a list of team IDs.",
		values.Form{Type: values.String, Choices: []string{"auto", "parallels", "all"}, Or: &values.Form{Type: values.List, Items: &team, Fewest: 1, Most: mostTeams}},
		func(s *Settings) any { return &s.WatchVendors },
	},
	{
		"IgnoreVendors", "Ignored developers", "Developers whose kernel extensions are never announced, by team ID. kextwatch still lists them.",
		values.Form{Type: values.List, Items: &team, Most: mostTeams}, func(s *Settings) any { return &s.IgnoreVendors },
	},
	{
		"NotifyAfterUpdates", "Notice after an update", "Send a notice after an update of macOS or Parallels Desktop, if there is something to do or to know.",
		values.Form{Type: values.Bool}, func(s *Settings) any { return &s.NotifyAfterUpdates },
	},
	{
		"WarnBeforeUpdates", "Warning before an update",
		"Warn before an update of macOS after which Parallels Desktop or a kernel extension needs something.",
		values.Form{Type: values.Bool}, func(s *Settings) any { return &s.WarnBeforeUpdates },
	},
	{
		"SnoozeMinutes", "Minutes of Snooze", "How many minutes Snooze keeps kextwatch quiet.",
		windowMinutes, func(s *Settings) any { return &s.SnoozeMinutes },
	},
	{
		"RunOnChange", "Program for each event", "Your own program, which runs for each event.",
		values.Form{Type: values.String, What: "an absolute path", Longest: longestPath, Pattern: pathPattern, Example: "/Library/Scripts/kextwatch.sh", Fits: isPath},
		func(s *Settings) any { return &s.RunOnChange },
	},
	{
		"CompatibilityFile", "Compatibility table", "Your own table of which Parallels Desktop supports which macOS. It replaces the built-in table.",
		values.Form{Type: values.String, What: "an absolute path", Longest: longestPath, Pattern: pathPattern, Example: "/Library/Application Support/kextwatch/compat.json", Fits: isPath},
		func(s *Settings) any { return &s.CompatibilityFile },
	},
	{
		"OrganizationName", "Organization", "The name of your organization, for texts that ask users to contact an administrator.",
		values.Form{Type: values.String, What: "a line", Longest: 60, Pattern: linePattern, Example: "ACME"},
		func(s *Settings) any { return &s.OrganizationName },
	},
	{
		"ContactURL", "Address for help", "Where users reach your organization. An entry of the menu opens it.",
		values.Form{Type: values.String, What: "a URL with https, http, mailto or tel", Longest: probe.MaxContactURL, Pattern: probe.ContactURLForm.Expr, Example: "https://help.example.com", Fits: isContactURL},
		func(s *Settings) any { return &s.ContactURL },
	},
	{
		"ContactText", "How to get help", "How users reach your organization, in words.",
		values.Form{Type: values.String, What: "a line", Longest: 200, Pattern: linePattern, Example: "IT Support, extension 4321"},
		func(s *Settings) any { return &s.ContactText },
	},
	{
		"ShowQuit", "Quit in the menu", "Show Quit in the menu.",
		values.Form{Type: values.Bool}, func(s *Settings) any { return &s.ShowQuit },
	},
	{
		"ShowRetry", "Try Again in the menu", "Show Try Again in the menu, and suggest it in texts.",
		values.Form{Type: values.Bool}, func(s *Settings) any { return &s.ShowRetry },
	},
	{
		"QuietUpdates", "No notices about updates",
		"Send no notice before or after an update, whatever NotifyAfterUpdates and WarnBeforeUpdates say. What must be done now is still announced.",
		values.Form{Type: values.Bool}, func(s *Settings) any { return &s.QuietUpdates },
	},
}

// Get returns the value as a property list has it.
func (k Key) Get(s Settings) any {
	switch field := k.field(&s).(type) {
	case *bool:
		return *field
	case *int:
		return *field
	case *[]int:
		return *field
	case *string:
		return *field
	case *[]string:
		return *field
	case *alertStyle:
		return string(*field)
	case *vendors:
		return field.value()
	}
	return nil
}

// Default returns the default as a property list would have it.
func (k Key) Default() any { return k.Get(Default()) }

// set takes a value of a property list. The error says what the value must be.
func (k Key) set(s *Settings, value any) error {
	if err := k.Form.Check(value); err != nil {
		return err
	}
	switch field := k.field(s).(type) {
	case *bool:
		*field = value.(bool)
	case *int:
		*field = values.Number(value)
	case *[]int:
		*field = descending(value.([]any))
	case *string:
		*field = value.(string)
	case *[]string:
		*field = teamIDs(value.([]any))
	case *alertStyle:
		*field = alertStyle(value.(string))
	case *vendors:
		*field = vendorsOf(value)
	}
	return nil
}

// descending returns reminders in the order in which they come.
func descending(list []any) []int {
	var all []int
	for _, v := range list {
		all = append(all, values.Number(v))
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// teamIDs returns each team ID of a list once.
func teamIDs(list []any) []string {
	teams := []string{}
	for _, v := range list {
		if team := v.(string); !slices.Contains(teams, team) {
			teams = append(teams, team)
		}
	}
	return teams
}

func vendorsOf(value any) vendors {
	parallels := []string{probe.ParallelsTeamID}
	switch value {
	case "auto":
		return vendors{Auto: true, Teams: parallels}
	case "parallels":
		return vendors{Teams: parallels}
	case "all":
		return vendors{All: true}
	}
	return vendors{Teams: teamIDs(value.([]any))}
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

// Package settings reads the settings of the user and of configuration profiles.
package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Settings are the values that hold now. Keys describes each of them.
type Settings struct {
	Reminders          []int // minutes left, in descending order
	AlertStyle         alertStyle
	ShowTimeInMenuBar  bool
	WatchVendors       vendors
	IgnoreVendors      []string // team IDs
	NotifyAfterUpdates bool
	WarnBeforeUpdates  bool
	SnoozeMinutes      int
	RunOnChange        string // a path of the Mac; empty: no program is run
	CompatibilityFile  string // a path of the Mac; empty: the built-in table
	OrganizationName   string
	ContactURL         string // probe.IsContactURL, or empty
	ContactText        string
	ShowQuit           bool
	ShowRetry          bool
	QuietUpdates       bool // NotifyAfterUpdates and WarnBeforeUpdates do not count

	Origins map[string]Origin // of the values that are not defaults, by key
	compat  *approval.Table   // the content of CompatibilityFile; nil: use the built-in table
}

// alertStyle is how an alert is shown.
type alertStyle string

// The values of AlertStyle.
const (
	AlertAuto         alertStyle = "auto"
	alertNotification alertStyle = "notification"
	AlertDialog       alertStyle = "dialog"
)

// vendors are the developers whose kernel extensions are watched.
type vendors struct {
	All   bool
	Auto  bool     // Teams in full, and each attempt of the others once
	Teams []string // team IDs, unless All
}

// Origin is where the value of a key comes from. The zero Origin is the default.
type Origin struct {
	Managed bool
	File    string
}

// String returns managed, user or default.
func (o Origin) String() string {
	switch {
	case o.Managed:
		return "managed"
	case o.File != "":
		return "user"
	}
	return "default"
}

// Problem is an invalid key or, if Key is empty, a file that cannot be read.
// Unknown is a key that this version does not know, and Suggestion the key that it
// probably means. Unread means that the file may be intact, and can perhaps be read
// later.
type Problem struct {
	Key        string `json:"key,omitempty"`
	File       string `json:"file"`
	Why        string `json:"why"`
	Unknown    bool   `json:"unknown"`
	Suggestion string `json:"suggestion,omitempty"`
	Unread     bool   `json:"-"`
}

// readingProblem returns the problem of a file that could not be read.
func readingProblem(key, file string, err error) Problem {
	temporary := !root.Damaged(err) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, root.ErrOutside)
	return Problem{Key: key, File: file, Why: view.Clean(err.Error()), Unread: temporary}
}

// Gaps reports the files that could not be read. What they say about the watched
// developers is not known, so no verdict is certain.
func Gaps(problems []Problem) []probe.Gap {
	for _, p := range problems {
		if p.Key == "" {
			return []probe.Gap{{Source: probe.FactOwnSettings, Err: p.File + ": " + p.Why, Next: "Correct " + p.File + ", or remove it."}}
		}
	}
	return nil
}

// Default returns the default settings.
func Default() Settings {
	return Settings{
		Reminders: []int{15, 5, 1}, AlertStyle: AlertAuto, ShowTimeInMenuBar: true,
		WatchVendors: vendors{Auto: true, Teams: []string{probe.ParallelsTeamID}}, IgnoreVendors: []string{},
		NotifyAfterUpdates: true, WarnBeforeUpdates: true, SnoozeMinutes: 10,
		ShowQuit: true, ShowRetry: true,
		Origins: map[string]Origin{},
	}
}

// File is one property list with settings.
type File struct {
	Path    string // of this machine
	managed bool
}

// Files returns the files that may have settings. The first file that has a key
// decides its value. macOS writes the values of a profile into a file for the user,
// in a folder named like the home folder, or into a file for all users.
// Without a home, only the file for all users remains.
func Files(m root.FS, home string) []File {
	names := []string{probe.AgentLabel}
	if home != "" {
		names = []string{filepath.Base(home) + "/" + probe.AgentLabel, probe.AgentLabel}
	}
	files := []File{}
	for _, name := range names {
		if path, err := m.Resolve(probe.ManagedSettings + "/" + name + ".plist"); err == nil {
			files = append(files, File{path, true})
		}
	}
	if home != "" {
		files = append(files, File{UserSettings(home), false})
	}
	return files
}

// UserSettings returns the path of the user's own settings.
func UserSettings(home string) string {
	return filepath.Join(home, "Library", "Preferences", probe.AgentLabel+".plist")
}

// Read reads the settings of the user with this home. An invalid value is reported
// and replaced by the default. This holds for managed values, too: the user's own
// value must not take their place.
//
// A service of macOS writes preferences, so a file has a value of `defaults write`
// only after a moment.
func Read(m root.FS, home string) (Settings, []Problem) { return read(m, Files(m, home)) }

// ReadManaged is Read without the user's own settings.
func ReadManaged(m root.FS, home string) (Settings, []Problem) {
	return read(m, slices.DeleteFunc(Files(m, home), func(f File) bool { return !f.managed }))
}

func read(m root.FS, files []File) (Settings, []Problem) {
	s := Default()
	var problems []Problem
	decided := map[string]bool{}
	for _, file := range files {
		values, err := readSettingsFile(file.Path)
		if err != nil {
			problems = append(problems, readingProblem("", file.Path, err))
			continue
		}
		problems = append(problems, s.take(values, file, decided)...)
	}
	return s, append(problems, s.takeCompat(m)...)
}

// take sets the values of a file for the keys that no earlier file has.
func (s *Settings) take(values map[string]any, file File, decided map[string]bool) []Problem {
	var problems []Problem
	for _, key := range Keys {
		value, there := values[key.Name]
		if !there || decided[key.Name] {
			continue
		}
		decided[key.Name] = true
		if err := key.set(s, value); err != nil {
			problems = append(problems, Problem{Key: key.Name, File: file.Path, Why: err.Error()})
			continue
		}
		s.Origins[key.Name] = Origin{file.managed, file.Path}
	}
	for _, name := range unknownKeys(values) {
		problems = append(problems, Problem{Key: view.Clean(name), File: file.Path, Why: unknownKey, Unknown: true, Suggestion: nearestKey(name)})
	}
	return problems
}

const settingsLimit = 256 << 10 // bytes of a file; ours have some hundreds

func readSettingsFile(path string) (map[string]any, error) {
	data, err := root.ReadFile(path, settingsLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := root.DecodePlist(data, &values); err != nil {
		return nil, err
	}
	return values, nil
}

const unknownKey = "this version of kextwatch does not know the key"

// foreignKeys are how the keys begin that macOS writes into the files: AppKit saves the
// position of the icon and of windows, and a managed file can have keys of the profile
// itself, such as PayloadUUID.
var foreignKeys = []string{"NS", "Apple", "com.apple.", "Payload", "_manualProfile"}

func isForeign(name string) bool {
	return slices.ContainsFunc(foreignKeys, func(start string) bool { return strings.HasPrefix(name, start) })
}

// unknownKeys returns the keys that belong neither to kextwatch nor to macOS, in order.
func unknownKeys(values map[string]any) []string {
	var unknown []string
	for name := range values {
		known := slices.ContainsFunc(Keys, func(k Key) bool { return k.Name == name })
		if !known && !isForeign(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// nearestKey returns the key that a mistyped name probably means. It returns "" if no
// key is close.
func nearestKey(name string) string {
	if len(name) < 4 { // it may be anything
		return ""
	}
	var names []string
	for _, key := range Keys {
		names = append(names, key.Name)
	}
	return probe.Nearest(name, names)
}

package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Settings are the user's wishes, as they hold now. Keys describes each
// of them.
type Settings struct {
	Reminders          []int // minutes left, falling
	AlertStyle         alertStyle
	ShowTimeInMenuBar  bool
	WatchVendors       vendors
	NotifyAfterUpdates bool
	WarnBeforeUpdates  bool
	SnoozeMinutes      int
	RunOnChange        string // a path of the Mac; empty: nothing is run
	CompatibilityFile  string // a path of the Mac; empty: the built-in table

	Origins map[string]Origin // of what is no default, by key
	compat  *approval.Table   // what CompatibilityFile holds; nil: the built-in one
}

// alertStyle is how an alert is shown.
type alertStyle string

const (
	AlertAuto         alertStyle = "auto"
	alertNotification alertStyle = "notification"
	AlertDialog       alertStyle = "dialog"
)

// vendors are whose kernel extensions are watched.
type vendors struct {
	All   bool
	Teams []string // team ids, where not All
}

// Origin is where the value of a key comes from; zero is the built-in default.
type Origin struct {
	Managed bool
	File    string
}

func (o Origin) String() string {
	switch {
	case o.Managed:
		return "managed"
	case o.File != "":
		return "user"
	}
	return "default"
}

// Problem is what is wrong with a key, or with a file where Key is
// empty. Unknown is a key that means nothing to this version, and harmless.
// Unread is a file that may be whole and could not be read now.
type Problem struct {
	Key     string `json:"key,omitempty"`
	File    string `json:"file"`
	Why     string `json:"why"`
	Unknown bool   `json:"unknown"`
	Unread  bool   `json:"-"`
}

// readingProblem is what is wrong with a file that could not be read.
func readingProblem(key, file string, err error) Problem {
	passes := !root.Damaged(err) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, root.ErrOutside)
	return Problem{Key: key, File: file, Why: view.Clean(err.Error()), Unread: passes}
}

func Default() Settings {
	return Settings{
		Reminders: []int{15, 5, 1}, AlertStyle: AlertAuto, ShowTimeInMenuBar: true,
		WatchVendors:       vendors{Teams: []string{probe.ParallelsTeamID}},
		NotifyAfterUpdates: true, WarnBeforeUpdates: true, SnoozeMinutes: 10,
		Origins: map[string]Origin{},
	}
}

// File is one property list with settings.
type File struct {
	Path    string // of this machine
	managed bool
}

// Files are the files that may hold settings; the first that has a key
// decides it. What a profile sets is laid down by macOS for the user, named
// like the home folder, or for everyone.
func Files(m root.FS, home string) []File {
	files := []File{}
	for _, name := range []string{filepath.Base(home) + "/" + probe.AgentLabel, probe.AgentLabel} {
		if path, err := m.Resolve("/Library/Managed Preferences/" + name + ".plist"); err == nil {
			files = append(files, File{path, true})
		}
	}
	return append(files, File{UserSettings(home), false})
}

func UserSettings(home string) string {
	return filepath.Join(home, "Library", "Preferences", probe.AgentLabel+".plist")
}

// Read reads the settings of the user whose home this is. A value that
// is no good is a problem, and the default is used: also where a profile set
// it, for the user's own value was not to count.
//
// macOS writes preferences through a service of its own, so a file shows what
// `defaults write` set only after a moment.
func Read(m root.FS, home string) (Settings, []Problem) {
	s := Default()
	var problems []Problem
	decided := map[string]bool{}
	for _, file := range Files(m, home) {
		values, err := readSettingsFile(file.Path)
		if err != nil {
			problems = append(problems, readingProblem("", file.Path, err))
			continue
		}
		problems = append(problems, s.take(values, file, decided)...)
	}
	return s, append(problems, s.takeCompat(m)...)
}

// take takes over the values of a file for the keys that are not decided yet.
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
	if unknown := unknownKeys(values); unknown != "" {
		problems = append(problems, Problem{Key: unknown, File: file.Path, Unknown: true,
			Why: "this version of kextwatch knows no such key"})
	}
	return problems
}

const settingsLimit = 256 << 10 // bytes of a file; ours have some hundred

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

// unknownKeys names a few of the keys that are none of ours. macOS keeps things
// of its own there, such as where the icon is.
func unknownKeys(values map[string]any) string {
	const most = 5
	var unknown []string
	for name := range values {
		known := slices.ContainsFunc(Keys, func(k Key) bool { return k.Name == name })
		if !known && !strings.HasPrefix(name, "NS") && !strings.HasPrefix(name, "Apple") {
			unknown = append(unknown, view.Clean(name))
		}
	}
	slices.Sort(unknown)
	if len(unknown) > most {
		unknown = append(unknown[:most], fmt.Sprintf("and %d more", len(unknown)-most))
	}
	return strings.Join(unknown, ", ")
}

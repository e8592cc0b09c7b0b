package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
)

// What an administrator types becomes the value that the agent reads, or an error.
func TestParse(t *testing.T) {
	for _, tt := range []struct {
		key, text string
		want      any
		err       string
	}{
		{"Reminders", "20,10,2", []int{20, 10, 2}, ""},
		{"Reminders", "5 15, 1", []int{15, 5, 1}, ""},
		{"Reminders", "15", []int{15}, ""},
		{"Reminders", "", nil, "it must be a list of 1 to 10 different whole numbers from 1 to 29"},
		{"Reminders", "15,soon", nil, "each entry must be a whole number"},
		{"Reminders", "30", nil, "each entry must be a whole number from 1 to 29"},
		{"AlertStyle", "dialog", "dialog", ""},
		{"AlertStyle", "loud", nil, "it must be the text auto, notification or dialog"},
		{"AlertStyle", "auto,dialog", nil, "it must be the text"},
		{"ShowTimeInMenuBar", "false", false, ""},
		{"ShowTimeInMenuBar", "true", true, ""},
		{"ShowTimeInMenuBar", "yes", nil, "it must be true or false"},
		{"ShowTimeInMenuBar", "1", nil, "it must be true or false"},
		{"WatchVendors", "all", "all", ""},
		{"WatchVendors", "3T5GSNBU6W,VB5E2TV963", []string{"3T5GSNBU6W", "VB5E2TV963"}, ""},
		{"WatchVendors", probe.ParallelsTeamID, "parallels", ""},
		{"WatchVendors", "1029384756", []string{"1029384756"}, ""}, // a team, although it looks like a number
		{"WatchVendors", "macFUSE", nil, "it must be the text auto, parallels or all, or a list"},
		{"IgnoreVendors", "", []string{}, ""},
		{"IgnoreVendors", "VB5E2TV963", []string{"VB5E2TV963"}, ""},
		{"SnoozeMinutes", "5", 5, ""},
		{"SnoozeMinutes", "-5", nil, "it must be a whole number from 1 to 29"},
		{"SnoozeMinutes", "5.5", nil, "it must be a whole number from 1 to 29"},
		{"RunOnChange", "/Library/Scripts/a, b.sh", "/Library/Scripts/a, b.sh", ""},
		{"RunOnChange", "", "", ""},
		{"RunOnChange", "b.sh", nil, "it must be an absolute path"},
		{"RunOnChange", "/" + strings.Repeat("x", 5000), nil, "it must have at most 4096 characters"},
	} {
		key, _, ok := KeyNamed(tt.key)
		if !ok {
			t.Fatalf("no key %s", tt.key)
		}
		got, err := key.Parse(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "defaults write") {
				t.Errorf("%s=%s: %v, %v; want the error %q", tt.key, tt.text, got, err, tt.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s=%s: %#v, %v; want %#v", tt.key, tt.text, got, err, tt.want)
		}
	}
}

func TestKeyNamed(t *testing.T) {
	for name, want := range map[string]string{"snoozeminutes": "SnoozeMinutes", "WatchVendor": "WatchVendors", "Loudness": ""} {
		if _, nearest, ok := KeyNamed(name); ok || nearest != want {
			t.Errorf("%s: found %v, nearest %q, want %q", name, ok, nearest, want)
		}
	}
}

// The default of every key is a value that the key accepts, so a profile can set it.
func TestDefaultsAreValidValues(t *testing.T) {
	for _, key := range Keys {
		data, err := plist.Marshal(map[string]any{key.Name: key.Get(Default())}, plist.BinaryFormat)
		mactest.NoError(t, err)
		file := filepath.Join(t.TempDir(), "settings.plist")
		mactest.WriteFile(t, file, string(data))
		given, _, problems, err := ReadGiven(file)
		if err != nil || len(problems) > 0 || !reflect.DeepEqual(given[key.Name], key.Get(Default())) {
			t.Errorf("%s: %#v, %+v, %v", key.Name, given, problems, err)
		}
	}
}

// An export of a Mac's own settings has keys of macOS, which belong into no profile.
func TestReadGiven(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.plist")
	mactest.WriteFile(t, file, `<plist version="1.0"><dict><key>SnoozeMinutes</key><integer>5</integer><key>AlertStyle</key><string>loud</string>
		<key>NSStatusItem Preferred Position Item-0</key><integer>400</integer><key>Snooze</key><true/></dict></plist>`)
	given, foreign, problems, err := ReadGiven(file)
	if err != nil || !reflect.DeepEqual(given, map[string]any{"SnoozeMinutes": 5}) || !slices.Equal(foreign, []string{"NSStatusItem Preferred Position Item-0"}) {
		t.Errorf("%v, left out %q, %v", given, foreign, err)
	}
	if len(problems) != 2 || problems[0].Key != "AlertStyle" || problems[1].Key != "Snooze" || !problems[1].Unknown {
		t.Errorf("problems %+v, want those of AlertStyle and Snooze", problems)
	}
	if _, _, _, err := ReadGiven(file + ".missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("20,10,2")
	f.Add("true")
	hostile.Fuzz(f, func(t *testing.T, text string) {
		for _, key := range Keys {
			value, err := key.Parse(text)
			if err != nil {
				continue
			}
			s := Default()
			data, err := plist.Marshal(map[string]any{key.Name: value}, plist.XMLFormat)
			mactest.NoError(t, err)
			values := map[string]any{}
			if _, err := plist.Unmarshal(data, &values); err != nil {
				t.Fatalf("%s=%q cannot be read back: %v", key.Name, text, err)
			}
			if problems := s.take(values, File{Path: "/x.plist"}, map[string]bool{}); len(problems) > 0 {
				t.Errorf("%s=%q is accepted as %#v and then refused: %+v", key.Name, text, value, problems)
			}
		}
	})
}

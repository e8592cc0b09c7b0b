package settings

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"howett.net/plist"

	"kextwatch/agent/settings/settingstest"
	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestSettingsValues(t *testing.T) {
	many := func(n int, v any) []any {
		var list []any
		for range n {
			list = append(list, v)
		}
		return list
	}
	for _, tt := range []struct {
		key   string
		value any
		want  any // nil: invalid
	}{
		{"Reminders", []any{1, 20, 5}, []int{20, 5, 1}},
		{"Reminders", []any{29}, []int{29}},
		{"Reminders", []any{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{"Reminders", []any{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, nil},
		{"Reminders", []any{}, nil},
		{"Reminders", []any{5, 5}, nil},
		{"Reminders", []any{0}, nil},
		{"Reminders", []any{30}, nil},
		{"Reminders", []any{-5}, nil},
		{"Reminders", []any{uint64(1 << 63)}, nil},
		{"Reminders", []any{"5"}, nil},
		{"Reminders", []any{5.0}, nil},
		{"Reminders", 5, nil},
		{"AlertStyle", "auto", "auto"},
		{"AlertStyle", "notification", "notification"},
		{"AlertStyle", "dialog", "dialog"},
		{"AlertStyle", "Dialog", nil},
		{"AlertStyle", true, nil},
		{"ShowTimeInMenuBar", false, false},
		{"ShowTimeInMenuBar", 0, nil},
		{"ShowTimeInMenuBar", "NO", nil},
		{"NotifyAfterUpdates", false, false},
		{"NotifyAfterUpdates", []byte("x"), nil},
		{"WarnBeforeUpdates", false, false},
		{"WarnBeforeUpdates", map[string]any{}, nil},
		{"WatchVendors", "auto", "auto"},
		{"WatchVendors", "parallels", "parallels"},
		{"WatchVendors", "all", "all"},
		{"WatchVendors", []any{"4C6364ACXT"}, "parallels"},
		{"WatchVendors", []any{"VB5E2TV963", "4C6364ACXT", "VB5E2TV963"}, []string{"VB5E2TV963", "4C6364ACXT"}},
		{"WatchVendors", "vmware", nil},
		{"WatchVendors", []any{}, nil},
		{"WatchVendors", []any{"4c6364acxt"}, nil},
		{"WatchVendors", []any{"4C6364ACXT", 7}, nil},
		{"WatchVendors", []any{"4C6364ACX'"}, nil},
		{"WatchVendors", many(51, "4C6364ACXT"), nil},
		{"WatchVendors", map[string]any{}, nil},
		{"IgnoreVendors", []any{}, []string{}},
		{"IgnoreVendors", []any{"VB5E2TV963", "3T5GSNBU6W", "VB5E2TV963"}, []string{"VB5E2TV963", "3T5GSNBU6W"}},
		{"IgnoreVendors", "VB5E2TV963", nil},
		{"IgnoreVendors", []any{"VirtualBox"}, nil},
		{"IgnoreVendors", many(51, "4C6364ACXT"), nil},
		{"SnoozeMinutes", 29, 29},
		{"SnoozeMinutes", 0, nil},
		{"SnoozeMinutes", 30, nil},
		{"SnoozeMinutes", "10", nil},
		{"RunOnChange", "/Library/Scripts/a b.sh", "/Library/Scripts/a b.sh"},
		{"RunOnChange", "", ""},
		{"RunOnChange", "bin/x", nil},
		{"RunOnChange", "~/x", nil},
		{"RunOnChange", "/bin/\x1b[2Jx", nil},
		{"RunOnChange", "/bin/x\u202e", nil},
		{"RunOnChange", "/" + strings.Repeat("x", 1000), nil},
		{"RunOnChange", 7, nil},
		{"OrganizationName", "Größe & Söhne <IT>", "Größe & Söhne <IT>"},
		{"OrganizationName", "", ""},
		{"OrganizationName", strings.Repeat("ä", 60), strings.Repeat("ä", 60)},
		{"OrganizationName", strings.Repeat("ä", 61), nil},
		{"OrganizationName", "ACME\nfake line", nil},
		{"OrganizationName", "ACME\x1b[2J", nil},
		{"OrganizationName", "ACME\u202egnp", nil},
		{"OrganizationName", "A\u200bCME", nil},
		{"OrganizationName", "A\u00a0CME", nil},
		{"OrganizationName", 7, nil},
		{"OrganizationName", []any{"ACME"}, nil},
		{"ContactURL", "https://help.acme.example/mac", "https://help.acme.example/mac"},
		{"ContactURL", "mailto:it@acme.example", "mailto:it@acme.example"},
		{"ContactURL", "", ""},
		{"ContactURL", "javascript:alert(1)", nil},
		{"ContactURL", "file:///Applications/Calculator.app", nil},
		{"ContactURL", "https://acme.example@evil.example/", nil},
		{"ContactURL", "https://acme.example/\nx", nil},
		{"ContactURL", "https://acme.example/" + strings.Repeat("x", 280), nil},
		{"ContactURL", true, nil},
		{"ContactText", "IT Support, extension 4321 ☎", "IT Support, extension 4321 ☎"},
		{"ContactText", strings.Repeat("x", 201), nil},
		{"ContactText", "4321\r\n", nil},
		{"ShowQuit", false, false},
		{"ShowQuit", "false", nil},
		{"ShowRetry", false, false},
		{"ShowRetry", 0, nil},
		{"QuietUpdates", true, true},
		{"QuietUpdates", 1, nil},
		{"CompatibilityFile", "/Users/Shared/compat.json", "/Users/Shared/compat.json"},
		{"CompatibilityFile", "compat.json", nil},
	} {
		p := settingstest.New(t)
		mactest.WriteFile(t, filepath.Join(p.Mac.Root, "Users/Shared/compat.json"), sampleTable)
		p.Set(settingstest.OfTheUser, map[string]any{tt.key: tt.value})
		s, problems := Read(p.Mac, p.Home)
		want, wrong := tt.want, 0
		if want == nil {
			want, wrong = valueOf(Default(), tt.key), 1
		}
		if got := valueOf(s, tt.key); !reflect.DeepEqual(got, want) || len(problems) != wrong {
			t.Errorf("%s %v: %v with problems %+v, want %v and %d", tt.key, tt.value, got, problems, want, wrong)
		}
		if wrong == 1 && len(problems) == 1 && (problems[0].Key != tt.key || problems[0].Why == "" || s.Origins[tt.key] != Origin{}) {
			t.Errorf("%s %v: problem %+v, origin %v", tt.key, tt.value, problems[0], s.Origins[tt.key])
		}
	}
}

// A message names the values that a key takes, with the type for defaults write.
func TestWhatAValueMustBe(t *testing.T) {
	for _, tt := range []struct {
		key   string
		value any
		want  string
	}{
		{"ShowTimeInMenuBar", "NO", "it must be true or false (defaults write … -bool)"},
		{"SnoozeMinutes", "10", "it must be a whole number from 1 to 29 (defaults write … -int)"},
		{"Reminders", 5, "it must be a list of 1 to 10 different whole numbers from 1 to 29 (defaults write … -array)"},
		{"Reminders", []any{5, 30}, "each entry must be a whole number from 1 to 29"},
		{"Reminders", []any{5, 5}, "5 appears twice"},
		{"IgnoreVendors", []any{"macFUSE"}, "each entry must be a team ID, such as 4C6364ACXT"},
		{"WatchVendors", []any{}, "it must be the text auto, parallels or all, or a list of 1 to 50 team IDs, such as 4C6364ACXT"},
		{"OrganizationName", "a\nb", "it must be a line of at most 60 characters, such as ACME"},
		{"ContactURL", "javascript:x", "it must be a URL with https, http, mailto or tel of at most 300 characters, such as https://help.example.com"},
		{"RunOnChange", "x.sh", "it must be an absolute path of at most 1000 characters, such as /Library/Scripts/kextwatch.sh"},
	} {
		p := settingstest.New(t)
		p.Set(settingstest.OfTheUser, map[string]any{tt.key: tt.value})
		if _, problems := Read(p.Mac, p.Home); len(problems) != 1 || problems[0].Why != tt.want {
			t.Errorf("%s %v: %+v, want %s", tt.key, tt.value, problems, tt.want)
		}
	}
}

func valueOf(s Settings, name string) any {
	for _, key := range Keys {
		if key.Name == name {
			return key.Get(s)
		}
	}
	return "no such key"
}

// Managed values win, those for the user first. An invalid managed value is replaced
// by the default, not by the user's own value.
func TestSettingsOrigins(t *testing.T) {
	p := settingstest.New(t)
	p.Set(settingstest.OfTheUser, map[string]any{"SnoozeMinutes": 3, "AlertStyle": "dialog", "ShowTimeInMenuBar": false, "WatchVendors": "all"})
	p.Set(settingstest.ManagedForAll, map[string]any{"SnoozeMinutes": 4, "AlertStyle": "notification", "WatchVendors": 7})
	p.Set(settingstest.ManagedForUser, map[string]any{"SnoozeMinutes": 5})
	s, problems := Read(p.Mac, p.Home)
	if len(problems) != 1 || problems[0].Key != "WatchVendors" || problems[0].File != filepath.Join(p.Mac.Root, settingstest.ManagedForAll) {
		t.Errorf("problems %+v, want one with WatchVendors", problems)
	}
	for key, want := range map[string]struct {
		value  any
		origin string
		file   string
	}{
		"SnoozeMinutes":     {5, "managed", settingstest.ManagedForUser},
		"AlertStyle":        {"notification", "managed", settingstest.ManagedForAll},
		"ShowTimeInMenuBar": {false, "user", settingstest.OfTheUser},
		"WatchVendors":      {"auto", "default", ""},
		"WarnBeforeUpdates": {true, "default", ""},
	} {
		from := s.Origins[key]
		file, _ := filepath.Rel(p.Mac.Root, from.File)
		if valueOf(s, key) != want.value || from.String() != want.origin || file != want.file {
			t.Errorf("%s: %v (%s, %s), want %+v", key, valueOf(s, key), from, file, want)
		}
	}
}

func TestUnreadableSettings(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"rubbish":   func(path string) error { return os.WriteFile(path, []byte("rubbish"), 0o600) },
		"empty":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a list":    func(path string) error { return os.WriteFile(path, []byte("<plist><array/></plist>"), 0o600) },
		"huge":      func(path string) error { return os.WriteFile(path, make([]byte, settingsLimit+1), 0o600) },
		"a folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a cut one": func(path string) error { return os.WriteFile(path, []byte("bplist00\xd1\x01"), 0o600) },
	} {
		p := settingstest.New(t)
		p.Set(settingstest.ManagedForAll, map[string]any{"SnoozeMinutes": 4})
		if err := os.MkdirAll(filepath.Dir(UserSettings(p.Home)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := spoil(UserSettings(p.Home)); err != nil {
			t.Fatal(err)
		}
		s, problems := Read(p.Mac, p.Home)
		if len(problems) != 1 || problems[0].Key != "" || problems[0].Why == "" || problems[0].Unknown {
			t.Errorf("%s: problems %+v, want one about the file", name, problems)
		}
		if s.SnoozeMinutes != 4 || len(s.Reminders) != 3 {
			t.Errorf("%s: %+v, want the values of the other file, and the defaults", name, s)
		}
	}
}

// A mistyped key is reported with its file and with the key that it probably means. Keys
// that macOS writes are not reported.
func TestUnknownSettingsAreReported(t *testing.T) {
	for name, want := range map[string]struct {
		key, suggestion string // no key: not reported
	}{
		"IgnoreVendor":                           {"IgnoreVendor", "IgnoreVendors"},
		"ignorevendors":                          {"ignorevendors", "IgnoreVendors"},
		"IgnoreVendros":                          {"IgnoreVendros", "IgnoreVendors"},
		"Snooze":                                 {"Snooze", "SnoozeMinutes"},
		"Reminder":                               {"Reminder", "Reminders"},
		"Run":                                    {"Run", ""},
		"SnoozeHours":                            {"SnoozeHours", ""},
		"OrganizationNam":                        {"OrganizationNam", "OrganizationName"},
		"SupportURL":                             {"SupportURL", ""},
		"Vendors":                                {"Vendors", ""},
		"a":                                      {"a", ""},
		"":                                       {"", ""},
		"\x1b[2Jb":                               {"[2Jb", ""},
		"IgnoreVendors\x1b[":                     {"IgnoreVendors[", "IgnoreVendors"},
		strings.Repeat("IgnoreVendors", 1000):    {strings.Repeat("IgnoreVendors", 1000)[:200] + "…", ""},
		"NSStatusItem Preferred Position Item-0": {},
		"AppleLanguages":                         {},
		"com.apple.trackpad.scrollBehavior":      {},
		"PayloadUUID":                            {},
		"_manualProfile":                         {},
	} {
		for _, file := range []string{settingstest.OfTheUser, settingstest.ManagedForAll} {
			p := settingstest.New(t)
			p.Set(file, map[string]any{name: 3})
			_, problems := Read(p.Mac, p.Home)
			if want.key == "" && name != "" {
				if len(problems) > 0 {
					t.Errorf("%.40q in %s: problems %+v, want none", name, file, problems)
				}
				continue
			}
			wanted := Problem{Key: want.key, Suggestion: want.suggestion, File: filepath.Join(p.Mac.Root, file), Unknown: true, Why: unknownKey}
			if len(problems) != 1 || problems[0] != wanted {
				t.Errorf("%.40q in %s: problems %+v, want %+v", name, file, problems, wanted)
			}
		}
	}
	p := settingstest.New(t)
	p.Set(settingstest.OfTheUser, map[string]any{"b": 1, "a": 1, "SnoozeMinutes": 3})
	if _, problems := Read(p.Mac, p.Home); len(problems) != 2 || problems[0].Key != "a" || problems[1].Key != "b" {
		t.Errorf("problems %+v, want one for each key, in order", problems)
	}
}

// The stat of the files is enough to notice a change, also one by a profile, and a
// removed file.
func TestReaderReadsChangedFiles(t *testing.T) {
	p := settingstest.New(t)
	var log bytes.Buffer
	r := NewReader(p.Mac, p.Home, slog.New(slog.NewTextHandler(&log, nil)))
	want := func(minutes int) {
		t.Helper()
		if got := r.Current().SnoozeMinutes; got != minutes {
			t.Errorf("SnoozeMinutes %d, want %d", got, minutes)
		}
	}
	want(10)
	p.Set(settingstest.OfTheUser, map[string]any{"SnoozeMinutes": 3})
	want(3)
	p.Set(settingstest.ManagedForAll, map[string]any{"SnoozeMinutes": "four"})
	want(10)
	if !strings.Contains(log.String(), "key=SnoozeMinutes") {
		t.Errorf("the log does not name the key:\n%s", log.String())
	}
	os.Remove(filepath.Join(p.Mac.Root, settingstest.ManagedForAll))
	want(3)
	log.Reset()
	want(3)
	if log.Len() > 0 {
		t.Errorf("read again without a change: %s", log.String())
	}
	if none := (*Reader)(nil).Current(); none.SnoozeMinutes != 10 {
		t.Errorf("without a reader %+v, want the defaults", none)
	}
}

// docs/settings.md has the keys of the program with their values, defaults and meanings. A
// meaning may be followed by a link. The sample is valid.
func TestSettingsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	rows := regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| (.*) \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) != len(Keys) {
		t.Fatalf("the page has %d keys, the program %d", len(rows), len(Keys))
	}
	for i, key := range Keys {
		row := rows[i][1:]
		for j := range row {
			row[j] = link.ReplaceAllString(strings.ReplaceAll(row[j], "`", ""), "$1")
		}
		if row[0] != key.Name || row[1] != key.Form.Words() || row[2] != strings.Trim(plainValue(key.Default()), "()") || !strings.HasPrefix(row[3], key.Meaning) {
			t.Errorf("row %d is %q, want %s, %s, %v and %s", i+1, row, key.Name, key.Form.Words(), key.Default(), key.Meaning)
		}
	}
	_, sample, _ := strings.Cut(string(page), "```xml\n")
	sample, _, _ = strings.Cut(sample, "```")
	p := settingstest.New(t)
	mactest.WriteFile(t, filepath.Join(p.Mac.Root, "Library/Application Support/kextwatch/compat.json"), sampleTable)
	mactest.WriteFile(t, UserSettings(p.Home), sample)
	if s, problems := Read(p.Mac, p.Home); len(problems) > 0 || len(s.Origins) != len(Keys) {
		t.Errorf("the sample has problems %+v and sets %d of %d keys", problems, len(s.Origins), len(Keys))
	}
}

// The configuration profile in docs/settings.md has the form that Apple documents for
// managed preferences, and sets valid values.
func TestProfileOfSettingsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Configuration profile\n")
	_, sample, _ := strings.Cut(section, "```xml\n")
	sample, _, _ = strings.Cut(sample, "```")
	type Head struct { // the decoder sets only fields of an exported type {
		PayloadType, PayloadIdentifier, PayloadUUID, PayloadDisplayName string
		PayloadVersion                                                  int
	}
	var profile struct {
		Head
		PayloadScope   string
		PayloadContent []struct {
			Head
			PayloadContent map[string]struct {
				Forced []struct {
					Values map[string]any `plist:"mcx_preference_settings"`
				}
			}
		}
	}
	if _, err := plist.Unmarshal([]byte(sample), &profile); err != nil {
		t.Fatalf("the profile is not a property list: %v\n%s", err, sample)
	}
	if len(profile.PayloadContent) != 1 {
		t.Fatalf("%d payloads, want 1", len(profile.PayloadContent))
	}
	payload := profile.PayloadContent[0]
	if profile.PayloadType != "Configuration" || payload.PayloadType != "com.apple.ManagedClient.preferences" || profile.PayloadScope != "System" {
		t.Errorf("types %q and %q, scope %q", profile.PayloadType, payload.PayloadType, profile.PayloadScope)
	}
	for _, h := range []Head{profile.Head, payload.Head} {
		if h.PayloadVersion != 1 || h.PayloadIdentifier == "" || h.PayloadDisplayName == "" || !regexp.MustCompile(`^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`).MatchString(h.PayloadUUID) {
			t.Errorf("invalid: %+v", h)
		}
	}
	if profile.PayloadUUID == payload.PayloadUUID || profile.PayloadIdentifier == payload.PayloadIdentifier {
		t.Error("the profile and its payload have the same identity")
	}
	forced := payload.PayloadContent[probe.AgentLabel].Forced
	if len(payload.PayloadContent) != 1 || len(forced) != 1 {
		t.Fatalf("domains %+v, want one with one dictionary: %s", payload.PayloadContent, probe.AgentLabel)
	}
	p := settingstest.New(t)
	p.Set(settingstest.ManagedForAll, forced[0].Values)
	s, problems := Read(p.Mac, p.Home)
	if len(problems) > 0 || len(s.Origins) != len(forced[0].Values) {
		t.Errorf("problems %+v, origins %+v of %d values", problems, s.Origins, len(forced[0].Values))
	}
	for _, key := range []string{"WatchVendors", "IgnoreVendors"} {
		if !s.Origins[key].Managed {
			t.Errorf("the profile does not set %s", key)
		}
	}
}

const sampleTable = `{"schema": 1, "rows": [{"major": 30, "max_macos": "30", "confidence": "sure"}]}`

// The user's own table is used at once. An invalid table is a problem, and the
// built-in one is used.
func TestCompatibilityFile(t *testing.T) {
	p := settingstest.New(t)
	table := filepath.Join(p.Mac.Root, "Users/Shared/compat.json")
	mactest.WriteFile(t, table, sampleTable)
	p.Set(settingstest.OfTheUser, map[string]any{"CompatibilityFile": "/Users/Shared/compat.json"})
	reader := NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
	if rows := reader.Current().Approval().Compat.Rows; len(rows) != 1 || rows[0].Major != 30 {
		t.Errorf("rows %+v, want the one of the file", rows)
	}
	mactest.WriteFile(t, table, strings.Replace(sampleTable, "30", "31", 1))
	if rows := reader.Current().Approval().Compat.Rows; len(rows) != 1 || rows[0].Major != 31 {
		t.Errorf("rows %+v, want those of the changed file", rows)
	}
	for _, content := range []string{"", "{}", `{"schema": 1, "rows": []}`, strings.Repeat("x", 1<<20)} {
		mactest.WriteFile(t, table, content)
		s, problems := Read(p.Mac, p.Home)
		if len(problems) != 1 || problems[0].Key != "CompatibilityFile" || len(s.Approval().Compat.Rows) < 10 {
			t.Errorf("%.10q: problems %+v, %d rows, want one problem and the built-in table", content, problems, len(s.Approval().Compat.Rows))
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, values := range []map[string]any{
		{"Reminders": []any{15, 5, 1}, "WatchVendors": []any{probe.ParallelsTeamID}, "RunOnChange": "/bin/x"},
		{"SnoozeMinutes": -1, "AlertStyle": 7, "unknown": map[string]any{"x": []any{}}},
	} {
		for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
			data, err := plist.Marshal(values, format)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		values := map[string]any{}
		if root.DecodePlist(data, &values) != nil {
			return
		}
		s := Default()
		problems := s.take(values, File{Path: "/x.plist"}, map[string]bool{})
		if len(s.Reminders) == 0 || s.SnoozeMinutes < 1 || s.SnoozeMinutes > windowMinutes.Max || !s.WatchVendors.All && len(s.WatchVendors.Teams) == 0 {
			t.Errorf("invalid settings: %+v", s)
		}
		text := Text(s, problems)
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the text is not printable: %q", text)
		}
	})
}

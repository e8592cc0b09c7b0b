package simmac_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"
	_ "modernc.org/sqlite"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

var t0 = time.Date(2026, 5, 6, 5, 0, 0, 0, time.UTC)

func minutes(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }

// sim is a simulated Mac in a directory whose path has special characters.
type sim struct {
	*simmac.Mac
	t   *testing.T
	dir string
}

func newSim(t *testing.T, o simmac.Options) sim {
	t.Helper()
	dir := filepath.Join(t.TempDir(), `it's a "Mac" & 100%41 #1?`)
	o.Now = t0
	m, err := simmac.New(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return sim{m, t, dir}
}

func (s sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// rows reads the policy database like any other program.
func (s sim) rows(query string) []string {
	s.t.Helper()
	dsn := url.URL{Scheme: "file", Path: s.dir + "/private/var/db/SystemPolicyConfiguration/KextPolicy"}
	db, err := sql.Open("sqlite", dsn.String())
	s.must(err)
	defer db.Close()
	found, err := db.Query(query)
	s.must(err)
	defer found.Close()
	columns, err := found.Columns()
	s.must(err)
	var lines []string
	for found.Next() {
		values := make([]sql.NullString, len(columns))
		fields := make([]any, len(columns))
		for i := range values {
			fields[i] = &values[i]
		}
		s.must(found.Scan(fields...))
		var line []string
		for _, v := range values {
			line = append(line, v.String)
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	s.must(found.Err())
	return lines
}

func (s sim) expect(what, query string, want ...string) {
	s.t.Helper()
	if got := s.rows(query); !slices.Equal(got, want) {
		s.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func (s sim) plist(name string, value any) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	s.must(err)
	_, err = plist.Unmarshal(data, value)
	s.must(err)
}

func TestNewRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(full+"/precious", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := simmac.New(full, simmac.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a directory that is not empty: %v", err)
	}
	if entries, _ := os.ReadDir(full); len(entries) != 1 {
		t.Errorf("it was written to: %v", entries)
	}
	for _, o := range []simmac.Options{
		{MacOS: "10.12.6"}, {MacOS: "Catalina"}, {MacOS: "15.2\n"}, {Build: "nineteen"},
		{Parallels: "18-beta"}, {Parallels: "../18"}, {Arch: "ppc"}, {Arch: probe.AppleSilicon, MacOS: "10.15.7"},
		{Edition: "pirate"}, {User: "../me"}, {User: "Shared"},
		{MacOS: "27.0"}, {MacOS: "15.2", Parallels: "27.0.2"}, {MacOS: "15.2", Parallels: "28"},
	} {
		dir := t.TempDir()
		if _, err := simmac.New(dir, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%+v left %v behind", o, entries)
		}
	}
}

func TestOpen(t *testing.T) {
	s := newSim(t, simmac.Options{Parallels: "16.5.1"})
	m, err := simmac.Open(s.dir)
	s.must(err)
	s.must(m.Attempt(t0))
	if n := len(s.rows(`SELECT * FROM kext_policy`)); n != 4 {
		t.Errorf("%d policy rows", n)
	}
	_, err = simmac.Open(t.TempDir())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is not a simulated Mac") {
		t.Errorf("opening an ordinary directory: %v", err)
	}
}

// Every method returns an error for a directory without a Mac.
func TestMethodsWithoutMac(t *testing.T) {
	for name, verb := range map[string]func(*simmac.Mac) error{
		"Attempt":         func(m *simmac.Mac) error { return m.Attempt(t0) },
		"AttemptKext":     func(m *simmac.Mac) error { return m.AttemptKext("com.parallels.kext.vnic", t0) },
		"AddKext":         func(m *simmac.Mac) error { return m.AddKext(macFUSE("1")) },
		"Allow":           func(m *simmac.Mac) error { return m.Allow(t0) },
		"AllowKext":       func(m *simmac.Mac) error { return m.AllowKext("com.parallels.kext.vnic", t0) },
		"LoadKext":        func(m *simmac.Mac) error { return m.LoadKext("com.parallels.kext.vnic", t0) },
		"UnloadKext":      func(m *simmac.Mac) error { return m.UnloadKext("com.parallels.kext.vnic") },
		"MDMAllowTeam":    func(m *simmac.Mac) error { return m.MDMAllowTeam(macfuseTeam, t0) },
		"HideFolder":      func(m *simmac.Mac) error { return m.HideFolder("/Library") },
		"MDMAllow":        func(m *simmac.Mac) error { return m.MDMAllow(t0) },
		"Load":            func(m *simmac.Mac) error { return m.Load(t0) },
		"Restart":         func(m *simmac.Mac) error { return m.Restart(t0) },
		"UpdateMacOS":     func(m *simmac.Mac) error { return m.UpdateMacOS("26.2", t0) },
		"OfferMacOS":      func(m *simmac.Mac) error { return m.OfferMacOS("26.2", t0) },
		"UpdateParallels": func(m *simmac.Mac) error { return m.UpdateParallels("18.1.1", t0) },
		"RemoveParallels": func(m *simmac.Mac) error { return m.RemoveParallels() },
		"SetBootPolicy":   func(m *simmac.Mac) error { return m.SetBootPolicy(simmac.BootFull, t0) },
		"SetBootDisk":     func(m *simmac.Mac) error { return m.SetBootDisk("external", t0) },
		"SetVirtual":      func(m *simmac.Mac) error { return m.SetVirtual(true, t0) },
	} {
		s := newSim(t, simmac.Options{Parallels: "16.5.1"})
		s.must(os.RemoveAll(s.dir))
		if err := verb(s.Mac); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(s.dir); err == nil {
			t.Errorf("%s made the directory again", name)
		}
	}
}

func TestLayout(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1-49187", User: "ada"})
	var version struct{ ProductName, ProductVersion, ProductBuildVersion string }
	s.plist("System/Library/CoreServices/SystemVersion.plist", &version)
	if got := version; got.ProductName != "Mac OS X" || got.ProductVersion != "10.15.7" || got.ProductBuildVersion != "19H2026" {
		t.Errorf("SystemVersion.plist: %+v", got)
	}
	type bundle struct{ CFBundleIdentifier, CFBundleShortVersionString, CFBundleVersion string }
	var app, kext bundle
	s.plist("Applications/Parallels Desktop.app/Contents/Info.plist", &app)
	if want := (bundle{"com.parallels.desktop.console", "16.5.1", "49187"}); app != want {
		t.Errorf("application: %+v", app)
	}
	kexts := "Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/"
	s.plist(kexts+"prl_usb_connect.kext/Contents/Info.plist", &kext)
	if want := (bundle{"com.parallels.kext.usbconnect", "16.5.1", "16.5.1 49187"}); kext != want {
		t.Errorf("kext: %+v", kext)
	}
	for name, want := range map[string]string{
		kexts + "prl_vnic.kext/Contents/Info.plist":                "bplist00",
		"Applications/Parallels Desktop.app/Contents/Info.plist":   "<?xml",
		"System/Library/CoreServices/SystemVersion.plist":          "<?xml",
		"Library/Preferences/com.apple.SoftwareUpdate.plist":       "bplist00",
		"private/var/db/SystemPolicyConfiguration/ExecPolicy":      "SQLite format 3\x00",
		"var/db/SystemPolicyConfiguration/KextPolicy":              "SQLite format 3\x00",
		"Library/Extensions/HighPointRR.kext/Contents/Info.plist":  "bplist00",
		"Library/Extensions/HighPointIOP.kext/Contents/Info.plist": "bplist00",
	} {
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil || !strings.HasPrefix(string(data), want) {
			t.Errorf("%s does not begin with %q: %v", name, want, err)
		}
	}
	if target, _ := os.Readlink(s.dir + "/var"); target != "private/var" {
		t.Errorf("var leads to %q", target)
	}
	if users, err := os.ReadDir(s.dir + "/Users"); err != nil || len(users) != 2 {
		t.Errorf("users: %v %v", users, err)
	}
	for _, dir := range []string{
		"Users/Shared", "Users/ada/Library/Preferences", "Users/ada/Library/LaunchAgents",
		"Library/StagedExtensions", "Library/SystemExtensions", "Library/LaunchDaemons",
	} {
		if info, err := os.Stat(filepath.Join(s.dir, dir)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if info, err := os.Stat(s.dir + "/private/var/db/SystemPolicyConfiguration/KextPolicy"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("KextPolicy: %v %v", info, err)
	}
}

func TestEditionsWithKexts(t *testing.T) {
	for _, c := range []struct {
		why  string
		o    simmac.Options
		want bool
	}{
		{"Intel", simmac.Options{MacOS: "15.2", Parallels: "26.4.1"}, true},
		{"Apple silicon", simmac.Options{MacOS: "15.2", Parallels: "26.4.1", Arch: probe.AppleSilicon}, false},
		{"App Store", simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1", Edition: probe.AppStore}, false},
		{"Parallels 27", simmac.Options{MacOS: "15.2", Parallels: "27.0.2", Arch: probe.AppleSilicon}, false},
		{"no Parallels", simmac.Options{MacOS: "10.15.7"}, false},
	} {
		err := newSim(t, c.o).Attempt(t0)
		if c.want && err != nil || !c.want && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: an attempt: %v", c.why, err)
		}
	}
}

func TestBuilds(t *testing.T) {
	for _, c := range []struct{ macOS, build, want string }{
		{"10.13.6", "", "17G14042"}, {"26.2", "", "25C56"}, {"10.15.7", "19H15", "19H15"},
		{"10.14.3", "", "18D100"}, {"12.3.1", "", "21D101"}, {"27.0", "", "26A100"}, {"11", "", "20A100"},
	} {
		o := simmac.Options{MacOS: c.macOS, Build: c.build}
		if c.macOS == "27.0" {
			o.Arch = probe.AppleSilicon
		}
		s := newSim(t, o)
		var version struct{ ProductVersion, ProductBuildVersion string }
		s.plist("System/Library/CoreServices/SystemVersion.plist", &version)
		if version.ProductBuildVersion != c.want {
			t.Errorf("macOS %s: build %s, want %s", c.macOS, version.ProductBuildVersion, c.want)
		}
		if !strings.HasPrefix(version.ProductVersion, c.macOS) || !strings.Contains(version.ProductVersion, ".") {
			t.Errorf("macOS %s calls itself %s", c.macOS, version.ProductVersion)
		}
	}
	for _, c := range []struct{ release, version, build string }{
		{"18.1.1", "18.1.1", "53328"}, {"18.1.1-7", "18.1.1", "7"}, {"18.0.3", "18.0.3", "52403"},
	} {
		s := newSim(t, simmac.Options{Parallels: c.release})
		var app struct{ CFBundleShortVersionString, CFBundleVersion string }
		s.plist("Applications/Parallels Desktop.app/Contents/Info.plist", &app)
		if app.CFBundleShortVersionString != c.version || app.CFBundleVersion != c.build {
			t.Errorf("Parallels %s: %+v", c.release, app)
		}
	}
}

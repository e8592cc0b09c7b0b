package mac

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// addPlist writes a property list on the Mac, sometimes binary, sometimes XML.
func addPlist(t testing.TB, m root.FS, name string, value any) {
	t.Helper()
	format := plist.XMLFormat
	if len(name)%2 == 0 {
		format = plist.BinaryFormat
	}
	data, err := plist.Marshal(value, format)
	if err != nil {
		t.Fatal(err)
	}
	mactest.AddFile(t, m.Root, name, string(data))
}

func TestReadOS(t *testing.T) {
	main := func(version, build, extra string) systemVersionPlist {
		return systemVersionPlist{version, build, extra}
	}
	for name, c := range map[string]struct {
		main    any
		cryptex any
		want    probe.OSVersion
		err     string
	}{
		"10.15":               {main("10.15.7", "19H2026", ""), nil, probe.OSVersion{Version: "10.15.7", Build: "19H2026"}, ""},
		"two numbers":         {main("26.0", "25A354", ""), nil, probe.OSVersion{Version: "26.0", Build: "25A354"}, ""},
		"beta":                {main("26.1", "25B5042k", ""), nil, probe.OSVersion{Version: "26.1", Build: "25B5042k"}, ""},
		"cryptex says a":      {main("26.3.1", "25D2128", ""), main("26.3.1", "25D771280a", "(a)"), probe.OSVersion{Version: "26.3.1", Build: "25D2128", Extra: "(a)"}, ""},
		"cryptex is the same": {main("26.3.1", "25D2128", ""), main("26.3.1", "25D2128", ""), probe.OSVersion{Version: "26.3.1", Build: "25D2128"}, ""},
		"main says b":         {main("13.4.1", "22F82", "(b)"), nil, probe.OSVersion{Version: "13.4.1", Build: "22F82", Extra: "(b)"}, ""},
		"cryptex is silent":   {main("13.4.1", "22F82", "(b)"), main("13.4.1", "22F82", ""), probe.OSVersion{Version: "13.4.1", Build: "22F82", Extra: "(b)"}, ""},
		"cryptex wins":        {main("13.4.1", "22F82", "(b)"), main("", "", "(c)"), probe.OSVersion{Version: "13.4.1", Build: "22F82", Extra: "(c)"}, ""},
		"extra is odd":        {main("13.4.1", "22F82", ""), main("", "", "(a) \x1b[31m"), probe.OSVersion{Version: "13.4.1", Build: "22F82"}, "supplemental version"},
		"cryptex is damaged":  {main("13.4.1", "22F82", ""), []string{}, probe.OSVersion{Version: "13.4.1", Build: "22F82"}, "damaged property list"},
		"pretends":            {main("10.16", "20A1", ""), nil, probe.OSVersion{}, "SYSTEM_VERSION_COMPAT"},
		"no list":             {nil, nil, probe.OSVersion{}, "no such file"},
		"no version":          {main("", "22F82", ""), nil, probe.OSVersion{}, "invalid version of macOS"},
		"no build":            {main("13.4.1", "", ""), nil, probe.OSVersion{}, "invalid build of macOS"},
		"one number":          {main("13", "22F82", ""), nil, probe.OSVersion{}, "invalid version of macOS"},
		"two lines":           {main("13.4\n", "22F82", ""), nil, probe.OSVersion{}, "invalid version of macOS"},
		"words":               {main("13.4; rm", "22F82", ""), nil, probe.OSVersion{}, "invalid version of macOS"},
		"hostile build":       {main("13.4.1", "22F82\x1b[31m", ""), nil, probe.OSVersion{}, "invalid build of macOS"},
		"a number":            {map[string]any{"ProductVersion": 13, "ProductBuildVersion": "22F82"}, nil, probe.OSVersion{}, "invalid version of macOS"},
		"a real number":       {map[string]any{"ProductVersion": 13.4, "ProductBuildVersion": "22F82"}, nil, probe.OSVersion{Version: "13.4", Build: "22F82"}, ""},
		"a list as extra":     {map[string]any{"ProductVersion": "13.4", "ProductBuildVersion": "22F82", "ProductVersionExtra": []string{"(a)"}}, nil, probe.OSVersion{Version: "13.4", Build: "22F82"}, "ProductVersionExtra has another type"},
		"a list as version":   {map[string]any{"ProductVersion": []string{"13.4"}, "ProductBuildVersion": "22F82"}, nil, probe.OSVersion{}, "invalid version of macOS"},
		"cryptex has a list":  {main("13.4.1", "22F82", "(b)"), map[string]any{"ProductVersionExtra": []string{"(a)"}}, probe.OSVersion{Version: "13.4.1", Build: "22F82"}, "ProductVersionExtra has another type"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			if c.main != nil {
				addPlist(t, m, probe.SystemVersion, c.main)
			}
			if c.cryptex != nil {
				addPlist(t, m, probe.CryptexSystemVersion, c.cryptex)
			}
			got, err := ReadOS(m)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			wantError(t, err, c.err)
		})
	}
}

// wantError checks that the text of err contains part. If part is empty, err must
// be nil.
func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if (err == nil) != (part == "") || err != nil && !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want one with %q", err, part)
	}
}

const testSession = "1F0E5B43-6E6B-4C57-9F7E-0A2E2E3B7C11"

// sysctlScript answers like sysctl, on a real Mac and not in a virtual machine. arm64 ""
// is a Mac that does not know the option. sysctl then ends: the names after it get no
// answer.
func sysctlScript(arm64 string) string {
	option := `echo "sysctl: unknown oid '$name'" >&2; exit 1`
	if arm64 != "" {
		option = `echo "$name: ` + arm64 + `"`
	}
	return `for name in "$@"; do case "$name" in
kern.boottime) echo "$name: { sec = 1782938539, usec = 240908 } Wed Jul  1 23:42:19 2026" ;;
kern.bootsessionuuid) echo "$name: ` + testSession + `" ;;
hw.optional.arm64) ` + option + ` ;;
kern.hv_vmm_present) echo "$name: 0" ;;
*) exit 1 ;;
esac; done`
}

func TestMachine(t *testing.T) {
	booted := time.Date(2026, 7, 1, 20, 42, 19, 240908000, time.UTC)
	all := probe.Mac{BootedAt: booted, BootSession: testSession}
	with := func(arch probe.Arch) probe.Mac { all := all; all.Arch = arch; return all }
	for name, c := range map[string]struct {
		os     string
		script string
		want   probe.Mac
		gaps   string
	}{
		"Intel of 10.15":        {"10.15.7", sysctlScript(""), with(probe.Intel), ""},
		"10.15 is not queried":  {"10.15.7", sysctlScript("1"), with(probe.Intel), ""},
		"Intel of 26":           {"26.0", sysctlScript(""), with(probe.Intel), ""},
		"Intel says 0":          {"14.0", sysctlScript("0"), with(probe.Intel), ""},
		"Apple silicon":         {"11.0", sysctlScript("1"), with(probe.AppleSilicon), ""},
		"unknown macOS, silent": {"", sysctlScript(""), with(probe.Intel), ""},
		"unknown macOS":         {"", sysctlScript("1"), with(probe.AppleSilicon), ""},
		"another option fails":  {"14.0", strings.ReplaceAll(sysctlScript(""), "'$name'", "'kern.other'"), probe.Mac{BootedAt: booted, BootSession: testSession}, "processor"},
		"only the boot time":    {"14.0", `echo "kern.boottime: { sec = 1782938539, usec = 240908 } Wed Jul  1 23:42:19 2026"`, probe.Mac{BootedAt: booted}, "processor, boot session"},
		"answers rubbish":       {"14.0", `echo "$RANDOM hello"`, probe.Mac{}, "processor, boot time, boot session"},
		"answers nothing":       {"14.0", ``, probe.Mac{}, "processor, boot time, boot session"},
		"not allowed":           {"14.0", `echo "sysctl: Operation not permitted" >&2; exit 1`, probe.Mac{}, "processor, boot time, boot session"},
		"crashes":               {"14.0", `kill -SEGV $$`, probe.Mac{}, "processor, boot time, boot session"},
		"absent":                {"14.0", "", probe.Mac{}, "processor, boot time, boot session"},
		"absent, 10.13":         {"10.13.6", "", probe.Mac{Arch: probe.Intel}, "boot time, boot session"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			if name != "absent" && name != "absent, 10.13" {
				mactest.AddTool(t, m.Root, probe.SysctlTool, c.script)
			}
			os := probe.OSVersion{Version: c.os}
			got, gaps := readMachine(t.Context(), m, os)
			if got.Mac != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			wantGaps(t, gaps, c.gaps)
			if known := got.Arch == probe.AppleSilicon; known != (got.virtual == probe.No) || got.noVirtual != nil {
				t.Errorf("virtual %q, %v", got.virtual, got.noVirtual)
			}
		})
	}
}

// Whether macOS runs in a virtual machine is known of Apple silicon only, and is
// missing alone: an unknown name does not take the other answers away, in either order
// of sysctl's.
func TestVirtual(t *testing.T) {
	const (
		gone = `echo "sysctl: unknown oid '$name'" >&2; exit 1`
		more = `echo "sysctl: unknown oid '$name'" >&2; failed=1` // the next name follows
	)
	for name, c := range map[string]struct {
		arm64, answer string // the last one is a script
		arch          probe.Arch
		want          probe.Answer
		why           string // part of the reason why it is not known
	}{
		"a Mac":                         {"1", `echo "$name: 0"`, probe.AppleSilicon, probe.No, ""},
		"a virtual machine":             {"1", `echo "$name: 1"`, probe.AppleSilicon, probe.Yes, ""},
		"unknown name":                  {"1", gone, probe.AppleSilicon, "", "unknown oid 'kern.hv_vmm_present'"},
		"unknown name, and no end":      {"1", more, probe.AppleSilicon, "", "unknown oid 'kern.hv_vmm_present'"},
		"no answer":                     {"1", `true`, probe.AppleSilicon, "", `answered "" to kern.hv_vmm_present`},
		"another number":                {"1", `echo "$name: 2"`, probe.AppleSilicon, "", `answered "2"`},
		"a word":                        {"1", `echo "$name: yes"`, probe.AppleSilicon, "", `answered "yes"`},
		"hostile":                       {"1", `printf '%s: 1\033[31m\n' "$name"`, probe.AppleSilicon, "", `answered "1[31m"`},
		"Intel":                         {"", `echo "$name: 1"`, probe.Intel, "", ""},
		"Intel says 0, unknown name":    {"0", gone, probe.Intel, "", ""},
		"Intel, nothing of it is known": {"", more, probe.Intel, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			script := strings.ReplaceAll(sysctlScript(c.arm64), `kern.hv_vmm_present) echo "$name: 0"`, "kern.hv_vmm_present) "+c.answer)
			mactest.AddTool(t, m.Root, probe.SysctlTool, script+"\nexit $failed")
			got, gaps := readMachine(t.Context(), m, probe.OSVersion{Version: "14.0"})
			if got.Arch != c.arch || got.BootSession != testSession || got.BootedAt.IsZero() || got.virtual != c.want {
				t.Errorf("got %+v", got)
			}
			wantError(t, got.noVirtual, c.why)
			wantGaps(t, gaps, "")
		})
	}
}

// wantGaps checks the sources of the gaps, and that each gap has a reason and a
// next step.
func wantGaps(t *testing.T, gaps []probe.Gap, sources string) {
	t.Helper()
	var got []string
	for _, g := range gaps {
		got = append(got, string(g.Source))
		if g.Err == "" || g.Next == "" || g.Err != probe.Printable(g.Err) {
			t.Errorf("gap without all it needs: %+v", g)
		}
	}
	if strings.Join(got, ", ") != sources {
		t.Errorf("gaps %+v, want %q", gaps, sources)
	}
}

func TestMachineWithoutTools(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.SysctlTool, sysctlScript("1"))
	m.NoTools = true
	got, gaps := readMachine(t.Context(), m, probe.OSVersion{Version: "14.0"})
	if got != (machine{}) {
		t.Errorf("%+v", got)
	}
	wantGaps(t, gaps, "processor, boot time, boot session")
	for _, g := range gaps {
		if !strings.Contains(g.Err, tool.ErrNoTools.Error()) || !strings.Contains(g.Next, "on that Mac") {
			t.Errorf("%+v", g)
		}
	}
}

func TestParseBootTime(t *testing.T) {
	for _, answer := range []string{
		"", "{ sec = 0, usec = 0 }", "{ sec = -5, usec = 0 }", "{ sec = 99999999999999999999, usec = 0 }",
		"{ sec = 1782938539 }", "sec = 1782938539, usec = 240908", "1782938539", "x { sec = 1782938539, usec = 1 }",
	} {
		if got, err := parseBootTime(answer); err == nil {
			t.Errorf("%q: %v", answer, got)
		}
	}
	got, err := parseBootTime("{sec=1782938539,usec=0}")
	if err != nil || !got.Equal(time.Unix(1782938539, 0)) || got.Location() != time.UTC {
		t.Errorf("without spaces: %v, %v", got, err)
	}
}

func FuzzParseBootTime(f *testing.F) {
	f.Add("{ sec = 1782938539, usec = 240908 } Wed Jul  1 23:42:19 2026")
	f.Add("{ sec = 9999999999, usec = 999999 }")
	hostile.Fuzz(f, func(t *testing.T, answer string) {
		got, err := parseBootTime(answer)
		if (err == nil) == got.IsZero() || err == nil && (got.Year() < 1970 || got.Year() > 2287) {
			t.Errorf("%q: %v, %v", answer, got, err)
		}
	})
}

func TestParallels(t *testing.T) {
	app := func(edition probe.Edition, id, version, build string) *probe.App {
		return &probe.App{
			Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Path: probe.ParallelsApp,
			Edition: edition, BundleID: id, Version: version, Build: build,
		}
	}
	const standard, store = "com.parallels.desktop.console", "com.parallels.desktop.appstore"
	unread := app("", "", "", "")
	unversioned := app(probe.Standard, standard, "", "")
	for name, c := range map[string]struct {
		info any
		want *probe.App
		err  string
	}{
		"standard":         {root.BundleInfo{ID: standard, ShortVersion: "18.1.1", Version: "53328"}, app(probe.Standard, standard, "18.1.1", "53328"), ""},
		"App Store":        {root.BundleInfo{ID: store, ShortVersion: "1.9.0", Version: "54729"}, app(probe.AppStore, store, "1.9.0", "54729"), ""},
		"another program":  {root.BundleInfo{ID: "com.example\x1b[31m.evil", ShortVersion: "1.0", Version: "1"}, nil, `not Parallels Desktop but "com.example`},
		"no identifier":    {root.BundleInfo{ID: "", ShortVersion: "18.1.1", Version: "53328"}, unread, "no bundle identifier"},
		"no version":       {root.BundleInfo{ID: standard, ShortVersion: "", Version: "53328"}, unversioned, "invalid version"},
		"no build":         {root.BundleInfo{ID: standard, ShortVersion: "18.1.1", Version: ""}, unversioned, "invalid version"},
		"hostile version":  {root.BundleInfo{ID: standard, ShortVersion: "18.1.1\x1b]0;x\a", Version: "53328"}, unversioned, "invalid version"},
		"longest version":  {root.BundleInfo{ID: standard, ShortVersion: strings.Repeat("1", 64), Version: "53328"}, app(probe.Standard, standard, strings.Repeat("1", 64), "53328"), ""},
		"too long version": {root.BundleInfo{ID: standard, ShortVersion: strings.Repeat("1", 65), Version: "53328"}, unversioned, "invalid version"},
		"endless version":  {root.BundleInfo{ID: standard, ShortVersion: strings.Repeat("1", 1000), Version: "53328"}, unversioned, "invalid version"},
		"version a number": {map[string]any{"CFBundleIdentifier": standard, "CFBundleShortVersionString": "18.1.1", "CFBundleVersion": 53328}, app(probe.Standard, standard, "18.1.1", "53328"), ""},
		"version a list":   {map[string]any{"CFBundleIdentifier": standard, "CFBundleShortVersionString": "18.1.1", "CFBundleVersion": []string{"53328"}}, unversioned, "invalid version"},
		"a list":           {[]string{standard}, unread, "type mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			addPlist(t, m, probe.ParallelsApp+"/Contents/Info.plist", c.info)
			got, err := ReadParallels(m)
			wantError(t, err, c.err)
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestParallelsMissingOrDamaged(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	if app, err := ReadParallels(m); app != nil || err != nil {
		t.Errorf("absent: %v, %v", app, err)
	}
	// An installer is running or the disk is damaged. That is not "missing".
	if err := os.MkdirAll(filepath.Join(m.Root, probe.ParallelsApp, "Contents"), 0o755); err != nil {
		t.Fatal(err)
	}
	if app, err := ReadParallels(m); app == nil || app.Version != "" || err == nil {
		t.Errorf("half installed: %v, %v", app, err)
	}
	mactest.AddFile(t, m.Root, probe.ParallelsApp+"/Contents/Info.plist", "bplist00 and nothing else")
	if app, err := ReadParallels(m); app == nil || app.Version != "" || err == nil {
		t.Errorf("damaged: %v, %v", app, err)
	}
}

func TestOpen(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	opened := filepath.Join(m.Root, "opened")
	mactest.AddTool(t, m.Root, probe.OpenTool, `printf '%s|' "$@" >>'`+opened+`'`)
	if err := OpenURL(t.Context(), m, "x-apple.systempreferences:com.apple.preference.security?General"); err != nil {
		t.Error(err)
	}
	if err := OpenText(t.Context(), m, "/Users/me/a file.txt"); err != nil {
		t.Error(err)
	}
	if err := OpenContact(t.Context(), m, "mailto:it@acme.example?subject=kextwatch"); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"", "-a Calculator", "file:///etc/passwd", "/System/Applications/Calculator.app", "javascript:x", "x-apple.systempreferences:x", "https://acme.example@evil.example"} {
		if err := OpenContact(t.Context(), m, url); err == nil {
			t.Errorf("%q was opened", url)
		}
	}
	for _, url := range []string{"", "-a Calculator", "file:///etc/passwd", "/System/Applications/Calculator.app", "https://acme.example"} {
		if err := OpenURL(t.Context(), m, url); err == nil {
			t.Errorf("%q was opened", url)
		}
	}
	for _, file := range []string{"", "-e", "relative.txt"} {
		if err := OpenText(t.Context(), m, file); err == nil {
			t.Errorf("%q was opened", file)
		}
	}
	data, err := os.ReadFile(opened)
	if want := "x-apple.systempreferences:com.apple.preference.security?General|-t|/Users/me/a file.txt|mailto:it@acme.example?subject=kextwatch|"; err != nil || string(data) != want {
		t.Errorf("opened %q, %v", data, err)
	}
}

func TestOpenErrorsHaveNextStep(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.OpenTool, `echo 'LSOpenURLsWithRole() failed with error -10810' >&2; exit 1`)
	err := OpenURL(t.Context(), m, "x-apple.systempreferences:x")
	wantError(t, err, "open System Settings")
	wantError(t, err, "-10810")
	wantError(t, OpenText(t.Context(), m, "/a.txt"), "open /a.txt by hand")
	m.NoTools = true
	if err := OpenURL(t.Context(), m, "x-apple.systempreferences:x"); !errors.Is(err, tool.ErrNoTools) {
		t.Error(err)
	}
}

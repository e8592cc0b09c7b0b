package mac

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// The property lists that are read by name, one after the other with the same content.
func FuzzPlistFiles(f *testing.F) {
	for _, list := range []string{
		"<plist><dict><key>ProductVersion</key><string>13.7.2</string><key>ProductBuildVersion</key><string>22H313</string><key>ProductVersionExtra</key><string>(a)</string></dict></plist>",
		"<plist><dict><key>AppleLanguages</key><array><string>de-AT</string></array></dict></plist>",
		"<plist><dict><key>AllowUserOverrides</key><true/><key>AllowedTeamIdentifiers</key><array><string>4C6364ACXT</string></array><key>AllowedKernelExtensions</key><dict><key>A</key><array><string>b</string></array></dict></dict></plist>",
		"<plist><dict><key>extensions</key><array><dict><key>teamID</key><string>x</string><key>identifier</key><string>a.b</string><key>state</key><string>activated_waiting</string><key>categories</key><array><string>c</string></array></dict></array></dict></plist>",
		"<plist><dict><key>CFBundleIdentifier</key><string>com.parallels.desktop.console</string><key>CFBundleShortVersionString</key><string>18.3.4</string><key>CFBundleVersion</key><integer>55123</integer><key>OSBundleLibraries</key><dict><key>com.apple.kpi.bsd</key><string>8.0</string></dict></dict></plist>",
	} {
		f.Add([]byte(list))
	}
	m := root.FS{Root: mactest.Root(f), Home: f.TempDir(), NoTools: true}
	const kext = "/Library/Extensions/x.kext"
	files := []string{
		probe.SystemVersion, probe.CryptexSystemVersion, probe.ManagedKextPolicy, probe.SystemExtensionsList, probe.LoginWindowSettings,
		"/Applications/Parallels Desktop.app/Contents/Info.plist", kext + "/Contents/Info.plist",
	}
	preferences := filepath.Join(m.Home, probe.GlobalPreferences)
	hostile.FuzzReaders(f, len(files)+2, func(t *testing.T, data []byte) {
		for _, name := range files {
			mactest.AddFile(t, m.Root, name, string(data))
		}
		mactest.WriteFile(t, preferences, string(data))

		os, err := ReadOS(m)
		wantLine(t, os.Version, os.Build, os.Extra)
		if err == nil && !os.Known() {
			t.Errorf("neither a version nor an error: %+v", os)
		}
		wantLine(t, languageIn(m, preferences))
		if name, err := readLastUser(m); err != nil && name != "" && !errors.Is(err, root.ErrOtherType) {
			t.Errorf("the user %q together with %v", name, err)
		}
		profile, _, _ := readManagedFile(m, os)
		wantLine(t, profile.Name)
		extensions, _ := readSystemExtensions(t.Context(), m, os)
		for _, e := range extensions {
			wantLine(t, e.TeamID, e.BundleID, e.Category, e.State)
		}
		if app, err := ReadParallels(m); err == nil && app != nil {
			wantLine(t, app.Version, app.Build)
		}
		info, err := readInfo(m, kext)
		if err != nil && info.ID != "" {
			t.Errorf("%+v together with %v", info, err)
		}
	})
}

// wantLine fails for a text that is not one short printable line.
func wantLine(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if probe.Printable(text) != text {
			t.Errorf("%.300q is not one short printable line", text)
		}
	}
}

func FuzzParseGroups(f *testing.F) {
	f.Add([]byte("20 12 61 79 80 81 98 701 33 100 204 250 395 398 399 400\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		if got, err := parseGroups(out); (err == nil) != (got == probe.Yes || got == probe.No) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func FuzzParseKernel(f *testing.F) {
	f.Add([]byte("kern.boottime: { sec = 1782938539, usec = 240908 } Wed Jul  1 23:42:19 2026\nkern.bootsessionuuid: " + vmID + "\nhw.optional.arm64: 1\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		kernel := kernelValues{byName: parseKernel(out, []string{BootTime, BootSession, ArmOption, Virtual})}
		for _, os := range []probe.OSVersion{{}, {Version: "10.15.7", Build: "19H2026"}, {Version: "13.7.2", Build: "22H313"}} {
			arch, err := kernel.arch(os)
			if (err == nil) != (arch == probe.Intel || arch == probe.AppleSilicon) {
				t.Errorf("processor %q, %v", arch, err)
			}
		}
		session, err := kernel.bootSession()
		if (err == nil) != (session != "") {
			t.Errorf("session %q, %v", session, err)
		}
		wantLine(t, session)
		if booted, err := kernel.bootTime(); (err == nil) == booted.IsZero() {
			t.Errorf("booted %v, %v", booted, err)
		}
		if answer, err := kernel.virtual(); (err == nil) != (answer == probe.Yes || answer == probe.No) {
			t.Errorf("virtual %q, %v", answer, err)
		}
	})
}

func FuzzParseSerials(f *testing.F) {
	f.Add([]byte(`    "IOPlatformSerialNumber" = "C02ABCDEFGHI"`))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		for _, serial := range parseSerials(out) {
			if n := utf8.RuneCountInString(serial); n < 1 || n > 64 || strings.Contains(serial, "\n") || !strings.Contains(string(out), serial) {
				t.Errorf("serial number %q", serial)
			}
		}
	})
}

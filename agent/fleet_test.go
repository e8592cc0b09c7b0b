package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// A file that never answers does not hold up a fleet tool: at the limit there is no state.
func TestFleetToolsWaitFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		stuck := make(chan struct{})
		defer close(stuck)
		_, err := within(t.Context(), fleetLimit, func(context.Context) (approval.Status, error) {
			<-stuck
			return approval.Status{}, nil
		})
		if took := time.Since(start); took != 5*time.Second || err != errNoAnswer {
			t.Errorf("%v after %v", err, took)
		}
		var out strings.Builder
		if err := (&fleetAnswer{out: cli.Output{Stdout: &out}, none: errNoAnswer}).jamf(); err != nil || out.String() != "<result>unknown: no answer within 5 seconds</result>\n" {
			t.Errorf("Jamf gets %q, %v", out.String(), err)
		}
	})
	state, err := within(t.Context(), fleetLimit, func(context.Context) (approval.Status, error) { return whole(approval.Approved), nil })
	if err != nil || state.Answer != fleet.OK {
		t.Errorf("%+v, %v", state, err)
	}
	failed := errors.New("failed")
	if _, err := within(t.Context(), fleetLimit, func(context.Context) (approval.Status, error) { return approval.Status{}, failed }); err != failed {
		t.Errorf("%v, want the error", err)
	}
}

// Munki's folder comes from a property list. Root writes only where nobody else can, and
// never into a home.
func TestMunkiFolder(t *testing.T) {
	named := func(folder string) string {
		return "<plist><dict><key>ManagedInstallDir</key><string>" + folder + "</string></dict></plist>"
	}
	for _, tt := range []struct {
		name string
		mac  func(m root.FS)
		want string // the folder, or
		err  string
	}{
		{"no settings", func(root.FS) {}, probe.MunkiFolder, ""},
		{"another folder", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/Library/Munki/")) }, "/Library/Munki", ""},
		{"a profile has precedence", func(m root.FS) {
			mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/Library/Other"))
			mactest.AddFile(t, m.Root, probe.MunkiManagedSettings, named("/Library/Munki"))
		}, "/Library/Munki", ""},
		{"damaged settings", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, "damaged") }, "", "cannot read the settings of Munki"},
		{"another type", func(m root.FS) {
			mactest.AddFile(t, m.Root, probe.MunkiSettings, "<plist><dict><key>ManagedInstallDir</key><array/></dict></plist>")
		}, "", "cannot read the settings of Munki"},
		{"a folder that is missing", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/Library/None")) }, "", "is missing"},
		{"a relative path", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, named("Library/Munki")) }, "", "not the absolute path"},
		{"control characters", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/Library/Munki&#10;x")) }, "", "not the absolute path"},
		{"a home", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/Users/me/Munki")) }, "", "in a home folder"},
		{"a home, by another way", func(m root.FS) {
			mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/Library/../System/Volumes/Data/USERS/me"))
		}, "", "in a home folder"},
		{"root's home", func(m root.FS) { mactest.AddFile(t, m.Root, probe.MunkiSettings, named("/private/var/root/Munki")) }, "", "in a home folder"},
		{"a link", func(m root.FS) {
			mactest.Remove(t, m.Root, probe.MunkiFolder)
			mactest.AddLink(t, m.Root, probe.MunkiFolder, "/Library/Munki")
		}, "", "is a symbolic link"},
		{"others may write to it", func(m root.FS) { mactest.NoError(t, os.Chmod(filepath.Join(m.Root, probe.MunkiFolder), 0o777)) }, "", "users other than its owner can write to"},
	} {
		m := root.FS{Root: mactest.Root(t), UID: os.Geteuid()}
		for _, folder := range []string{probe.MunkiFolder, "/Library/Munki", "/Users/me/Munki"} {
			mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, folder), 0o755))
		}
		tt.mac(m)
		got, err := munkiFolder(m)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v; want %q, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
	if _, err := munkiFolder(root.FS{Root: mactest.Root(t), UID: os.Geteuid() + 1}); err == nil || !strings.Contains(err.Error(), "only uid") {
		t.Errorf("another user: %v", err)
	}
}

// Whatever Munki's settings name, root writes only into a folder that is there, belongs to
// root and is in no home.
func FuzzMunkiSetting(f *testing.F) {
	f.Add([]byte("<plist><dict><key>ManagedInstallDir</key><string>/Library/Managed Installs</string></dict></plist>"))
	f.Add([]byte("<plist><dict><key>ManagedInstallDir</key><string>/Users/../Users/me</string></dict></plist>"))
	m := root.FS{Root: mactest.Root(f), UID: os.Geteuid()}
	for _, folder := range []string{probe.MunkiFolder, "/Users/me"} {
		mactest.NoError(f, os.MkdirAll(filepath.Join(m.Root, folder), 0o755))
	}
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		mactest.AddFile(t, m.Root, probe.MunkiSettings, string(data))
		folder, err := munkiFolder(m)
		if err != nil {
			return
		}
		if _, err := m.OwnFolder(folder, os.Geteuid()); err != nil || inHomes(folder) || probe.Printable(folder) != folder {
			t.Errorf("%q, %v", folder, err)
		}
	})
}

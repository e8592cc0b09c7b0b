package mac_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const fusePlace = "/Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext"

// macWithKext is a Mac with a kext, and tools that note how they were started.
func macWithKext(t *testing.T, script string) root.FS {
	t.Helper()
	dir := t.TempDir()
	mactest.AddFile(t, dir, fusePlace+"/Contents/Info.plist", "")
	for _, name := range []string{probe.KmutilTool, probe.KextloadTool} {
		mactest.AddFile(t, dir, name, fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' %q\" $*\" >>'%s/started'\n%s\n", filepath.Base(name), dir, script))
		mactest.NoError(t, os.Chmod(filepath.Join(dir, name), 0o755))
	}
	return root.FS{Root: dir, UID: 0}
}

func TestLoadKext(t *testing.T) {
	for _, tt := range []struct {
		name, macOS, script string
		want                probe.Outcome
		started, err        string
	}{
		{"not approved", "26.2", `echo 'Error Domain=KMErrorDomain Code=27 "Extension with identifiers x not approved to load."' >&2; exit 27`, probe.Refused, "kmutil load -p " + fusePlace, ""},
		{"not approved, up to macOS 10.15", "10.15.7", "exit 27", probe.Refused, "kextload " + fusePlace, ""},
		{"approved and not in the collection", "26.2", "exit 28", probe.NeedsRestart, "kmutil load -p " + fusePlace, ""},
		{"it loads", "11.6", "exit 0", probe.Permitted, "kmutil load -p " + fusePlace, ""},
		{"another reason", "26.2", "echo 'Invalid ownership\033[31m' >&2; exit 71", "", "kmutil load -p " + fusePlace, "loading macfuse.kext: /usr/bin/kmutil: exit status 71: Invalid ownership[31m"},
		{"the tool is killed", "26.2", "kill -9 $$", "", "kmutil load -p " + fusePlace, "signal: killed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := macWithKext(t, tt.script)
			got, err := mac.LoadKext(t.Context(), m, probe.OSVersion{Version: tt.macOS}, fusePlace)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q, error %v; want %q, error %q", got, err, tt.want, tt.err)
			}
			if started := strings.TrimSpace(mactest.Content(m.Root + "/started")); started != tt.started {
				t.Errorf("started %q, want %q", started, tt.started)
			}
		})
	}
}

// A path comes from a database or a list that others can write. Nothing is started for a
// kext that another user could have put there.
func TestLoadKextRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		place string
		spoil func(dir string) error
	}{
		"a relative path":         {place: "Library/x.kext"},
		"an option":               {place: "-p"},
		"a path that climbs":      {place: "/Library/Filesystems/../Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext"},
		"no kext":                 {place: "/Library/Filesystems/macfuse.fs"},
		"another volume":          {place: "/Volumes/USB" + fusePlace},
		"a line break":            {place: "/Library/Extensions/a\n.kext"},
		"a kext that is missing":  {place: "/Library/Extensions/none.kext"},
		"a kext anyone may write": {fusePlace, func(dir string) error { return os.Chmod(dir+fusePlace, 0o777) }},
		"a folder anyone may write": {fusePlace, func(dir string) error {
			return os.Chmod(dir+"/Library/Filesystems", 0o777)
		}},
		"a link": {fusePlace, func(dir string) error {
			return errors.Join(os.Rename(dir+fusePlace, dir+"/x.kext"), os.Symlink(dir+"/x.kext", dir+fusePlace))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := macWithKext(t, "exit 0")
			if c.spoil != nil {
				mactest.NoError(t, c.spoil(m.Root))
			}
			if got, err := mac.LoadKext(t.Context(), m, probe.OSVersion{Version: "26.2"}, c.place); err == nil || got != "" || strings.Contains(err.Error(), "sudo") {
				t.Errorf("%q, error %v; want an error without a remedy that gives the kext to root", got, err)
			}
			if started := mactest.Content(m.Root + "/started"); started != "" {
				t.Errorf("started %q", started)
			}
		})
	}
	m := macWithKext(t, "exit 0")
	m.UID = 501
	if _, err := mac.LoadKext(t.Context(), m, probe.OSVersion{Version: "26.2"}, fusePlace); !errors.Is(err, mac.ErrNotRoot) {
		t.Errorf("an ordinary user: %v", err)
	}
}

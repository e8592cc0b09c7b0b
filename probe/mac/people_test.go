package mac

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// Only real folders in /Users are homes. Their names are those of the file system, so
// no text in a file can be a path to another place.
func TestReadPeople(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	for _, folder := range []string{"me", "anna\x1b[2J", "Shared", ".localized"} {
		mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, "Users", folder), 0o755))
	}
	mactest.AddFile(t, m.Root, "/Users/file", "")
	mactest.AddLink(t, m.Root, "/Users/link", "/etc")
	mactest.AddFile(t, m.Root, probe.ConsoleDevice, "")
	mactest.AddFile(t, m.Root, probe.LoginWindowSettings, `<plist><dict><key>lastUserName</key><string>me</string></dict></plist>`)
	p := ReadPeople(m)
	own := os.Geteuid()
	want := []probe.Home{{Name: "anna\x1b[2J", UID: own, Ordinary: true}, {Name: "me", UID: own, Ordinary: true}}
	if !slices.Equal(p.Homes, want) || p.HomesErr != nil || p.LastName != "me" || p.LastErr != nil || p.ConsoleUID != own || p.ConsoleErr != nil || p.Offline {
		t.Errorf("got %+v, want the homes %+v", p, want)
	}
	m.NoTools = true
	if p := ReadPeople(m); p.ConsoleUID != -1 || p.ConsoleErr != nil || !p.Offline {
		t.Errorf("a disk: %+v, want nobody at the screen", p)
	}
}

// A Mac that does not tell is not one without users.
func TestReadPeopleFails(t *testing.T) {
	t.Parallel()
	m := root.FS{Root: mactest.Root(t)}
	if p := ReadPeople(m); p.ConsoleErr == nil || p.ConsoleUID != -1 || p.LastName != "" || p.LastErr != nil || p.Homes != nil || p.HomesErr != nil {
		t.Errorf("an empty Mac: %+v", p)
	}
	mactest.AddFile(t, m.Root, probe.LoginWindowSettings, "damaged")
	mactest.AddFile(t, m.Root, "/Users", "a file")
	if p := ReadPeople(m); p.LastErr == nil || p.LastName != "" || p.Homes != nil {
		t.Errorf("damaged files: %+v", p)
	}
	mactest.Remove(t, m.Root, "/Users")
	for i := range homesLimit + 1 {
		mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, "Users", string(rune('一'+i))), 0o755))
	}
	if p := ReadPeople(m); p.HomesErr == nil {
		t.Errorf("%d homes: no error", homesLimit+1)
	}
}

package pkg

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kextwatch/launchd"
	"kextwatch/probe"
)

// layout writes the layout for an app of a few files.
func layout(t *testing.T) string {
	t.Helper()
	app := filepath.Join(t.TempDir(), "Kextwatch.app")
	for name, mode := range map[string]fs.FileMode{
		"Contents/Info.plist": 0o664, "Contents/MacOS/kextwatch": 0o777, reader: 0o700, "Contents/Resources/uninstall": 0o755, "Contents/Resources/kextwatch.1": 0o600,
	} {
		path := filepath.Join(app, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "pkg")
	if err := (Layout{App: app, Version: "1.2.3.4", Oldest: "10.13"}).Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Everything belongs to root. Only root may change what the package brings. Folders that
// macOS has already keep the mode and the group that macOS gives them.
const manifest = `.	40755	0	0
./Applications	40775	0	80
./Applications/Kextwatch.app	40755	0	0
./Applications/Kextwatch.app/Contents	40755	0	0
./Applications/Kextwatch.app/Contents/Helpers	40755	0	0
./Applications/Kextwatch.app/Contents/Helpers/kextwatch-reader	100755	0	0
./Applications/Kextwatch.app/Contents/Info.plist	100644	0	0
./Applications/Kextwatch.app/Contents/MacOS	40755	0	0
./Applications/Kextwatch.app/Contents/MacOS/kextwatch	100755	0	0
./Applications/Kextwatch.app/Contents/Resources	40755	0	0
./Applications/Kextwatch.app/Contents/Resources/kextwatch.1	100644	0	0
./Applications/Kextwatch.app/Contents/Resources/uninstall	100755	0	0
./Library	40755	0	0
./Library/LaunchAgents	40755	0	0
./Library/LaunchAgents/io.kextwatch.agent.plist	100644	0	0
./Library/LaunchDaemons	40755	0	0
./Library/LaunchDaemons/io.kextwatch.reader.plist	100644	0	0
./Library/PrivilegedHelperTools	41755	0	0
./Library/PrivilegedHelperTools/io.kextwatch.reader	100755	0	0
`

func TestManifest(t *testing.T) {
	for _, umask := range []int{0o022, 0o077, 0} {
		old := syscall.Umask(umask)
		dir := layout(t)
		syscall.Umask(old)
		if got := text(t, filepath.Join(dir, "manifest")); got != manifest {
			t.Errorf("with the umask %o\n%s\nwant\n%s", umask, got, manifest)
		}
		for _, name := range []string{"preinstall", "postinstall"} {
			if info, err := os.Stat(filepath.Join(dir, "scripts", name)); err != nil || info.Mode() != 0o755 {
				t.Errorf("%s: %v, %v, want 0755", name, info, err)
			}
		}
	}
}

// The manifest has what is on the disk. No file or folder of ours may be changed by the
// group or others.
func TestOnlyRootChangesThePackage(t *testing.T) {
	root := filepath.Join(layout(t), "root")
	lines := strings.Split(strings.TrimSuffix(manifest, "\n"), "\n")
	seen := 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var stat syscall.Stat_t
		if err := syscall.Lstat(path, &stat); err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		line := fmt.Sprintf(".%s\t%o\t0\t", name, stat.Mode)
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, line) }) {
			t.Errorf("the manifest has no line that begins with %q", line)
		}
		if stat.Mode&0o022 != 0 && name != "/Applications" {
			t.Errorf("%s has the mode %o", name, stat.Mode)
		}
		seen++
		return nil
	})
	if err != nil || seen != len(lines) {
		t.Errorf("%v; %d files, %d lines", err, seen, len(lines))
	}
}

// The property lists are those that install writes, so that it finds nothing to do. They
// start the programs of the package.
func TestJobsAreThoseOfInstall(t *testing.T) {
	root := filepath.Join(layout(t), "root")
	for path, job := range map[string]launchd.Job{
		probe.JobOfAll: launchd.AgentOfAll(App + "/Contents/MacOS/kextwatch"), probe.ReaderJob: launchd.Daemon(probe.ReaderProgram),
	} {
		want, err := job.Plist()
		if got := text(t, filepath.Join(root, path)); err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s", path, err, got)
		}
		if _, err := os.Stat(filepath.Join(root, job.ProgramArguments[0])); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text(t, filepath.Join(root, probe.ReaderProgram)) != text(t, filepath.Join(root, App, reader)) {
		t.Error("the reader is not the one of the app, so install would copy it")
	}
}

func TestLayoutIsTheSameTwice(t *testing.T) {
	a, b := layout(t), layout(t)
	err := filepath.WalkDir(a, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if other := b + strings.TrimPrefix(path, a); text(t, path) != text(t, other) {
			t.Errorf("%s is not %s", path, other)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// An earlier layout leaves nothing, and no other folder is removed.
func TestLayoutReplaces(t *testing.T) {
	dir := layout(t)
	old := filepath.Join(dir, "root/Library/old")
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l := Layout{App: filepath.Join(dir, "root", App), Version: "1.2.3.4", Oldest: "10.13"}
	moved := filepath.Join(t.TempDir(), "Kextwatch.app")
	if err := os.Rename(l.App, moved); err != nil {
		t.Fatal(err)
	}
	if l.App = moved; l.Write(dir) != nil {
		t.Fatal("it is not written again")
	}
	if _, err := os.Lstat(old); err == nil {
		t.Error("a file of the earlier layout is left")
	}
	other := t.TempDir()
	if err := l.Write(other); err == nil || !strings.Contains(err.Error(), "is not named pkg") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(moved, "link")); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(dir); err == nil || !strings.Contains(err.Error(), "is not a plain file") {
		t.Errorf("an app with a link: %v", err)
	}
}

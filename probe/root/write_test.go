package root

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestWriteFile(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing")) // it must not be used
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "a.plist")
	for _, mode := range []fs.FileMode{0o644, 0o600, 0o640} { // the second and third call replace a file
		if err := WriteFile(path, []byte(mode.String()), mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, mode)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != mode.String() {
			t.Errorf("content %q, %v; want %q", data, err, mode)
		}
	}
	wantNames(t, filepath.Dir(path), "a.plist")
}

func TestWriteFileReplacesALink(t *testing.T) {
	folder := t.TempDir()
	path, other := filepath.Join(folder, "a.plist"), filepath.Join(folder, "other")
	if err := os.WriteFile(other, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other", path); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(other); err != nil || string(data) != "keep" {
		t.Errorf("the target of the link has %q, %v", data, err)
	}
}

func TestWriteFileFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.plist")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), 0o644); err == nil {
		t.Error("a folder was replaced by a file")
	}
	wantNames(t, folder, "a.plist")
	if err := WriteFile(filepath.Join(folder, "missing", "a.plist"), nil, 0o644); !NotExist(err) {
		t.Errorf("in a missing folder: %v", err)
	}
}

func TestSweep(t *testing.T) {
	folder := t.TempDir()
	old := time.Now().Add(-2 * time.Minute)
	for _, name := range []string{"a.plist", ".a.plist1", ".a.plist.2", ".a.plist-new", ".b.plist1"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name != ".a.plist-new" {
			os.Chtimes(path, old, old)
		}
	}
	for _, name := range []string{".a.plist-folder"} {
		path := filepath.Join(folder, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(path, old, old)
	}
	SweepTemporary(filepath.Join(folder, "a.plist"), time.Minute)
	SweepTemporary(filepath.Join(folder, "missing", "a.plist"), time.Minute)
	wantNames(t, folder, ".a.plist-folder", ".a.plist-new", ".b.plist1", "a.plist")
}

func wantNames(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

package mac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// bareMac is a Mac with nothing on it.
func bareMac(t testing.TB) Mac {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Mac{Root: root}
}

// addFile puts a file on the Mac, with the directories above it.
func addFile(t testing.TB, m Mac, name, data string) string {
	t.Helper()
	return addExecutable(t, m, name, data, 0o644)
}

// addTool puts a shell script on the Mac.
func addTool(t testing.TB, m Mac, name, script string) string {
	t.Helper()
	return addExecutable(t, m, name, "#!/bin/sh\n"+script, 0o755)
}

func addExecutable(t testing.TB, m Mac, name, data string, mode fs.FileMode) string {
	t.Helper()
	p := filepath.Join(m.Root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
	return p
}

// addLink puts a symbolic link on the Mac.
func addLink(t testing.TB, m Mac, name, to string) {
	t.Helper()
	p := filepath.Join(m.Root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, p); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, m Mac, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(m.Root, name)); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreBeneathRoot(t *testing.T) {
	m := bareMac(t)
	addFile(t, m, "/private/var/db/fact", "beneath")
	addLink(t, m, "/var", "private/var")
	addLink(t, m, "/Library/absolute", "/private/var/db/fact")
	addLink(t, m, "/Library/upwards", "../../../../../../../../../private/var/db/fact")
	addLink(t, m, "/Library/twice", "/Library/absolute")
	for _, name := range []string{"/var/db/fact", "/Library/absolute", "/Library/upwards", "/Library/twice", "/../../private/var/db/fact"} {
		data, err := m.readFile(name, 100)
		if err != nil || string(data) != "beneath" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	addLink(t, m, "/Library/escape", outside)
	if data, err := m.readFile("/Library/escape", 100); !errors.Is(err, ErrOutside) {
		t.Errorf("a link led out of the Mac: %q, %v", data, err)
	}
	addLink(t, m, "/Library/loop", "/Library/loop")
	if _, err := m.readFile("/Library/loop", 100); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: %v", err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	m := bareMac(t)
	addFile(t, m, "/Library/exact", strings.Repeat("x", 100))
	if data, err := m.readFile("/Library/exact", 100); err != nil || len(data) != 100 {
		t.Errorf("at the limit: %d bytes, %v", len(data), err)
	}
	if _, err := m.readFile("/Library/exact", 99); err == nil || !strings.Contains(err.Error(), "larger than 99 bytes") {
		t.Errorf("over the limit: %v", err)
	}
	if err := syscall.Mkfifo(filepath.Join(m.Root, "Library/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/Library/fifo", "/"} {
		if _, err := m.readFile(name, 100); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestList(t *testing.T) {
	m := bareMac(t)
	for i := range listLimit {
		addFile(t, m, fmt.Sprintf("/Library/many/%03d", i), "")
	}
	names, err := m.list("/Library/many")
	if err != nil || len(names) != listLimit || !slices.IsSorted(names) {
		t.Errorf("%d names, %v", len(names), err)
	}
	addFile(t, m, "/Library/many/one more", "")
	names, err = m.list("/Library/many")
	if err == nil || len(names) != listLimit {
		t.Errorf("over the limit: %d names, %v", len(names), err)
	}
	if err := os.Mkdir(filepath.Join(m.Root, "Library/empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if names, err := m.list("/Library/empty"); err != nil || len(names) != 0 {
		t.Errorf("empty: %q, %v", names, err)
	}
	if err := syscall.Mkfifo(filepath.Join(m.Root, "Library/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/Library/fifo", "/Library/absent", "/Library/many/000"} {
		if _, err := m.list(name); !absent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

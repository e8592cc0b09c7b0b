package root

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kextwatch/probe/mactest"
)

func TestFilesAreBeneathRoot(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, "/private/var/db/fact", "beneath")
	mactest.AddLink(t, m.Root, "/var", "private/var")
	mactest.AddLink(t, m.Root, "/Library/absolute", "/private/var/db/fact")
	mactest.AddLink(t, m.Root, "/Library/upwards", "../../../../../../../../../private/var/db/fact")
	mactest.AddLink(t, m.Root, "/Library/twice", "/Library/absolute")
	for _, name := range []string{"/var/db/fact", "/Library/absolute", "/Library/upwards", "/Library/twice", "/../../private/var/db/fact"} {
		data, err := m.ReadFile(name, 100)
		if err != nil || string(data) != "beneath" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	mactest.AddLink(t, m.Root, "/Library/escape", outside)
	if data, err := m.ReadFile("/Library/escape", 100); !errors.Is(err, ErrOutside) {
		t.Errorf("a link led out of the Mac: %q, %v", data, err)
	}
	mactest.AddLink(t, m.Root, "/Library/loop", "/Library/loop")
	if _, err := m.ReadFile("/Library/loop", 100); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: %v", err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, "/Library/exact", strings.Repeat("x", 100))
	if data, err := m.ReadFile("/Library/exact", 100); err != nil || len(data) != 100 {
		t.Errorf("at the limit: %d bytes, %v", len(data), err)
	}
	if _, err := m.ReadFile("/Library/exact", 99); err == nil || !strings.Contains(err.Error(), "larger than 99 bytes") {
		t.Errorf("over the limit: %v", err)
	}
	if err := syscall.Mkfifo(filepath.Join(m.Root, "Library/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/Library/fifo", "/"} {
		if _, err := m.ReadFile(name, 100); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestList(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	for i := range listLimit {
		mactest.AddFile(t, m.Root, fmt.Sprintf("/Library/many/%03d", i), "")
	}
	names, err := m.List("/Library/many")
	if err != nil || len(names) != listLimit || !slices.IsSorted(names) {
		t.Errorf("%d names, %v", len(names), err)
	}
	mactest.AddFile(t, m.Root, "/Library/many/one more", "")
	names, err = m.List("/Library/many")
	if err == nil || len(names) != listLimit {
		t.Errorf("over the limit: %d names, %v", len(names), err)
	}
	if err := os.Mkdir(filepath.Join(m.Root, "Library/empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if names, err := m.List("/Library/empty"); err != nil || len(names) != 0 {
		t.Errorf("empty: %q, %v", names, err)
	}
	if err := syscall.Mkfifo(filepath.Join(m.Root, "Library/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/Library/fifo", "/Library/absent", "/Library/many/000"} {
		if _, err := m.List(name); !NotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

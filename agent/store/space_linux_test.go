package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kextwatch/probe/mactest"
)

// A full and a read-only disk are known without a write, also before the agent made its
// folder.
func TestCannotWrite(t *testing.T) {
	home := t.TempDir()
	if err := CannotWrite(PlacesIn(home)); err != nil {
		t.Errorf("with space: %v", err)
	}
	if err := syscall.Mount("none", home, "tmpfs", 0, "size=1m,mode=755"); errors.Is(err, fs.ErrPermission) {
		t.Skip("only root may mount a small disk, and not in every container:", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mactest.NoError(t, syscall.Unmount(home, syscall.MNT_DETACH)) })
	if err := CannotWrite(PlacesIn(home)); err != nil {
		t.Errorf("with a megabyte: %v", err)
	}
	mactest.NoError(t, os.WriteFile(filepath.Join(home, "filler"), make([]byte, 900<<10), 0o600))
	if err := CannotWrite(PlacesIn(home)); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("full: %v", err)
	}
	mactest.NoError(t, syscall.Mount("none", home, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=1m"))
	if err := CannotWrite(PlacesIn(home)); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("read-only: %v", err)
	}
}

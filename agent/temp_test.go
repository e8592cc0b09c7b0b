package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// A killed kextwatch leaves its private folder. The folder of a living one stays,
// however old it is.
func TestStrayFolders(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if _, err := privateFolder(); err != nil { // of this process
		t.Fatal(err)
	}
	stray := filepath.Join(temp, fmt.Sprintf("kextwatch-%d-17", dead.Process.Pid))
	for _, dir := range []string{
		stray, fmt.Sprintf("kextwatch-%d-1", os.Getppid()), "kextwatch-1-17", "kextwatch-0-17", "kextwatch-99999999999999999999-1",
		fmt.Sprintf("kextwatch-%d", dead.Process.Pid), fmt.Sprintf("kextwatch-%d-mine", dead.Process.Pid), "kextwatch-demo-17",
	} {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(temp, dir)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(temp, fmt.Sprintf("kextwatch-%d-18", dead.Process.Pid))
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if got := strayFolders(temp); !slices.Equal(got, []string{stray}) {
		t.Errorf("stray folders %q, want only %s", got, stray)
	}
	if got := strayFolders(filepath.Join(temp, "missing")); len(got) > 0 {
		t.Errorf("stray folders %q in a missing folder", got)
	}
}

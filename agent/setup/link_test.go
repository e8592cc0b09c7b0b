package setup

import (
	"os"
	"path/filepath"
	"testing"
)

// install names the command that puts kextwatch on the PATH, unless it is there.
func TestLinkCommand(t *testing.T) {
	dir := t.TempDir()
	path := "/usr/bin:/bin:" + dir
	const want = `sudo mkdir -p /usr/local/bin && sudo ln -s '/Applications/My Tools/kextwatch' /usr/local/bin/kextwatch`
	if got := linkCommand("/Applications/My Tools/kextwatch", path); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "kextwatch"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := linkCommand("/Applications/kextwatch", path); got != "" {
		t.Errorf("kextwatch is on the PATH: %q", got)
	}
}

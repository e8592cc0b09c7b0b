package root

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe/mactest"
)

// A folder for one user: only that user and the owner of the Mac decide what is in it.
func TestOwnFolder(t *testing.T) {
	const name = "/Library/Application Support/states/501"
	own := os.Geteuid()
	for _, tt := range []struct {
		what string
		mac  func(folder string)
		uid  int
		want string // of the error; empty: none
	}{
		{"the user's own", func(string) {}, own, ""},
		{"another user's", func(string) {}, own + 1, "belongs to uid"},
		{"others may write to it", func(folder string) { mactest.NoError(t, os.Chmod(folder, 0o777)) }, own, "users other than its owner can write to"},
		{"others may write to the folder above", func(folder string) { mactest.NoError(t, os.Chmod(filepath.Dir(folder), 0o777)) }, own, "users other than its owner can write to"},
		{"a link", func(folder string) {
			mactest.NoError(t, os.Rename(folder, folder+"-moved"))
			mactest.NoError(t, os.Symlink(folder+"-moved", folder))
		}, own, "is a symbolic link"},
		{"a link above", func(folder string) {
			above := filepath.Dir(folder)
			mactest.NoError(t, os.Rename(above, above+"-moved"))
			mactest.NoError(t, os.Symlink(above+"-moved", above))
		}, own, "is a symbolic link"},
		{"a file", func(folder string) {
			mactest.NoError(t, os.Remove(folder))
			mactest.WriteFile(t, folder, "")
		}, own, "is not a folder"},
	} {
		m := FS{Root: mactest.Root(t)}
		folder := filepath.Join(m.Root, name)
		mactest.NoError(t, os.MkdirAll(folder, 0o755))
		tt.mac(folder)
		got, err := m.OwnFolder(name, tt.uid)
		if tt.want == "" && (err != nil || got != folder) {
			t.Errorf("%s: %q, %v; want %q", tt.what, got, err, folder)
		}
		var untrusted *Untrusted
		if tt.want != "" && (!errors.As(err, &untrusted) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v; want an error with %q", tt.what, err, tt.want)
		}
	}
	if _, err := (FS{Root: mactest.Root(t)}).OwnFolder(name, own); !NotExist(err) {
		t.Errorf("no folder: %v", err)
	}
}

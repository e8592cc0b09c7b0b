package mac

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGuardedEntry(t *testing.T) {
	m := bareMac(t)
	file := addFile(t, m, "/folder/file", "")
	addLink(t, m, "/folder/link", "file")
	link, folder := filepath.Join(m.Root, "folder/link"), filepath.Dir(file)
	us := os.Geteuid()
	for _, tc := range []struct {
		path  string
		mode  fs.FileMode
		owner int
		last  bool
		says  string // empty: it is guarded
	}{
		{file, 0o644, us, true, ""},
		{file, 0o755, us, true, ""},
		{file, 0o000, us, true, ""},
		{folder, 0o755, us, false, ""},
		{folder, 0o700, us, true, ""},
		{folder, 0o755 | fs.ModeSticky, us, false, ""},
		{file, 0o644, us, false, "is not a folder"},
		{file, 0o664, us, true, "may write"},
		{file, 0o646, us, true, "sudo rm"},
		{folder, 0o775, us, false, "sudo chmod go-w"},
		{folder, 0o757, us, false, "sudo chmod go-w"},
		{folder, 0o777 | fs.ModeSticky, us, false, "sudo chmod go-w"},
		{file, 0o644, us + 1, true, "sudo rm"},
		{folder, 0o755, us + 1, false, "sudo chown"},
		{link, 0, us, true, "symbolic link"},
		{link, 0, us, false, "symbolic link"},
	} {
		if tc.path != link {
			noError(t, os.Chmod(tc.path, tc.mode))
		}
		info, err := os.Lstat(tc.path)
		noError(t, err)
		err = guardedEntry(tc.path, info, tc.owner, tc.last)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s, %v, owner %d, last %v: %v, want %q", tc.path, tc.mode, tc.owner, tc.last, err, tc.says)
		}
		noError(t, os.Chmod(folder, 0o755))
	}
}

func TestPrefixes(t *testing.T) {
	for name, want := range map[string]string{"/": "/", "/a": "/ /a", "/a/b c/d": "/ /a /a/b c /a/b c/d"} {
		var got []string
		for p := range prefixes(name) {
			got = append(got, p)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Root may be named by a link; what is beneath it may not.
func TestRootMayBeNamedByALink(t *testing.T) {
	m := bareMac(t)
	noError(t, os.Chmod(m.Root, 0o755))
	addFile(t, m, "/Library/file", "")
	link := filepath.Join(t.TempDir(), "mac")
	noError(t, os.Symlink(m.Root, link))
	if err := (Mac{Root: link}).Guarded("/Library/file"); err != nil {
		t.Error(err)
	}
	if err := (Mac{Root: link}).Guarded("/Library/nothing/here"); err != nil {
		t.Error(err)
	}
	if err := (Mac{Root: filepath.Join(m.Root, "nowhere")}).Guarded("/Library"); err == nil {
		t.Error("no Mac at all, and no error")
	}
}

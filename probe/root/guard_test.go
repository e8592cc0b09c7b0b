package root

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe/mactest"
)

func TestGuardedEntry(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	file := mactest.AddFile(t, m.Root, "/folder/file", "")
	mactest.AddLink(t, m.Root, "/folder/link", "file")
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
		{file, 0o664, us, true, "can write"},
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
			mactest.NoError(t, os.Chmod(tc.path, tc.mode))
		}
		info, err := os.Lstat(tc.path)
		mactest.NoError(t, err)
		err = Trust{Owners: []int{tc.owner}}.entry(tc.path, info, tc.last)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s, %v, owner %d, last %v: %v, want %q", tc.path, tc.mode, tc.owner, tc.last, err, tc.says)
		}
		mactest.NoError(t, os.Chmod(folder, 0o755))
	}
}

// The advice is for a shell. A name in the path must not run anything there.
func TestAdviceQuotesThePath(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "$(touch x)`y`")
	mactest.NoError(t, os.Mkdir(folder, 0o755))
	mactest.NoError(t, os.Chmod(folder, 0o777))
	info, err := os.Lstat(folder)
	mactest.NoError(t, err)
	for _, owner := range []int{os.Geteuid(), os.Geteuid() + 1} {
		err := Trust{Owners: []int{owner}}.entry(folder, info, true)
		if err == nil || !strings.Contains(err.Error(), " '"+folder+"'") {
			t.Errorf("%v, want the path in single quotes", err)
		}
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

// Root may be a link. A path beneath it must not contain one.
func TestRootMayBeALink(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	mactest.NoError(t, os.Chmod(m.Root, 0o755))
	mactest.AddFile(t, m.Root, "/Library/file", "")
	link := filepath.Join(t.TempDir(), "mac")
	mactest.NoError(t, os.Symlink(m.Root, link))
	if err := (FS{Root: link}).Guarded("/Library/file"); err != nil {
		t.Error(err)
	}
	if err := (FS{Root: link}).Guarded("/Library/nothing/here"); err != nil {
		t.Error(err)
	}
	if err := (FS{Root: filepath.Join(m.Root, "nowhere")}).Guarded("/Library"); err == nil {
		t.Error("Root does not exist, but there is no error")
	}
}

// A sticky folder is allowed above the folder of the file, but not as this folder.
// The group of the administrators may write if the rule allows it.
func TestTrust(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	mactest.NoError(t, os.Chmod(m.Root, 0o755))
	file := mactest.AddFile(t, m.Root, "/a/b/file", "content")
	us := []int{0, os.Geteuid()}
	for name, tc := range map[string]struct {
		trust  Trust
		folder string
		mode   fs.FileMode
		good   bool
	}{
		"nothing special":           {Trust{Owners: us}, "/a/b", 0o755, true},
		"another's":                 {Trust{Owners: []int{os.Geteuid() + 1}}, "/a/b", 0o755, false},
		"sticky above":              {Trust{Owners: us, Sticky: true}, "/a", 0o777 | fs.ModeSticky, true},
		"sticky above, not allowed": {Trust{Owners: us}, "/a", 0o777 | fs.ModeSticky, false},
		"not sticky":                {Trust{Owners: us, Sticky: true}, "/a", 0o777, false},
		"sticky itself":             {Trust{Owners: us, Sticky: true}, "/a/b", 0o777 | fs.ModeSticky, false},
		"a group":                   {Trust{Owners: us, Admins: true}, "/a", 0o775, false},
	} {
		mactest.NoError(t, os.Chmod(filepath.Join(m.Root, tc.folder), tc.mode))
		info, err := tc.trust.Walk(m.Root, "/a/b/file")
		if (err == nil) != tc.good || err == nil && info.Name() != "file" {
			t.Errorf("%s: %v", name, err)
		}
		mactest.NoError(t, os.Chmod(filepath.Join(m.Root, tc.folder), 0o755))
	}
	trust := Trust{Owners: us, Sticky: true} // most temporary folders are in a sticky folder
	if data, owner, err := trust.ReadFile(file, 7); err != nil || string(data) != "content" || owner != os.Geteuid() {
		t.Errorf("%q of %d, %v", data, owner, err)
	}
	if _, _, err := trust.ReadFile(file, 6); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

package root

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe/mactest"
)

// Calls that belong to one moment find the same folders. Files are never cached, and after
// a short time nothing is.
func TestPathCache(t *testing.T) {
	dir := mactest.Root(t)
	synctest.Test(t, func(t *testing.T) {
		m := FS{Root: dir}
		const link = "/Library/Extensions"
		relink := func(target string) {
			mactest.Remove(t, m.Root, link)
			mactest.AddLink(t, m.Root, link, target)
		}
		want := func(m FS, when, text string) {
			t.Helper()
			data, err := m.ReadFile(link+"/a", 100)
			if string(data) != text {
				t.Errorf("%s: %q, %v; want %q", when, data, err, text)
			}
		}
		mactest.AddFile(t, m.Root, "/opt/first/a", "first")
		mactest.AddFile(t, m.Root, "/usr/second/a", "second")
		mactest.AddFile(t, m.Root, "/usr/second/b", "b")
		relink("/opt/first")
		moment := m.WithPathCache()
		want(moment, "at first", "first")

		mactest.AddFile(t, m.Root, "/opt/first/a", "written")
		want(moment, "after a change of the file", "written")
		mactest.Remove(t, m.Root, "/opt/first/a")
		want(moment, "without the file", "")
		mactest.AddLink(t, m.Root, "/opt/first/a", "/usr/second/b")
		want(moment, "with a link in place of the file", "b")

		relink("/usr/second")
		want(moment, "after the folder moved, in the same moment", "b")
		want(m, "after the folder moved", "second")
		time.Sleep(pathCacheTime)
		want(moment, "later", "second")
	})
}

// A link out of the folders that kextwatch reads is refused, cached or not.
func TestCachedLinkOutside(t *testing.T) {
	m := FS{Root: mactest.Root(t)}.WithPathCache()
	mactest.AddFile(t, m.Root, "/Users/me/Desktop/a", "private")
	mactest.AddLink(t, m.Root, "/Library/Extensions", "/Users/me/Desktop")
	for range 2 {
		if data, err := m.ReadFile("/Library/Extensions/a", 100); err == nil {
			t.Errorf("read %q", data)
		}
	}
	if got, err := m.Resolve("/Library/Extensions/a"); got != filepath.Join(m.Root, "Users/me/Desktop/a") {
		t.Errorf("resolved to %s, %v", got, err)
	}
	mactest.NoError(t, os.MkdirAll(m.Root+"/Library/Other", 0o755))
	if _, err := m.Stat("/Library/Other"); err != nil {
		t.Error(err)
	}
}

// A folder that becomes a link between two calls is read as the link that it is.
func TestCachedFolderBecomesALink(t *testing.T) {
	m := FS{Root: mactest.Root(t)}.WithPathCache()
	folder := filepath.Join(m.Root, "Library/Extensions")
	mactest.NoError(t, os.MkdirAll(folder, 0o755))
	if _, err := m.paths.Lstat(folder); err != nil {
		t.Fatal(err)
	}
	mactest.Remove(t, m.Root, "/Library/Extensions")
	mactest.AddLink(t, m.Root, "/Library/Extensions", "/Library/Other")
	if target, err := m.paths.Readlink(folder); target == "" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
}

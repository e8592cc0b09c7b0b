package root

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe/mactest"
)

// Calls that belong to one moment find the same folders. Files are never cached, and after a
// short time nothing is.
func TestPathCache(t *testing.T) {
	dir := mactest.Root(t)
	synctest.Test(t, func(t *testing.T) {
		m := FS{Root: dir}
		const folder = "/Library/Extensions"
		want := func(m FS, when, text string) {
			t.Helper()
			data, err := m.ReadFile(folder+"/a", 100)
			if string(data) != text {
				t.Errorf("%s: %q, %v; want %q", when, data, err, text)
			}
		}
		mactest.AddFile(t, m.Root, folder+"/a", "first")
		mactest.AddFile(t, m.Root, "/usr/second/a", "second")
		moment := m.WithPathCache()
		want(moment, "at first", "first")

		mactest.AddFile(t, m.Root, folder+"/a", "written")
		want(moment, "after a change of the file", "written")
		mactest.Remove(t, m.Root, folder+"/a")
		want(moment, "without the file", "")
		mactest.AddLink(t, m.Root, folder+"/a", "/usr/second/a")
		want(moment, "with a link in place of the file", "second")
		mactest.Remove(t, m.Root, folder+"/a")
		mactest.AddFile(t, m.Root, folder+"/a", "again")
		want(moment, "with a file in place of the link", "again")

		mactest.NoError(t, os.Rename(m.Root+folder, m.Root+"/Library/Old"))
		mactest.AddLink(t, m.Root, folder, "/usr/second")
		want(m, "with a link in place of the folder", "second")
		time.Sleep(pathCacheTime)
		want(moment, "later, with a link in place of the folder", "second")

		moment = m.WithPathCache()
		want(moment, "by the link", "second")
		mactest.Remove(t, m.Root, folder)
		mactest.AddLink(t, m.Root, folder, "/Library/Old")
		want(moment, "after the link was moved", "again")
	})
}

// The cache changes no answer: each path leads to the same place with it, or is refused with
// the same words. That place is where securejoin leads.
func TestCachedPathsAreTheSame(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	m.Home = m.Root + "/Users/me"
	mactest.AddFile(t, m.Root, "/Library/Extensions/file", "")
	mactest.AddFile(t, m.Root, "/Users/me/Desktop/file", "private")
	mactest.AddFile(t, m.Root, "/Users/me/Parallels/file", "")
	for link, target := range map[string]string{
		"/Library/up":                 "..",
		"/Library/far":                "../../../../../../Library",
		"/Library/loop":               "loop",
		"/Library/around":             "/Library/Extensions/back/around",
		"/Library/Extensions/back":    "/Library",
		"/Library/Extensions/desktop": "/Users/me/Desktop",
		"/Library/Extensions/vm":      "../../Users/me/Parallels",
		"/Library/Extensions/nowhere": "/Library/missing/file",
		"/Library/Extensions/root":    "/",
		"/Users/me/Parallels/etc":     "/private/etc",
		"/usr":                        "Library/Extensions",
	} {
		mactest.AddLink(t, m.Root, link, target)
	}
	parts := []string{"", ".", "..", "Library", "Extensions", "file", "missing", "up", "far", "loop", "around", "back", "desktop", "vm", "nowhere", "root", "usr", "Users", "me", "Parallels", "Desktop", "etc"}
	names := []string{"", "/Library", "/Library/Extensions", "/Library/Extensions/vm", "/Users/me"}
	for range 2 {
		for _, dir := range slices.Clone(names) {
			for _, part := range parts {
				names = append(names, dir+"/"+part)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	shared := m.WithPathCache()
	outside := 0
	for _, name := range names {
		want, wantErr := m.walk(name, m.Reads)
		if errors.Is(wantErr, ErrOutside) {
			outside++
		}
		plain, plainErr := m.locate(name)
		if plain != want || errors.Is(plainErr, ErrOutside) != errors.Is(wantErr, ErrOutside) || (plainErr == nil) != (wantErr == nil) {
			t.Fatalf("%s: %q, %v; securejoin: %q, %v", name, plain, plainErr, want, wantErr)
		}
		shared.paths.until = time.Now().Add(time.Hour)
		for how, cached := range map[string]FS{"the first path of a moment": m.WithPathCache(), "a later path": shared} {
			got, err := cached.locate(name)
			if got != plain || fmt.Sprint(err) != fmt.Sprint(plainErr) {
				t.Fatalf("%s, as %s: %q, %v; without a cache: %q, %v", name, how, got, err, plain, plainErr)
			}
			if err != nil && strings.Contains(err.Error(), "//") {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if outside < 100 || len(shared.paths.folders) < 4 {
		t.Errorf("%d of %d paths are outside, %d folders cached", outside, len(names), len(shared.paths.folders))
	}
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

// On this Mac, "/" is the root. A link to it leads there.
func TestLocateBeneathSlash(t *testing.T) {
	m := FS{Root: "/"}
	for name, want := range map[string]string{"/": "/", "/usr": "/usr", "/usr/missing/file": "/usr/missing/file"} {
		if got, err := m.locate(name); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if got, err := m.locate("/root"); !errors.Is(err, ErrOutside) {
		t.Errorf("/root: %q, %v", got, err)
	}
}

func BenchmarkLocate(b *testing.B) {
	const name = "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext/Contents/Info.plist"
	m := FS{Root: b.TempDir()}
	mactest.AddFile(b, m.Root, name, "")
	for how, m := range map[string]FS{"first": m, "again": m.WithPathCache()} {
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if m.paths != nil {
					m.paths.until = time.Now().Add(time.Hour)
				}
				if _, err := m.locate(name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

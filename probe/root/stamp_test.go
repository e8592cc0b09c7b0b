package root

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe/mactest"
)

// StampsIn returns what Stamp returns for each file, and nothing for a name that leads out
// of the folder, or for a file outside of the folders that are read.
func TestStampsIn(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	const folder = "/Library/Extensions"
	mactest.AddFile(t, m.Root, folder+"/a.kext/Contents/Info.plist", "a")
	mactest.AddFile(t, m.Root, folder+"/b.kext/Contents/Info.plist", "bb")
	mactest.AddFile(t, m.Root, "/Users/me/Desktop/secret", "s")
	mactest.AddLink(t, m.Root, folder+"/inside.kext", "a.kext")
	mactest.AddLink(t, m.Root, folder+"/outside.kext", "/Users/me/Desktop")
	mactest.AddLink(t, m.Root, folder+"/loop.kext", "loop.kext")
	names := []string{
		"b.kext/Contents/Info.plist", "a.kext/Contents/Info.plist", "inside.kext/Contents/Info.plist",
		"missing.kext/Contents/Info.plist", "outside.kext/secret", "loop.kext/x", "../../Users/me/Desktop/secret", "/Users/me", "a\x00b", "",
	}
	got, err := m.StampsIn(folder, names)
	mactest.NoError(t, err)
	var want []Stamp
	for _, name := range names[:3] {
		stamp, err := m.Stamp(folder + "/" + name)
		mactest.NoError(t, err)
		want = append(want, stamp)
	}
	if want = append(want, make([]Stamp, len(names)-3)...); !slices.Equal(got, want) || want[0] == want[1] || want[1] != want[2] {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := m.StampsIn("/Library/Missing", names); !NotExist(err) {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := m.StampsIn("/Users/me/Desktop", names); err == nil {
		t.Error("a folder outside of the ones that are read: no error")
	}
}

// Stamps returns what Stamp returns for each path. A path that may not be read hides no
// other.
func TestStamps(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, "/Library/Extensions/a", "a")
	mactest.AddFile(t, m.Root, "/Users/me/Desktop/b", "b")
	mactest.AddLink(t, m.Root, "/Library/Extensions/link", "a")
	names := []string{"/Library/Extensions/a", "/Library/Extensions/missing", "/Library/Extensions/link", "/Library/Extensions/a/x", "/Library/Extensions"}
	var each []Stamp
	for _, name := range names {
		stamp, err := m.Stamp(name)
		mactest.NoError(t, err)
		each = append(each, stamp)
	}
	got, err := m.Stamps(names...)
	if err != nil || !slices.Equal(got, each) || each[0] != each[2] || each[1] != (Stamp{}) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, each)
	}
	got, err = m.Stamps("/Users/me/Desktop/b", "/Library/Extensions/a")
	if !errors.Is(err, ErrOutside) || len(got) != 2 || got[0] != (Stamp{}) || got[1] != each[0] {
		t.Errorf("with a path outside: %+v, %v", got, err)
	}
	many := slices.Repeat(names, StampsTogether)
	if got, err = m.Stamps(many...); err != nil || !slices.Equal(got, slices.Repeat(each, StampsTogether)) {
		t.Errorf("of %d paths: %d stamps, %v", len(many), len(got), err)
	}
	if got, err = m.Stamps(); len(got) != 0 || err != nil {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}

// A file that does not answer costs the others time once, and hides none of them.
func TestStampsBesideAFileThatDoesNotAnswer(t *testing.T) {
	dir := mactest.Root(t)
	mactest.AddFile(t, dir, "/Library/first", "1")
	mactest.AddFile(t, dir, "/Library/last", "2")
	synctest.Test(t, func(t *testing.T) {
		before, calls, answer := mactest.DeadShare("dead")
		m := FS{Root: dir, Files: &Files{Before: before}}
		for _, longest := range []time.Duration{FileLimit + FileHurry, 0} {
			start := time.Now()
			got, err := m.Stamps("/Library/first", "/Library/dead", "/Library/last")
			if took := time.Since(start); took != longest {
				t.Errorf("took %v, want %v", took, longest)
			}
			if !errors.Is(err, ErrLate) || got[0] == (Stamp{}) || got[1] != (Stamp{}) || got[2] == (Stamp{}) {
				t.Errorf("%+v, %v; want all but the second", got, err)
			}
		}
		if calls.Load() != 2 {
			t.Errorf("%d calls wait, want 2", calls.Load())
		}
		answer()
	})
}

func TestListUpTo(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	for i := range 300 {
		mactest.NoError(t, os.MkdirAll(fmt.Sprintf("%s/Library/Extensions/%d.kext", m.Root, i), 0o755))
	}
	if names, err := m.ListUpTo("/Library/Extensions", 300); len(names) != 300 || err != nil || !slices.IsSorted(names) {
		t.Errorf("%d names, %v; want 300, sorted", len(names), err)
	}
	if names, err := m.ListUpTo("/Library/Extensions", 299); len(names) != 299 || err == nil {
		t.Errorf("%d names, %v; want 299 and an error", len(names), err)
	}
	if names, err := m.List("/Library/Extensions"); len(names) != listLimit || err == nil {
		t.Errorf("%d names, %v; want %d and an error", len(names), err, listLimit)
	}
}

// The libraries of a kext are the keys of a dictionary, whatever its values are.
func TestReadInfoOfKext(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	for list, want := range map[string][]string{
		"<key>OSBundleLibraries</key><dict><key>com.b</key><string>1</string><key>com.a</key><integer>1</integer></dict>": {"com.a", "com.b"},
		"<key>OSBundleLibraries</key><dict/>":            nil,
		"<key>OSBundleLibraries</key><string>x</string>": nil,
		"": nil,
	} {
		mactest.AddFile(t, m.Root, "/Library/Extensions/a.kext/Contents/Info.plist",
			"<plist><dict><key>CFBundleIdentifier</key><string>a.b</string><key>CFBundleExecutable</key><string>a</string>"+list+"</dict></plist>")
		info, err := m.ReadInfo("/Library/Extensions/a.kext")
		if err != nil || info.ID != "a.b" || info.Executable != "a" || !slices.Equal(info.Libraries, want) {
			t.Errorf("%s: %+v, %v; want %q", list, info, err, want)
		}
	}
}

package root

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"kextwatch/probe/mactest"
)

// StampsIn returns what Stamp returns for each file, except for one outside of the folder.
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

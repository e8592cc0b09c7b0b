package mac

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// No path in the data and no link makes kextwatch read outside of the public
// folders. A kext there counts as existing.
func TestOutsidePathsAreNotRead(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	m.Home = m.Root + "/Users/me"
	places := []string{
		"/Users/me/Desktop/a.kext", "/Users/me/Downloads/b.kext", "/Volumes/Stick/c.kext", "/net/server/d.kext",
		"/System/Volumes/Data/Users/me/Documents/e.kext", "/LIBRARY/../Users/me/Desktop/f.kext", "/Library/Extensions/link.kext",
		"/Applications/Away.app/Contents/g.kext", "/Library/Extensions/twice.kext", "/private/tmp/h.kext",
	}
	var history []probe.LoadRecord
	for _, place := range places {
		if !strings.Contains(place, "link.kext") && !strings.Contains(place, "twice.kext") && !strings.Contains(place, "Away.app") {
			addKext(t, m, place, "com.example."+filepath.Base(place), "1")
		}
		history = append(history, probe.LoadRecord{Path: place, TeamID: "TEAM", BundleID: "com.example." + filepath.Base(place)})
	}
	addKext(t, m, "/Volumes/Stick/Away.app/Contents/g.kext", "com.example.g.kext", "1")
	mactest.AddLink(t, m.Root, "/Applications/Away.app", "/Volumes/Stick/Away.app")
	mactest.AddLink(t, m.Root, "/Library/Extensions/link.kext", "../../Users/me/Desktop/a.kext")
	mactest.AddLink(t, m.Root, "/Library/Extensions/twice.kext", "/Library/Extensions/link.kext")
	mactest.AddLink(t, m.Root, probe.ParallelsApp, "/Volumes/Stick/Parallels Desktop.app")
	app, err := ReadParallels(m)
	if app == nil || !errors.Is(err, root.ErrOutside) {
		t.Errorf("Parallels on another volume: %+v, %v; want one that is there and was not read", app, err)
	}
	policy := recorded(history...)
	policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID}}
	kexts, gaps := findKexts(m, nil, app, policy)
	want := map[string]bool{
		"com.example.a.kext": true, "com.example.b.kext": true, "com.example.e.kext": true, "com.example.link.kext": true,
		"com.example.g.kext": true, "com.example.twice.kext": true, "com.example.h.kext": true, hypervisorID: true,
	}
	for _, k := range kexts {
		if !k.Unread || k.Version != "" || !want[k.BundleID] {
			t.Errorf("found %+v", k)
		}
		delete(want, k.BundleID)
	}
	if len(want) > 0 {
		t.Errorf("%v count as absent", want)
	}
	if len(gaps) != 2 || !strings.Contains(gaps[0].Err, root.ErrOutside.Error()) || !strings.Contains(gaps[1].Err, root.ErrOutside.Error()) {
		t.Errorf("gaps %+v, want two that say that they were not read: those of Parallels and the others", gaps)
	}
}

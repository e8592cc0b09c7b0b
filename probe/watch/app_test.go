package watch

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const homeApp = "/Users/me/Applications/Parallels Desktop.app"

// watchHome starts a story with a home, and with an app in it.
func watchHome(t *testing.T, prepare func(w *Watcher)) *story {
	t.Helper()
	dir := t.TempDir()
	s := &story{T: t, root: dir}
	s.put(homeApp + "/Contents/Info.plist")
	s.put("/Users/me/Documents/PD.app/Contents/Info.plist")
	s.put("/Applications/x")
	return watch(t, dir, func(w *Watcher) {
		w.mac.Home = dir + "/Users/me"
		if prepare != nil {
			prepare(w)
		}
	})
}

// An app at another place is watched once its place is known. The hint that follows
// covers a change before that.
func TestWatchAppAtAnotherPlace(t *testing.T) {
	for name, change := range map[string]func(s *story){
		"updated in place": func(s *story) { s.put(homeApp + "/Contents/Info.plist") },
		"replaced": func(s *story) {
			s.put("/Users/me/new.app/Contents/Info.plist")
			s.move(homeApp, "/Users/me/old.app")
			s.move("/Users/me/new.app", homeApp)
		},
		"moved":       func(s *story) { s.move(homeApp, "/Applications/Parallels Desktop.app") },
		"uninstalled": func(s *story) { s.remove(homeApp) },
		"came back": func(s *story) {
			s.remove(homeApp)
			s.settled()
			s.put(homeApp + "/Contents/Info.plist")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := watchHome(t, nil)
			s.calm()
			s.w.WatchApp(homeApp)
			s.settled()
			s.calm()
			s.w.WatchApp(homeApp)
			s.w.WatchApp("")
			s.calm()
			change(s)
			s.settled()
			s.calm()
			if gaps := s.w.Gaps(); gaps != nil {
				t.Errorf("gaps = %+v", gaps)
			}
		})
	}
}

// The watches of the last place end when there is a new one, so their number is limited.
func TestWatchAppMoves(t *testing.T) {
	s := watchHome(t, nil)
	s.put("/Applications/PD.app/Contents/Info.plist")
	s.w.WatchApp(homeApp)
	s.eventually("the app in the home is watched", s.watches(homeApp))
	s.w.WatchApp("/Applications/PD.app")
	s.eventually("the other app is watched", s.watches("/Applications/PD.app/Contents"))
	if all := s.watched(); slices.ContainsFunc(all, func(p string) bool { return strings.HasPrefix(p, homeApp) }) {
		t.Errorf("watched: %q", all)
	}
}

// The backstop compares the app at another place, too.
func TestBackstopComparesTheApp(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	w := newWatcher(m)
	w.app = "/Applications/PD.app"
	before := w.stampMac()
	mactest.AddFile(t, m.Root, w.app+"/Contents/Info.plist", "new")
	if slices.Equal(before, w.stampMac()) {
		t.Error("the stamps are those from before")
	}
}

// A folder of which macOS would ask the user is not watched, and neither is a place
// that is watched anyway.
func TestAppsThatAreNotWatched(t *testing.T) {
	s := watchHome(t, nil)
	s.calm()
	before := s.watched()
	for _, place := range []string{"", "/Applications/Parallels Desktop.app", "/Users/me/Documents/PD.app", "/Volumes/x/PD.app"} {
		s.w.WatchApp(place)
	}
	s.calm()
	slices.Sort(before)
	if after := s.watched(); !slices.Equal(before, slices.Sorted(slices.Values(after))) {
		t.Errorf("watched %q, then %q", before, after)
	}
}

// A found app takes at most two more folders.
func TestAppTargetsAreFew(t *testing.T) {
	dir := mactest.Root(t)
	mactest.AddFile(t, dir, "/Applications/PD.app/Contents/Info.plist", "x")
	extra := findSpots(root.FS{Root: dir}, targetsWith("/Applications/PD.app"), math.MaxInt)[len(targets):]
	if len(extra) != 2 || !extra[0].found || !extra[1].found || filepath.Dir(extra[1].dir) != extra[0].dir {
		t.Errorf("%+v", extra)
	}
}

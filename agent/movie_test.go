//go:build pictures && desktop && tray && linux

package main

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/notify/tray/desk"
)

// The demo in a real terminal on a real panel, with real notifications and a click on the
// icon: the moving picture of the README. Only with KEXTWATCH_MOVIE, the folder for it, it
// is slow enough to read.
func TestMovieOfPictures(t *testing.T) {
	dir, speed := os.Getenv("KEXTWATCH_MOVIE"), "40"
	if dir == "" {
		dir, speed = t.TempDir(), "120"
	}
	for name, dark := range map[string]bool{"light": false, "dark": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames := filmDemo(t, dark, speed)
			saveMovie(t, filepath.Join(dir, "demo-"+name+".gif"), frames)
		})
	}
}

// frame is what the screen shows from a time on.
type frame struct {
	at    time.Time
	image *image.RGBA
}

// The terminal has 80 columns and is at the left: menus open at the right.
const terminalPlace = "80x24+12+40"

// filmDemo returns what the screen shows during a demo. The first frame is one that shows
// the terminal, a notification and the open menu, for readers who see only that.
func filmDemo(t *testing.T, dark bool, speed string) []frame {
	s := desk.StartLargeSession(t, dark, image.Pt(800, 580))
	st := stage{Session: s, program: thisProgram(t)}
	st.empty = s.Screen.Still(t, "the panel", func(shot *image.RGBA) bool { return shot.At(10, 10) != shot.At(10, 100) })

	log := filepath.Join(t.TempDir(), "terminal")
	text, ground := "#202020", "#fbfbfb"
	if dark {
		text, ground = "#e8e8e8", "#1c1c1c"
	}
	command := fmt.Sprintf("printf '$ kextwatch demo --story restart\\n'; PATH=%s:$PATH kextwatch demo --story restart --speed %s; sleep 60",
		filepath.Dir(st.program[0]), speed)
	s.Launch(t, "xterm", "-geometry", terminalPlace, "-fa", "DejaVu Sans Mono", "-fs", "9", "-fg", text, "-bg", ground,
		"-xrm", "*cursorBlink: false", "-xrm", "*internalBorder: 6", "-xrm", "*boldColors: false", "-l", "-lf", log, "-e", "sh", "-c", command)

	var film []frame
	shows := func(what string) bool {
		seen, _ := os.ReadFile(log)
		return strings.Contains(string(seen), what)
	}
	roll := func(until string, done func() bool) {
		for end := time.Now().Add(2 * desk.Patience); !done(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the demo never came to %s", until)
			}
			shot := s.Screen.Shot(t)
			if last := len(film) - 1; last < 0 || !desk.Difference(film[last].image, shot).Empty() {
				film = append(film, frame{time.Now(), shot})
			}
		}
	}
	hold := func(d time.Duration) {
		end := time.Now().Add(d)
		roll("the next scene", func() bool { return time.Now().After(end) })
	}
	roll("the click", func() bool { return shows("Click the icon") })
	hold(300 * time.Millisecond)
	icon := desk.Difference(st.panel(st.empty), st.panel(s.Screen.Shot(t)))
	s.Screen.Click(t, icon.Min.Add(icon.Size().Div(2)))
	menu := image.Rect(icon.Max.X-150, icon.Max.Y+10, icon.Max.X, icon.Max.Y+130)
	roll("the menu", func() bool { return desk.Difference(part(st.empty, menu), part(film[len(film)-1].image, menu)) == menu })
	hold(700 * time.Millisecond)
	key := film[len(film)-1]
	entry := image.Pt(icon.Min.X-60, icon.Max.Y+44) // below the line with the state
	s.Screen.Move(t, entry)
	hold(700 * time.Millisecond)
	s.Screen.Click(t, entry)
	roll("the pane", func() bool { return shows("Opens System") })
	s.Screen.Move(t, image.Pt(300, 570))
	roll("the end", func() bool { return shows("The end.") })
	hold(500 * time.Millisecond)
	var titles []string
	for _, n := range s.TakeShown(t) {
		titles = append(titles, n.Title)
	}
	want := []string{"macOS was updated from 12.7.6 to 13.7.2", "Parallels Desktop needs your approval", "Parallels Desktop: restart your Mac", "Parallels Desktop is ready"}
	if !slices.Equal(titles, want) {
		t.Errorf("notifications %q, want %q", titles, want)
	}
	film = append([]frame{{film[0].at.Add(-2 * time.Second), key.image}}, film...)
	return append(film, frame{time.Now().Add(4 * time.Second), film[len(film)-1].image})
}

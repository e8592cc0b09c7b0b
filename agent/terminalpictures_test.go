//go:build pictures && desktop && tray && linux

package main

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe/simmac"
)

// Every answer in a real terminal, narrow and wide, in color on light and on dark.
func TestPicturesOfTheTerminal(t *testing.T) {
	dir, program := pictureFolder(t), thisProgram(t)
	root := filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(root, simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7", Now: time.Now().Add(-2 * time.Hour)})
	if err == nil {
		err = errors.Join(sim.AddVM(simmac.VM{Name: machine}), sim.AddKext(simmac.MacFUSE()))
	}
	if err != nil {
		t.Fatal(err)
	}
	agent := program.run(t, root)
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	agent.want(t, approval.WindowOpened)
	for _, look := range []struct {
		columns      int
		dark         bool
		text, ground string
	}{{60, false, "#202020", "#fbfbfb"}, {100, true, "#e8e8e8", "#1c1c1c"}} {
		t.Run(fmt.Sprint(look.columns), func(t *testing.T) {
			t.Parallel()
			s := desk.StartLargeSession(t, look.dark, image.Pt(900, 1100))
			empty := s.Screen.Still(t, "the panel", func(shot *image.RGBA) bool { return shot.At(10, 10) != shot.At(10, 100) })
			for _, command := range []string{"status", "explain", "doctor", "history", "settings", "upgrade-check 26.2", "watch", "--help"} {
				t.Run(command, func(t *testing.T) {
					done := filepath.Join(t.TempDir(), "done")
					// xterm answers this question when it has read all that was written before.
					shown := `stty raw -echo; printf '\033[5n'; dd bs=1 count=4 >/dev/null 2>&1`
					line := fmt.Sprintf("printf '$ kextwatch %[1]s\\n'; kextwatch --root %[2]s %[1]s; %[4]s; touch %[3]s; sleep 60", command, root, done, shown)
					if command == "watch" { // it does not end
						line = fmt.Sprintf("(sleep 2; touch %[3]s) & kextwatch --root %[2]s %[1]s", command, root, done)
					}
					s.Launch(t, "env", "PATH="+filepath.Dir(program[0])+":"+os.Getenv("PATH"),
						"xterm", "-geometry", fmt.Sprintf("%dx62+12+40", look.columns), "-fa", "DejaVu Sans Mono", "-fs", "9", "-fg", look.text, "-bg", look.ground,
						"-xrm", "*cursorBlink: false", "-xrm", "*internalBorder: 6", "-e", "sh", "-c", line)
					shot := s.Screen.Still(t, "the answer", func(shot *image.RGBA) bool {
						_, err := os.Stat(done)
						return err == nil && !desk.Difference(empty, shot).Empty()
					})
					name := fmt.Sprintf("terminal-%s-%d.png", strings.Trim(strings.Fields(command)[0], "-"), look.columns)
					savePicture(t, filepath.Join(dir, name), part(shot, desk.Difference(empty, shot)))
				})
			}
		})
	}
}

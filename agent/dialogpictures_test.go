//go:build pictures && desktop && tray && linux

package main

import (
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/simmac"
)

// dialogScenes are Macs with an open window: no other dialog asks the user anything.
var dialogScenes = []struct {
	name    string
	mac     simmac.Options
	past    happening // what has happened to the Mac
	says    string    // the dialog begins so
	also    string    // and says this
	buttons []string
}{
	{"window", ventura, wasBlocked, "Parallels Desktop needs your approval",
		"", []string{"Later", "Remind Me in 5 Minutes", "Open Privacy & Security"}},
	{"machine", simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7"}, wasBlockedAtMachine, "Parallels Desktop needs your approval",
		machine, []string{"Later", "Remind Me in 5 Minutes", "Open Security & Privacy"}},
	{"soon-over", catalina, wasBlockedForLong, "Parallels Desktop needs your approval",
		"", []string{"Later", "Remind Me in 2 Minutes", "Open Security & Privacy"}},
	{"nearly-over", catalina, wasBlockedForTooLong, "Parallels Desktop needs your approval",
		"", []string{"Later", "Open Security & Privacy"}},
	{"organization", catalina, wasBlockedAtACME, "Parallels Desktop needs your approval",
		"IT Support, extension 4321", []string{"Later", "Remind Me in 5 Minutes", "Open Security & Privacy"}},
}

func wasBlockedAtMachine(m *simmac.Mac, _ string, now time.Time) error {
	return errors.Join(m.AddVM(simmac.VM{Name: machine, Hypervisor: probe.ParallelsHypervisor}), m.StartVM(machine, now))
}

// wasBlockedForLong leaves a window of about six minutes.
func wasBlockedForLong(m *simmac.Mac, _ string, now time.Time) error {
	return m.Attempt(now.Add(6*time.Minute - approval.WindowLength))
}

// wasBlockedForTooLong leaves a window in which a reminder comes too late.
func wasBlockedForTooLong(m *simmac.Mac, _ string, now time.Time) error {
	return m.Attempt(now.Add(2*time.Minute - approval.WindowLength))
}

func wasBlockedAtACME(m *simmac.Mac, root string, now time.Time) error {
	return errors.Join(isManagedByACME(root), m.Attempt(now))
}

// The dialog of each open window, with the arguments that the agent gives to osascript.
// zenity draws it: the window looks different on a Mac, its words and buttons are the same.
func TestPicturesOfDialogs(t *testing.T) {
	dir := pictureFolder(t)
	for name, dark := range map[string]bool{"light": false, "dark": true} {
		t.Run(name, func(t *testing.T) {
			stage := newStage(t, dark)
			home := t.TempDir()
			mactest.WriteFile(t, filepath.Join(home, ".config/gtk-3.0/settings.ini"), "[Settings]\ngtk-application-prefer-dark-theme="+strconv.FormatBool(dark)+"\n")
			t.Setenv("HOME", home)
			for _, variable := range stage.Env() {
				if name, value, _ := strings.Cut(variable, "="); name == "DISPLAY" || name == "DBUS_SESSION_BUS_ADDRESS" {
					t.Setenv(name, value)
				}
			}
			for _, s := range dialogScenes {
				t.Run(s.name, func(t *testing.T) {
					root := filepath.Join(t.TempDir(), "mac")
					now := time.Now()
					s.mac.Now = now.Add(-time.Hour)
					sim, err := simmac.New(root, s.mac)
					if err == nil {
						err = s.past(sim, root, now)
					}
					if err != nil {
						t.Fatal(err)
					}
					dialog := stage.dialog(t, sim, root)
					if !strings.HasPrefix(dialog.Text, s.says) || !strings.Contains(dialog.Text, s.also) || !slices.Equal(dialog.Buttons, s.buttons) {
						t.Errorf("the dialog %q with the buttons %q, want %q, %q and %q", dialog.Text, dialog.Buttons, s.says, s.also, s.buttons)
					}
					savePicture(t, filepath.Join(dir, "dialog-"+s.name+"-"+name+".png"), stage.draw(t, dialog))
				})
			}
		})
	}
}

// dialog runs the agent on a Mac whose user wants dialogs, and returns the first one.
func (st stage) dialog(t *testing.T, sim *simmac.Mac, root string) notify.Dialog {
	mactest.WriteFile(t, filepath.Join(root, "Users/me/Library/Preferences", probe.AgentLabel+".plist"),
		`<plist version="1.0"><dict><key>AlertStyle</key><string>dialog</string></dict></plist>`)
	_, end := st.login(t, root)
	defer end()
	for deadline := time.Now().Add(desk.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		shown, err := sim.Dialogs()
		if err != nil {
			t.Fatal(err)
		}
		if len(shown) > 0 {
			return dialogOf(t, shown[0])
		}
	}
	t.Fatal("the agent showed no dialog")
	return notify.Dialog{}
}

// dialogOf returns a dialog that the simulated osascript showed.
func dialogOf(t *testing.T, args []string) notify.Dialog {
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			t.Fatalf("arguments %q: %v", args, err)
		}
		return n
	}
	return notify.Dialog{Default: number(1) - 1, Cancel: number(2) - 1, Title: args[3], Text: args[4], Buttons: args[5:]}
}

// draw returns a picture of a dialog.
func (st stage) draw(t *testing.T, dialog notify.Dialog) *image.RGBA {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := desktop.Zenity{Root: "/", UID: os.Geteuid()}.Ask(ctx, dialog)
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the dialog did not stay open: %v", err)
		}
		st.Screen.Still(t, "an empty screen", func(shot *image.RGBA) bool { return desk.Difference(st.empty, shot).Empty() })
	}()
	picture := st.Screen.Still(t, "the dialog", func(shot *image.RGBA) bool {
		return desk.Difference(st.empty, shot).Dx() > 300
	})
	return part(picture, desk.Difference(st.empty, picture).Inset(-12).Intersect(picture.Rect))
}

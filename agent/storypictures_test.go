//go:build pictures && desktop && tray && linux

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// The story of a person on a real desktop: each notification is shown once, with the
// next step that is right then. A snooze does not hide the button that is back.
func TestPicturesOfAStory(t *testing.T) {
	t.Parallel()
	dir, st := pictureFolder(t), newStage(t, false)
	root := filepath.Join(t.TempDir(), "mac")
	now := time.Now()
	sim, err := simmac.New(root, simmac.Options{MacOS: "11.7.10", Parallels: "17.1.7", Now: now.Add(-4 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.AddVM(simmac.VM{Name: machine, Hypervisor: probe.ParallelsHypervisor}); err != nil {
		t.Fatal(err)
	}
	const (
		snooze    = "For 10 Minutes"
		clickIcon = "Until about HH:MM: click the kextwatch icon, Open Security and Privacy, then Allow."
	)
	var icon desk.Icon
	end := func() {}
	defer func() { end() }()
	for i, stage := range []struct {
		name   string
		login  bool // the agent ends before and starts again after it
		happen func() error
		click  string // an entry of the menu, before it
		says   string
		icon   notify.Icon
		alert  string // the title and the text of the one notification; empty: none
	}{
		{name: "before", login: true, says: "not asked for approval yet", icon: notify.IconWell},
		{name: "update", login: true, happen: func() error { return sim.UpdateMacOS("12.7.6", now.Add(-2*time.Hour)) },
			says: "not asked for approval yet", icon: notify.IconWell,
			alert: "macOS was updated from 11.7.10 to 12.7.6 | macOS will block the kernel extensions when the virtual machine “Windows 11” starts."},
		{name: "blocked", login: true, happen: func() error {
			return errors.Join(passHour(root), sim.StartVM(machine, time.Now().Add(desk.Patience-approval.WindowLength)))
		}, says: "waiting for your approval, 1 minute left", icon: notify.IconWaiting,
			alert: "Parallels Desktop needs your approval | " + clickIcon},
		{name: "missed", click: snooze, says: "blocked, and the time to approve it is over", icon: notify.IconBlocked,
			alert: "Parallels Desktop: the time to approve is over | Choose Try Again… in the kextwatch menu. Then open Security and Privacy and click Allow, then restart the Mac."},
		{name: "back", happen: func() error { return sim.StartVM(machine, time.Now()) },
			says: "waiting for your approval, 30 minutes left", icon: notify.IconWaiting,
			alert: "Parallels Desktop: the Allow button is back | " + clickIcon + " macOS shows no alert for it."},
		{name: "allowed", happen: func() error { return sim.Allow(time.Now()) },
			says: "approved; restart the Mac to finish", icon: notify.IconTodo,
			alert: "Parallels Desktop: restart your Mac | The kernel extensions are approved. From macOS 11, macOS loads them at the next start."},
		{name: "not-loaded", login: true, happen: func() error {
			return errors.Join(sim.SetLinking(false), sim.SetCollection("com.example.other", true), sim.Restart(time.Now()))
		}, says: "approved, but macOS does not load it", icon: notify.IconTodo,
			alert: "Parallels Desktop still does not load | Restart the Mac. If that does not help, install Parallels Desktop again."},
		{name: "next-login", login: true, says: "approved, but macOS does not load it", icon: notify.IconTodo},
		{name: "loaded", login: true, happen: func() error { return errors.Join(sim.SetLinking(true), sim.Restart(time.Now())) },
			says: "approved and loaded", icon: notify.IconWell,
			alert: "Parallels Desktop is ready | All its kernel extensions are approved and loaded."},
	} {
		if stage.click != "" {
			icon.Click(t, stage.click)
			icon.WaitMenu(t, hasEntry("Snoozed until "))
		}
		if stage.login {
			end()
		}
		if stage.happen != nil {
			if err := stage.happen(); err != nil {
				t.Fatalf("%s: %v", stage.name, err)
			}
		}
		if stage.login {
			icon, end = st.login(t, root)
		}
		var want []string
		if stage.alert != "" {
			want = []string{stage.alert}
		}
		picture := st.picture(t, icon, "Parallels Desktop: "+stage.says, stage.icon, uint32(len(want)))
		savePicture(t, filepath.Join(dir, fmt.Sprintf("story-%d-%s.png", i, stage.name)), picture)
		var alerts []string
		for _, n := range st.TakeShown(t) {
			alerts = append(alerts, timeForm.ReplaceAllString(n.Title+" | "+n.Body, "HH:MM"))
		}
		if !slices.Equal(alerts, want) {
			t.Errorf("%s: notifications %q, want %q", stage.name, alerts, want)
		}
	}
}

// timeForm matches a time of day in an alert.
var timeForm = regexp.MustCompile(`\d\d:\d\d`)

// passHour makes what kextwatch knows of a Mac an hour old: kextwatch did not run since.
func passHour(root string) error {
	file := filepath.Join(root, "Users/me/Library/Application Support", probe.AgentLabel, "memory.plist")
	memory, err := store.ReadMemory(file)
	if err != nil {
		return err
	}
	memory.Memory.LastRead.At = memory.Memory.LastRead.At.Add(-time.Hour)
	return store.SaveMemory(file, memory)
}

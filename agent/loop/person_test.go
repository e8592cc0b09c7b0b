package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/notify"
	"kextwatch/probe"
)

// stage is one thing that happens to the Mac of a person, and what kextwatch makes of it.
type stage struct {
	minute   float64 // since the story began
	what     string
	restarts bool // the agent ends before and starts again after it
	do       func(d *bubble)
	click    notify.Action
	events   []string
	alerts   []string // the title and the text of each
	state    string   // in the first line of the menu
	next     []string // lines of the menu that say what helps
}

// The whole story of a person, in real durations. Each event and each alert comes once,
// with the next step that is right then, and never again after the agent was restarted.
func TestTheStoryOfAPerson(t *testing.T) {
	for _, story := range []struct {
		name, macOS, parallels, build string
		stages                        []stage
	}{
		{"a restart is needed", "11.7.10", "17.1.7", "51588", onMonterey},
		{"no restart is needed", "10.14.6", "16.5.1", "49187", onCatalina},
	} {
		t.Run(story.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := newBubble()
				d.ownParallels(story.parallels, story.build)
				d.boots(story.macOS, "BOOT-1")
				began := time.Now()
				stop := d.start(t, dir)
				defer func() { stop() }()
				told := 0
				check := func(what string, events, alerts []string) {
					t.Helper()
					if got := d.take(); !slices.Equal(got, events) {
						t.Errorf("%s: events %q, want %q", what, got, events)
					}
					var got []string
					for _, a := range d.now().alerts[told:] {
						got = append(got, a.Title+" | "+a.Body)
					}
					told += len(got)
					if !slices.Equal(got, alerts) {
						t.Errorf("%s: alerts\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(alerts, "\n"))
					}
				}
				for _, s := range story.stages {
					time.Sleep(time.Until(began.Add(time.Duration(s.minute * float64(time.Minute)))))
					if s.restarts {
						stop()
					}
					if s.do != nil {
						s.do(d)
					}
					if s.restarts {
						stop = d.start(t, dir)
					} else {
						d.hint(settled)
					}
					if s.click != "" {
						d.clicks <- s.click
					}
					synctest.Wait()
					what := fmt.Sprintf("minute %g, %s", s.minute, s.what)
					check(what, s.events, s.alerts)
					if state := d.now().menu.State; state != "Parallels Desktop: "+s.state {
						t.Errorf("%s: the menu says %q, want %q", what, state, s.state)
					}
					for _, line := range s.next {
						if details := slices.Concat(d.now().menu.Next, d.now().menu.Details); !slices.Contains(details, line) {
							t.Errorf("%s: the menu has %q, want %q", what, details, line)
						}
					}
					stop()
					stop = d.start(t, dir)
					check(what+", and the agent was restarted", nil, nil)
				}
			})
		})
	}
}

// ownParallels installs Parallels Desktop and one virtual machine on its hypervisor.
func (d *bubble) ownParallels(version, build string) {
	d.change(func(s *probe.Snapshot) {
		s.Apps[0].Version, s.Apps[0].Build = version, build
		s.Kexts[0].Version = version + " " + build
		s.Machines = probe.Machines{Known: true, From: "prlctl", List: []probe.VM{{
			UUID: "5f3b2d64-0f6e-4c58-9a39-b7a2f1a7c0de", Name: "Windows 11", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor,
		}}}
	})
}

// boots starts the Mac with this version of macOS; no kernel extension is loaded.
func (d *bubble) boots(macOS, session string) {
	d.change(func(s *probe.Snapshot) {
		s.Mac.OS = probe.OSVersion{Version: macOS}
		s.Mac.BootedAt, s.Mac.BootSession = time.Now(), session
		s.Loaded.Kexts = nil
	})
}

func (d *bubble) allow() {
	d.change(func(s *probe.Snapshot) { s.Policy.Rows[0].Allowed = true })
}

// triesInVain is an attempt to load the allowed extension, which macOS does not load.
func (d *bubble) triesInVain() {
	d.change(func(s *probe.Snapshot) { s.Policy.History[0].LastSeen = time.Now().UTC().Truncate(time.Second) })
}

// loads is an attempt to load the allowed extension, which macOS loads.
func (d *bubble) loads() {
	d.triesInVain()
	d.change(func(s *probe.Snapshot) {
		s.Loaded.Kexts = []probe.LoadedKext{{BundleID: s.Kexts[0].BundleID, Version: s.Kexts[0].Version}}
	})
}

const (
	untilClick = ": click the kextwatch icon, Open Security & Privacy, then Allow."
	isReady    = "Parallels Desktop is ready | All its kernel extensions are approved and loaded."
)

// clickUntil is the text of an alert about a window that opened at this minute of a story.
// about is empty up to macOS 10.15, where the end is certain.
func clickUntil(about string, opened float64) string {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of the bubble
	closes := start.Add(time.Duration((opened + 30) * float64(time.Minute))).Local()
	return "Until " + about + closes.Format("15:04") + untilClick
}

// onMonterey is the story of somebody with a virtual machine that needs the extensions.
var onMonterey = []stage{
	{minute: 0, what: "nothing has happened", state: "not asked for approval yet"},
	{minute: 10, what: "macOS is updated", restarts: true, do: func(d *bubble) { d.boots("12.7.6", "BOOT-2") },
		events: []string{"macos-updated"},
		alerts: []string{"macOS was updated from 11.7.10 to 12.7.6 | macOS will block the kernel extensions when the virtual machine “Windows 11” starts."},
		state:  "not asked for approval yet"},
	{minute: 15, what: "macOS blocks it", do: (*bubble).attempt,
		events: []string{"window-opened"},
		alerts: []string{"Parallels Desktop needs your approval | " + clickUntil("about ", 15)},
		state:  "waiting for your approval, 30 minutes left"},
	{minute: 43, what: "the person is away",
		events: []string{"window-reminder", "window-reminder"},
		alerts: []string{"Parallels Desktop: 15 minutes left to click Allow | " + clickUntil("about ", 15), "Parallels Desktop: 5 minutes left to click Allow | " + clickUntil("about ", 15)},
		state:  "waiting for your approval, 2 minutes left"},
	{minute: 43.5, what: "the person snoozes for ten minutes", click: notify.Snooze,
		events: []string{"snoozed"},
		state:  "waiting for your approval, 2 minutes left"},
	{minute: 45, what: "the time is over",
		events: []string{"window-reminder", "window-closed"},
		alerts: []string{"Parallels Desktop: 1 minute left to click Allow | " + clickUntil("about ", 15),
			"Parallels Desktop: the time to approve is over | Choose Try Again… in the kextwatch menu. Then open Security & Privacy and click Allow, then restart the Mac."},
		state: "blocked, and the time to approve it is over", next: []string{"To get the Allow button back, choose Try Again…"}},
	{minute: 48, what: "another attempt, within the ten minutes", do: (*bubble).attempt,
		events: []string{"window-reopened"},
		alerts: []string{"Parallels Desktop: the Allow button is back | " + clickUntil("about ", 48) + " macOS shows no alert for it."},
		state:  "waiting for your approval, 30 minutes left"},
	{minute: 50, what: "the person clicks Allow", do: (*bubble).allow,
		events: []string{"approved", "restart-needed"},
		alerts: []string{"Parallels Desktop: restart your Mac | The kernel extensions are approved. From macOS 11, macOS loads them at the next start."},
		state:  "approved; restart the Mac to finish"},
	{minute: 52, what: "the Mac restarts", restarts: true, do: func(d *bubble) { d.boots("12.7.6", "BOOT-3") },
		state: "approved", next: []string{"If a virtual machine does not start, restart the Mac."}},
	{minute: 60, what: "the virtual machine does not start", do: (*bubble).triesInVain,
		state: "approved"},
	{minute: 61, what: "a minute later",
		events: []string{"load-failing"},
		alerts: []string{"Parallels Desktop still does not load | Restart the Mac. If that does not help, install Parallels Desktop again."},
		state:  "approved, but macOS does not load it", next: []string{"Restart the Mac.", "If that does not help, install Parallels Desktop again."}},
	{minute: 70, what: "the Mac restarts again", restarts: true, do: func(d *bubble) { d.boots("12.7.6", "BOOT-4") },
		state: "approved"},
	{minute: 80, what: "the virtual machine starts", do: (*bubble).loads,
		events: []string{"kexts-loaded"},
		alerts: []string{isReady},
		state:  "approved and loaded"},
	{minute: 2000, what: "a day later", state: "approved and loaded"},
}

// onCatalina is the same without a restart; an earlier version is still in the kernel.
var onCatalina = []stage{
	{minute: 0, what: "nothing has happened", state: "not asked for approval yet"},
	{minute: 10, what: "macOS is updated", restarts: true, do: func(d *bubble) { d.boots("10.15.7", "BOOT-2") },
		events: []string{"macos-updated"},
		alerts: []string{"macOS was updated from 10.14.6 to 10.15.7 | macOS will block the kernel extensions when you open Parallels Desktop. You then have 30 minutes to allow them."},
		state:  "not asked for approval yet"},
	{minute: 15, what: "macOS blocks it", do: (*bubble).attempt,
		events: []string{"window-opened"},
		alerts: []string{"Parallels Desktop needs your approval | " + clickUntil("", 15)},
		state:  "waiting for your approval, 30 minutes left"},
	{minute: 43, what: "the person is away",
		events: []string{"window-reminder", "window-reminder"},
		alerts: []string{"Parallels Desktop: 15 minutes left to click Allow | " + clickUntil("", 15), "Parallels Desktop: 5 minutes left to click Allow | " + clickUntil("", 15)},
		state:  "waiting for your approval, 2 minutes left"},
	{minute: 43.5, what: "the person snoozes until the window closes", click: notify.SnoozeWindow,
		events: []string{"snoozed"},
		state:  "waiting for your approval, 2 minutes left"},
	{minute: 45, what: "the time is over",
		events: []string{"window-reminder", "window-closed"},
		alerts: []string{"Parallels Desktop: 1 minute left to click Allow | " + clickUntil("", 15),
			"Parallels Desktop: the time to approve is over | Choose Try Again… in the kextwatch menu. Then open Security & Privacy and click Allow."},
		state: "blocked, and the time to approve it is over"},
	{minute: 48, what: "another attempt", do: (*bubble).attempt,
		events: []string{"window-reopened"},
		alerts: []string{"Parallels Desktop: the Allow button is back | " + clickUntil("", 48) + " macOS shows no alert for it."},
		state:  "waiting for your approval, 30 minutes left"},
	{minute: 50, what: "the person clicks Allow", do: (*bubble).allow,
		events: []string{"approved"},
		alerts: []string{"Parallels Desktop is approved | macOS can now load its kernel extensions. If it does not work yet, open Parallels Desktop again."},
		state:  "approved"},
	{minute: 51, what: "an earlier version is found in the kernel", do: func(d *bubble) {
		d.change(func(s *probe.Snapshot) {
			s.Loaded.Kexts = []probe.LoadedKext{{BundleID: s.Kexts[0].BundleID, Version: "15.1.5 47309"}}
		})
	}, state: "approved", next: []string{"Version 15.1.5 47309 is still loaded.", "Quit Parallels Desktop.", "If that does not help, restart the Mac."}},
	{minute: 60, what: "Parallels was quit and opened again", do: (*bubble).loads,
		events: []string{"kexts-loaded"},
		alerts: []string{isReady},
		state:  "approved and loaded"},
	{minute: 2000, what: "a day later", state: "approved and loaded"},
}

package demo

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// Story is what happens to a simulated Mac, and what the agent must notice.
type Story struct {
	title            string
	macOS, parallels string
	arch             probe.Arch                         // empty: Intel
	prepare          func(*simmac.Mac, time.Time) error // before kextwatch is installed; nil: nothing
	begins           string
	steps            []step
}

type step struct {
	minute   float64 // since the story began
	says     string
	do       func(*simmac.Mac, time.Time) error
	restarts bool // the Mac restarts: the agent ends and starts again at login
	expect   []approval.EventName
	click    notify.Action // then: the first entry of the menu; empty: nothing
}

// begins returns when the step begins: in its minute. On a slow machine the story is late;
// then most of the time since the step before stays, from when that step was done. An
// attempt soon after the Mac has started, for example, does not tell whether the Allow
// button is there.
func (s step) begins(start time.Time, minuteBefore float64, done time.Time) time.Time {
	minutes := func(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
	planned, soonest := start.Add(minutes(s.minute)), done.Add(minutes((s.minute-minuteBefore)*3/4))
	if soonest.After(planned) {
		return soonest
	}
	return planned
}

// stories are made when they are first used, and not before main.
var stories = sync.OnceValue(func() map[string]Story {
	return map[string]Story{
		"update": {
			title: "Intel: after an update to macOS 10.15, Parallels is blocked, and the first window is missed.",
			macOS: "10.14.6", parallels: "16.5.1",
			begins: "You have Parallels Desktop 16.5.1 and macOS 10.14.6, and have not opened Parallels yet.",
			steps: []step{
				{minute: 1, says: "macOS is updated to 10.15.7 while kextwatch is not running, and the Mac restarts.",
					do:       func(m *simmac.Mac, now time.Time) error { return m.UpdateMacOS("10.15.7", now) },
					restarts: true, expect: []approval.EventName{approval.MacOSUpdated}},
				{minute: 3, says: "You open Parallels. macOS blocks its kernel extensions and shows its one alert. You click it away.",
					do: (*simmac.Mac).Attempt, expect: []approval.EventName{approval.WindowOpened}},
				{minute: 4, says: "You have lunch, and miss the reminders. The one at 5 minutes left is a dialog.",
					expect: []approval.EventName{approval.WindowReminder, approval.WindowClosed}},
				{minute: 36, says: "You open Parallels again. macOS brings the button back, and says nothing.",
					do: (*simmac.Mac).Attempt, expect: []approval.EventName{approval.WindowReopened}},
				{minute: 37, says: "You click the icon of kextwatch, and the first entry of its menu.", click: notify.OpenSettings},
				{minute: 42, says: "You click Allow.",
					do: (*simmac.Mac).Allow, expect: []approval.EventName{approval.ApprovedEvent}},
				{minute: 43, says: "Parallels loads its kernel extensions.",
					do: (*simmac.Mac).Load, expect: []approval.EventName{approval.KextsLoaded}},
				{minute: 44},
			},
		},
		"restart": {
			title: "Intel: from macOS 11, an approved kernel extension is loaded at the next start.",
			macOS: "12.7.6", parallels: "18.3.4", prepare: addWindows,
			begins: "You have Parallels Desktop 18.3.4, macOS 12.7.6 and a virtual machine that uses the Parallels hypervisor.",
			steps: []step{
				{minute: 1, says: "macOS is updated to 13.7.2, and the Mac restarts.",
					do:       func(m *simmac.Mac, now time.Time) error { return m.UpdateMacOS("13.7.2", now) },
					restarts: true, expect: []approval.EventName{approval.MacOSUpdated}},
				{minute: 5, says: "You start the virtual machine. macOS blocks the kernel extensions.",
					do: startWindows, expect: []approval.EventName{approval.WindowOpened}},
				{minute: 6, says: "You click the icon of kextwatch, and the first entry of its menu.", click: notify.OpenSettings},
				{minute: 11, says: "You click Allow.",
					do: (*simmac.Mac).Allow, expect: []approval.EventName{approval.RestartNeeded}},
				{minute: 12, says: "You restart the Mac.",
					do: (*simmac.Mac).Restart, restarts: true, expect: []approval.EventName{approval.KextsLoaded}},
				{minute: 13},
			},
		},
		"macfuse": {
			title: "Apple silicon: in Full Security, macFUSE needs a change in macOS Recovery.",
			macOS: "15.2", parallels: "26.4.1", arch: probe.AppleSilicon,
			prepare: func(m *simmac.Mac, now time.Time) error {
				return errors.Join(m.AddKext(simmac.MacFUSE()), m.SetBootPolicy(simmac.BootFull, now))
			},
			begins: "You have macOS 15.2, Parallels Desktop 26.4.1 and macFUSE on a Mac with Apple silicon. Its startup security is Full Security.",
			steps: []step{
				{minute: 1, says: "macOS is updated to 26.2, and the Mac restarts.",
					do:       func(m *simmac.Mac, now time.Time) error { return m.UpdateMacOS("26.2", now) },
					restarts: true, expect: []approval.EventName{approval.MacOSUpdated}},
				{minute: 2, says: "There is nothing to do yet, so there is no notification. On Apple silicon, Parallels needs no kernel extension."},
				{minute: 3, says: "You mount a volume with macFUSE. macOS blocks the kernel extension, and shows no Allow button.",
					do: mount, expect: []approval.EventName{approval.NeedsRecoveryEvent}},
				{minute: 4, says: "You click the icon of kextwatch, and the first entry of its menu.", click: notify.ShowGuide},
				{minute: 9, says: "You shut down the Mac, choose Reduced Security in macOS Recovery, and start it again.",
					do:       func(m *simmac.Mac, now time.Time) error { return m.SetBootPolicy(simmac.BootReducedUsers, now) },
					restarts: true},
				{minute: 13, says: "You mount the volume again. Now macOS shows the Allow button.",
					do: mount, expect: []approval.EventName{approval.WindowOpened}},
				{minute: 14, says: "You click the icon, and the first entry of its menu.", click: notify.OpenSettings},
				{minute: 19, says: "You click Allow.",
					do:     func(m *simmac.Mac, now time.Time) error { return m.AllowKext(simmac.MacFUSE().ID, now) },
					expect: []approval.EventName{approval.RestartNeeded}},
				{minute: 20, says: "You restart the Mac. Your volume is mounted, and macOS loads the kernel extension.",
					do: (*simmac.Mac).Restart, restarts: true, expect: []approval.EventName{approval.KextsLoaded}},
				{minute: 21},
			},
		},
		"not-loaded": {
			title: "Intel: approved and restarted, but macOS still does not load the kernel extensions.",
			macOS: "12.7.6", parallels: "18.3.4", prepare: addWindows,
			begins: "You have Parallels Desktop 18.3.4, macOS 12.7.6 and a virtual machine that uses the Parallels hypervisor.",
			steps: []step{
				{minute: 1, says: "macOS is updated to 13.7.2, and the Mac restarts.",
					do:       func(m *simmac.Mac, now time.Time) error { return m.UpdateMacOS("13.7.2", now) },
					restarts: true, expect: []approval.EventName{approval.MacOSUpdated}},
				{minute: 5, says: "You start the virtual machine. macOS blocks the kernel extensions, and you miss its alert.",
					do: startWindows, expect: []approval.EventName{approval.WindowOpened, approval.WindowReminder, approval.WindowClosed}},
				{minute: 38, says: "You start it again.",
					do: startWindows, expect: []approval.EventName{approval.WindowReopened}},
				{minute: 40, says: "You click Allow.",
					do: (*simmac.Mac).Allow, expect: []approval.EventName{approval.RestartNeeded}},
				{minute: 41, says: "You restart the Mac. macOS fails to prepare the kernel extensions, and says nothing.",
					do: restart(false), restarts: true},
				{minute: 46, says: "You start the virtual machine. It does not start.",
					do: startWindows, expect: []approval.EventName{approval.LoadFailingEvent}},
				{minute: 50, says: "You restart the Mac again. This time, macOS prepares and loads the kernel extensions.",
					do: restart(true), restarts: true, expect: []approval.EventName{approval.KextsLoaded}},
				{minute: 51},
			},
		},
	}
})

const windows = "Windows 11"

func mount(m *simmac.Mac, now time.Time) error { return m.AttemptKext(simmac.MacFUSE().ID, now) }

func addWindows(m *simmac.Mac, _ time.Time) error {
	return m.AddVM(simmac.VM{Name: windows, Hypervisor: probe.ParallelsHypervisor})
}

func startWindows(m *simmac.Mac, now time.Time) error { return m.StartVM(windows, now) }

// restart restarts the Mac, which builds the auxiliary kernel collection or fails to.
func restart(builds bool) func(*simmac.Mac, time.Time) error {
	return func(m *simmac.Mac, now time.Time) error {
		if err := m.SetLinking(builds); err != nil {
			return err
		}
		return m.Restart(now)
	}
}

// Find returns the story with this name.
func Find(name string) (Story, bool) {
	s, ok := stories()[name]
	return s, ok
}

// DefaultStory is the name of the story that is played if none is named.
const DefaultStory = "update"

// Each returns the names of the stories, in order, and what they are about.
func Each() iter.Seq2[string, string] {
	return func(yield func(name, title string) bool) {
		for _, name := range slices.Sorted(maps.Keys(stories())) {
			if !yield(name, stories()[name].title) {
				return
			}
		}
	}
}

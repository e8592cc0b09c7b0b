package view

import (
	"fmt"
	"kextwatch/notify"
	"kextwatch/probe"
)

// TestAlert is the notification that `kextwatch notify-test` posts.
func TestAlert() notify.Alert {
	return notify.Alert{
		Title: "This is a test",
		Body:  "kextwatch can notify you here when macOS blocks a kernel extension. There is nothing to do.",
	}
}

// TestPosted says what was done with it, and what to do when it did not
// appear. onMac is whether macOS was asked to show it, or a Linux desktop. On
// a Mac it is posted by osascript, and so counts as one of Script Editor's.
func TestPosted(os probe.OSVersion, onMac bool) (done, next string) {
	if !onMac {
		return "kextwatch gave a test notification to this desktop's notification service.",
			"If nothing appeared, check whether Do Not Disturb is on and which notification service runs."
	}
	app := settingsApp(os)
	return "kextwatch gave a test notification to macOS. macOS does not report whether it was shown.",
		fmt.Sprintf("If nothing appeared, turn Focus (Do Not Disturb) off, allow notifications in %s > Notifications > Script Editor, and try again. If Script Editor is not in that list, open it once (it is in Applications > Utilities). The icon in the menu bar shows the same as the notifications.", app)
}

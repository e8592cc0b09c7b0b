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
		Body:  "kextwatch can reach you here when macOS blocks a kernel extension. There is nothing to do.",
	}
}

// TestPosted says what was done with it, and what to do when it did not
// appear. onMac is whether macOS was asked to show it, or a Linux desktop. On
// a Mac it is posted by osascript, and so counts as one of Script Editor's.
func TestPosted(os probe.OSVersion, onMac bool) (done, next string) {
	if !onMac {
		return "A test notification was handed to the notification service of this desktop.",
			"If nothing appeared, see whether notifications are silenced (Do Not Disturb), and whether the service is the one you expect."
	}
	app := settingsApp(os)
	return "A test notification was handed to macOS, which does not tell whether it was shown.",
		fmt.Sprintf("If nothing appeared, switch Focus (Do Not Disturb) off, look in %s > Notifications > Script Editor whether notifications are allowed, and run this again. If Script Editor is not in that list, open it once (it is in Applications > Utilities). The icon in the menu bar says the same as the notifications.", app)
}

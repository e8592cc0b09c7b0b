package view

import (
	"kextwatch/notify"
	"kextwatch/probe"
)

// TestAlert returns the notification that `kextwatch notify-test` posts.
func TestAlert() notify.Alert {
	return notify.Alert{
		Title: "This is a test",
		Body:  "kextwatch can notify you here when macOS blocks a kernel extension. There is nothing to do.",
	}
}

// TestPosted says where the test notification went, and what to do if it did not
// appear. onMac is false for a Linux desktop. On a Mac, osascript posts the
// notification, so macOS treats it as a notification of Script Editor.
func TestPosted(mac probe.Mac, onMac bool) (done, next string) {
	if !onMac {
		return "kextwatch gave a test notification to this desktop's notification service.",
			"If nothing appeared, check whether Do Not Disturb is on and which notification service runs."
	}
	app := settingsApp(mac)
	return "kextwatch gave a test notification to macOS. macOS does not report whether it was shown.",
		OnScreen(mac, "If nothing appeared, turn Focus (Do Not Disturb) off, allow notifications in %s > {Notifications} > Script Editor, and try again. If Script Editor is not in that list, open it once (it is in Applications > Utilities). The icon in the menu bar shows the same as the notifications.", app)
}

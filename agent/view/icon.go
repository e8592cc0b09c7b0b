package view

import (
	"kextwatch/notify"
	"kextwatch/probe"
)

// IconMayBeHidden reports whether this macOS can hide the icon of a program, which
// does not notice that.
func IconMayBeHidden(os probe.OSVersion) bool { return os.AtLeast(26, 0) }

// iconMissing is what to do if macOS hides the icon. The pane came with macOS 26.
func iconMissing(mac probe.Mac) string {
	return OnScreen(mac, "If you do not see it, allow kextwatch in {System Settings} > {Menu Bar}.")
}

// IconIntroduction is the first notification on a macOS that can hide the icon.
func IconIntroduction(mac probe.Mac) notify.Alert {
	return notify.Alert{Title: "kextwatch has an icon in the menu bar", Body: iconMissing(mac)}
}

package view

import (
	"kextwatch/probe"
)

// Installed returns the lines at the end of an installation: where the icon is, which
// notifications to allow, and how to get the command. icon reports whether kextwatch
// can show its icon. link is the command that puts kextwatch on the PATH; empty: it is there.
func Installed(mac probe.Mac, icon bool, link string) []string {
	var lines []string
	if icon {
		lines = append(lines, "The icon of kextwatch is on the right side of the menu bar.")
		if IconMayBeHidden(mac.OS) {
			lines = append(lines, iconMissing(mac))
		}
	} else {
		lines = append(lines, "kextwatch cannot show its icon here. Its notifications work without it.")
	}
	lines = append(lines, OnScreen(mac, "Allow its notifications: open %s > {Notifications} and choose Script Editor, which posts them.", settingsApp(mac)))
	if link != "" {
		lines = append(lines, "To use the command kextwatch in Terminal, run:", "    "+link)
	}
	return lines
}

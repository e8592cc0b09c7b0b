package mac

import "kextwatch/probe"

const (
	privacyPane = "SecurityPrivacyExtension" // process of the pane, from macOS 13
	preferences = "System Preferences"       // application of all panes, up to macOS 12
)

// paneOpen reports whether the pane with the Allow button is open. Up to macOS 12
// only the application is a process. While it runs, the answer is unknown,
// because another pane may be open.
func paneOpen(processes []process, os probe.OSVersion, counts func(process) bool) probe.Answer {
	switch {
	case !os.Known():
		return ""
	case os.AtLeast(13, 0):
		return probe.AnswerOf(runs(processes, privacyPane, counts))
	case runs(processes, preferences, counts):
		return ""
	}
	return probe.No
}

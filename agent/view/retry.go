package view

import (
	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// NotTried is why no Allow button came although Parallels was asked to try,
// and what to do then. vm says that a virtual machine was started for it.
func NotTried(vm bool) Reason {
	next := "Quit Parallels Desktop and try again. Installing it again also works."
	if vm {
		next = "Start the virtual machine in Parallels Desktop and read its message. Installing Parallels Desktop again also works."
	}
	return Reason{
		approval.Reason{Code: "not-tried", Severity: approval.Obstacle, Check: "parallels.asked"},
		"Parallels did not try to load, or macOS has not reported it yet",
		"kextwatch saw no attempt of Parallels Desktop to load its kernel extensions.",
		next,
	}
}

// Started is why no Allow button came where none was needed.
func Started() Reason {
	return Reason{
		approval.Reason{Code: "started", Severity: approval.Note, Check: "parallels.loaded"},
		"The virtual machine runs", "macOS did not block it. Nothing is left to do.", "",
	}
}

// RetryFailed is said when a click on Try Again… led to nothing.
func RetryFailed(why, next string) notify.Alert {
	return notify.Alert{Title: "Trying again failed", Body: sentences(Clean(why), Clean(next))}
}

package view

import (
	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// NotTried is why no Allow button came although Parallels was asked to try,
// and what to do then. vm says that a virtual machine was started for it.
func NotTried(vm bool) Reason {
	next := "Quit Parallels Desktop and run kextwatch retry again; installing it again makes it try, too."
	if vm {
		next = "Start the virtual machine in Parallels Desktop and see what it says; installing Parallels Desktop again makes it try, too."
	}
	return Reason{
		approval.Reason{Code: "not-tried", Severity: approval.Obstacle, Check: "parallels.asked"},
		"Parallels did not try, or macOS has not said so yet",
		"No attempt of Parallels Desktop to load its kernel extensions was seen.",
		next,
	}
}

// Started is why no Allow button came where none was needed.
func Started() Reason {
	return Reason{
		approval.Reason{Code: "started", Severity: approval.Note, Check: "parallels.loaded"},
		"The virtual machine runs", "macOS blocked nothing: there is nothing left to do.", "",
	}
}

// RetryFailed is said when a click on Try Again… led to nothing.
func RetryFailed(why, next string) notify.Alert {
	return notify.Alert{Title: "Parallels could not be asked to try again", Body: sentences(Clean(why), Clean(next))}
}

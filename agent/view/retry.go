package view

import "kextwatch/notify"

// NotTried is why no Allow button came although Parallels was asked to try,
// and what to do then; vm says that a virtual machine was started for it.
func NotTried(vm bool) (title, text, next string) {
	title = say("Parallels did not try, or macOS has not said so yet")
	text = say("No attempt of Parallels Desktop to load its kernel extensions was seen.")
	if vm {
		return title, text, say("Start the virtual machine in Parallels Desktop and see what it says; installing Parallels Desktop again makes it try, too.")
	}
	return title, text, say("Quit Parallels Desktop and run kextwatch retry again; installing it again makes it try, too.")
}

// Started is why no Allow button came where none was needed.
func Started() (title, text string) {
	return say("The virtual machine runs"), say("macOS blocked nothing: there is nothing left to do.")
}

// RetryFailed is said when a click on Try Again… led to nothing.
func RetryFailed(why, next string) notify.Alert {
	return notify.Alert{Title: say("Parallels could not be asked to try again"), Body: sentences(Clean(why), Clean(next))}
}

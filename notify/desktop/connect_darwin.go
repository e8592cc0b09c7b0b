package desktop

// Connect does nothing on a Mac: osascript and terminal-notifier connect for
// themselves.
func Connect() {}

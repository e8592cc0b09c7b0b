package probe

import "time"

// Situation is what is going on at the Mac: who sits there, what runs, what
// may swallow a click on Allow. It is looked at while an approval waits, and
// whenever somebody asks.
type Situation struct {
	Asked      bool // it was looked at; else all of it is not known
	UID        int  // whose agent this is
	ConsoleUID int  // who uses screen and keyboard: 0 is the login window, -1 not known
	Locked     Answer
	Admin      Answer    // is the user an administrator?
	LoginAt    time.Time // start of the user's login session; zero: not known
	Remote     []string  // signs that the Mac is used from afar: "a connection to screen sharing", "TeamViewer"
	InputTools []string  // programs that make clicks and keys of their own: "BetterTouchTool"
	PaneOpen   Answer    // the pane with the Allow button is open; it does not refresh
	Service    Answer    // Parallels' service runs
	Extensions []SystemExtension
}

// SystemExtension is an extension that does not run in the kernel. It has no
// 30 minutes and no row in the kernel extension policy.
type SystemExtension struct {
	TeamID   string
	BundleID string
	Category string // "network_extension", …
	State    string // as systemextensionsctl spells it: "activated waiting for user"
}

// Waiting reports whether it waits for the user to allow it.
func (e SystemExtension) Waiting() bool { return e.State == "activated waiting for user" }

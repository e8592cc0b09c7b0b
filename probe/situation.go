package probe

import "time"

// Situation describes the use of the Mac: who sits at it, what runs, and what
// may block a click on Allow. It is read while an approval waits, and when a
// command needs it.
type Situation struct {
	Asked      bool // it was read; false: no field but ParallelsSince and Extensions is known
	UID        int  // the user of this agent
	ConsoleUID int  // the user of screen and keyboard: 0 is the login window, -1 not known
	NobodyHere bool // only the login window is at the screen
	Locked     Answer
	Admin      Answer    // the user is an administrator
	LoginAt    time.Time // start of the user's login session; zero: not known
	Remote     []string  // signs of remote use: "a connection to screen sharing", "TeamViewer"
	InputTools []string  // programs that generate clicks and key presses: "BetterTouchTool"
	PaneOpen   Answer    // the pane with the Allow button is open; macOS does not refresh it
	Service    Answer    // the service of Parallels runs

	// Since when Parallels Desktop and its service have both been running; zero: one
	// of them does not run, or it is not known.
	ParallelsSince time.Time

	ExtensionsAsked bool // Extensions was read; false: it is not known
	Extensions      []SystemExtension
}

// SystemExtension is an extension that does not run in the kernel. It has no
// approval window and no row in the kernel extension policy.
type SystemExtension struct {
	TeamID   string
	BundleID string
	Category string // "network_extension", …
	State    string // as systemextensionsctl prints it: "activated waiting for user"
}

// WaitingExtensions returns the bundle IDs of the system extensions that wait for the
// user to allow them.
func (s Situation) WaitingExtensions() []string {
	var waiting []string
	for _, e := range s.Extensions {
		if e.Waiting() {
			waiting = append(waiting, e.BundleID)
		}
	}
	return waiting
}

// Waiting reports whether it waits for the user to allow it.
func (e SystemExtension) Waiting() bool { return e.State == "activated waiting for user" }

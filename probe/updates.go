package probe

import "time"

// Updates is what is known of updates and backups.
type Updates struct {
	Installed  []Installation // of macOS, oldest first
	OffersRead bool           // the list of Software Update was read
	Offered    []Offer        // of macOS, by Software Update
	Check      Answer         // look for updates by itself
	Download   Answer         // download them by itself
	Install    Answer         // install macOS updates by itself
	Backup     Backup
}

// Installation is an entry of InstallHistory.plist for macOS itself.
type Installation struct {
	At      time.Time
	Name    string // "macOS 15.5"
	Version string
}

// Offer is a macOS that Software Update offers.
type Offer struct {
	Name    string // "macOS Sequoia 15.2"
	Version string
	Build   string // where the product key names it
}

// Backup is what Time Machine says, where it can be read.
type Backup struct {
	On   Answer
	Last time.Time // zero: none, or not known
}

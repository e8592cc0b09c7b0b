package probe

import "time"

// Updates describes updates of macOS and backups.
type Updates struct {
	Installed  []Installation // versions of macOS, oldest first
	OffersRead bool           // Offered was read; false: it is not known
	Offered    []Offer        // versions of macOS that Software Update offers
	Check      Answer         // macOS checks for updates automatically
	Download   Answer         // macOS downloads them automatically
	Install    Answer         // macOS installs updates of macOS automatically
	Backup     Backup
}

// Installation is an entry of InstallHistory.plist for macOS itself.
type Installation struct {
	At      time.Time
	Name    string // "macOS 15.5"
	Version string
}

// Offer is a version of macOS that Software Update offers.
type Offer struct {
	Name    string // "macOS Sequoia 15.2"
	Version string
	Build   string // empty if the product key does not contain it
}

// Backup is the state of Time Machine.
type Backup struct {
	On   Answer
	Last time.Time // the last backup; zero: none, or not known
}

package approval

import (
	"maps"
	"slices"
	"time"

	"kextwatch/probe"
)

// Memory is what must survive from one snapshot to the next, and a restart of
// the agent. It is plain data; the caller keeps it. Times are whole seconds,
// because a property list stores no fraction.
//
// The tags are the keys on people's disks. A field may get another name; its
// key changes only together with a migration.
type Memory struct {
	Look  Look                  `plist:"Look"`
	Items map[string]ItemMemory `plist:"Items"`
	Kexts map[string]KextMemory `plist:"Kexts"`

	// What the user has been told, by product, and the versions it was about.
	Told     map[string]Told   `plist:"Told"`
	OS       probe.OSVersion   `plist:"OS"`
	Versions map[string]string `plist:"Versions"` // product → "16.5.1-49187"; empty: not installed
	Source   probe.SourceName  `plist:"Source"`
	Disagree string            `plist:"Disagree"` // how sources differed when that was last recorded
	Offered  []string          `plist:"Offered"`  // the macOS versions that have been warned about
	Snoozed  time.Time         `plist:"Snoozed"`
	Seq      int64             `plist:"Seq"` // of the last event
}

// Look is the last look at which the policy could be read.
type Look struct {
	Source  probe.SourceName `plist:"Source"`
	At      time.Time        `plist:"At"`
	Session string           `plist:"Session"` // of the boot
	Blocked []string         `plist:"Blocked"` // keys of the rows that were not allowed
}

// ItemMemory is the approval window of an item and the attempts it rests on.
type ItemMemory struct {
	Window    Window    `plist:"Window"`
	Windows   int       `plist:"Windows"` // how many windows this item has had; numbers them
	Earlier   int       `plist:"Earlier"` // those since it was last not blocked
	Attempts  []Attempt `plist:"Attempts"`
	Dismissed []Attempt `plist:"Dismissed"` // times that looked like attempts and were none
	Session   string    `plist:"Session"`   // the boot session of the last attempt
}

// itemLife is how long an item is remembered after its last attempt when no fact
// names it: far longer than any window, so that an item that comes back in
// between is not announced twice.
const itemLife = 24 * time.Hour

// attemptedWithin reports whether a time that was or looked like an attempt is
// within d of now. A time in the future counts: the clock may have been set back.
func (m ItemMemory) attemptedWithin(d time.Duration, now time.Time) bool {
	recent := func(a Attempt) bool { return now.Sub(a.At) <= d }
	return slices.ContainsFunc(m.Attempts, recent) || slices.ContainsFunc(m.Dismissed, recent)
}

// KextMemory is what was last known of a kernel extension.
type KextMemory struct {
	Place     string `plist:"Place"` // of the item it belongs to
	Allowed   bool   `plist:"Allowed"`
	AllowedIn string `plist:"AllowedIn"` // boot session in which it became allowed before our eyes

	// Allowed already before this start of the Mac.
	AllowedEarlier bool `plist:"AllowedEarlier"`

	// Boot sessions in which macOS refused it, said that it needs a restart, or
	// asked for another approval.
	RefusedIn string `plist:"RefusedIn"`
	RestartIn string `plist:"RestartIn"`
	UpgradeIn string `plist:"UpgradeIn"`

	LoadedVersion string `plist:"LoadedVersion"` // the version last seen loaded, and its code directory hash
	LoadedCDHash  string `plist:"LoadedCDHash"`
}

// clone keeps Assess and Tell from changing the caller's maps.
func (m Memory) clone() Memory {
	m.Items = cloned(m.Items)
	m.Kexts = cloned(m.Kexts)
	m.Told = cloned(m.Told)
	m.Versions = cloned(m.Versions)
	m.Offered = slices.Clone(m.Offered)
	return m
}

func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

func key(teamID, id string) string { return teamID + " " + id }

package approval

import (
	"maps"
	"slices"
	"time"

	"kextwatch/probe"
)

// Memory is what has to outlive a look, and a restart of the agent. It is
// plain data; the caller keeps it. Times are whole seconds, because that is
// what a property list keeps.
type Memory struct {
	Look  Look
	Items map[string]ItemMemory
	Kexts map[string]KextMemory

	// What the user has been told, by product, and the versions it was about.
	Told     map[string]Told
	OS       probe.OSVersion
	Versions map[string]string // product → "16.5.1-49187"; empty: not installed
	Source   probe.SourceName
	Disagree string   // how sources differed when that was last recorded
	Offered  []string // the macOS versions that have been warned about
	Snoozed  time.Time
	Seq      int64 // of the last event
}

// Look is the last look at which the policy could be read.
type Look struct {
	Source  probe.SourceName
	At      time.Time
	Session string   // of the boot
	Blocked []string // keys of the rows that were not allowed
}

// ItemMemory is the approval window of an item and the attempts it rests on.
type ItemMemory struct {
	Window    Window
	Windows   int // how many windows this item has had; numbers them
	Earlier   int // those since it was last not blocked
	Attempts  []Attempt
	Dismissed []Attempt // times that looked like attempts and were none
	Session   string    // the boot session of the last attempt
}

// KextMemory is what was last known of a kernel extension.
type KextMemory struct {
	Place     string // of the item it belongs to
	Allowed   bool
	AllowedIn string // boot session in which it became allowed before our eyes

	// Allowed already before this start of the Mac.
	AllowedEarlier bool

	// Boot sessions in which macOS refused it, said that it needs a restart, or
	// asked for another approval.
	RefusedIn, RestartIn, UpgradeIn string

	LoadedVersion string // the version last seen loaded, and its code directory hash
	LoadedCDHash  string
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

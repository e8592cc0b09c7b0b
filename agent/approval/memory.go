package approval

import (
	"maps"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// Memory is the state between two snapshots. It survives a restart of the agent.
// It is plain data, and the caller keeps it. Times are whole seconds, because a
// property list stores no fractions.
//
// The tags are the keys on people's disks. A field may be renamed. A change of its
// key needs a migration: see agent/store.
type Memory struct {
	LastRead LastRead              `plist:"Look"`
	Items    map[string]ItemMemory `plist:"Items"`
	Kexts    map[string]KextMemory `plist:"Kexts"`

	// What was announced to the user, by Product.ID, and the versions at that time.
	Announced map[string]Announced `plist:"Told"`
	OS        probe.OSVersion      `plist:"OS"`
	Versions  map[string]string    `plist:"Versions"` // Product.ID → "16.5.1-49187"; empty: not installed
	Source    probe.SourceName     `plist:"Source"`
	Disagree  string               `plist:"Disagree"` // how two sources differed when that was last recorded
	Offered   []string             `plist:"Offered"`  // the macOS versions about which the user was warned
	Snoozed   time.Time            `plist:"Snoozed"`

	SnoozedWindow string `plist:"SnoozedWindow,omitempty"` // the windowID of the window that is snoozed

	Ignored []string `plist:"Ignored,omitempty"` // team IDs that the user ignores, beside those of the settings

	Boots []Boot `plist:"Boots,omitempty"` // starts of the Mac in the last two weeks, oldest first

	// The last known login, and its boot session. It comes from a tool, which may be slow.
	LoginAt time.Time `plist:"LoginAt,omitempty"`
	LoginIn string    `plist:"LoginIn,omitempty"`

	Seq int64 `plist:"Seq"` // number of the last event
}

// LastRead is the last snapshot with a policy.
type LastRead struct {
	Source  probe.SourceName `plist:"Source"`
	At      time.Time        `plist:"At"`
	Session string           `plist:"Session"` // the boot session
	Blocked []string         `plist:"Blocked"` // keys of the rows that were not allowed
}

// ItemMemory is the approval window of an item, and the attempts that opened it.
type ItemMemory struct {
	Window    Window    `plist:"Window"`
	Windows   int       `plist:"Windows"` // how many windows this item has had; the number of the newest one
	Earlier   int       `plist:"Earlier"` // how many of them since the item was last not blocked
	Attempts  []Attempt `plist:"Attempts"`
	Dismissed []Attempt `plist:"Dismissed"` // times that looked like attempts but were not; they stay dismissed
	Session   string    `plist:"Session"`   // the boot session of the last attempt
}

// itemLife is how long an item without facts is remembered after its last attempt.
// It is far longer than a window, so that an item that returns meanwhile is not
// announced twice.
const itemLife = 24 * time.Hour

// attemptedWithin reports whether an attempt, or a time that looked like one, is at
// most d before now. A time in the future counts: the clock may have been set back.
func (m ItemMemory) attemptedWithin(d time.Duration, now time.Time) bool {
	recent := func(a Attempt) bool { return now.Sub(a.At) <= d }
	return slices.ContainsFunc(m.Attempts, recent) || slices.ContainsFunc(m.Dismissed, recent)
}

// KextMemory is the last known state of a kernel extension.
type KextMemory struct {
	Place     string    `plist:"Place"` // of its item
	Developer string    `plist:"Developer,omitempty"`
	Allowed   bool      `plist:"Allowed"`
	By        AllowedBy `plist:"By,omitempty"`      // who allows it
	Payload   bool      `plist:"Payload,omitempty"` // only the payload of a profile says so
	AllowedIn string    `plist:"AllowedIn"`         // boot session in which it became allowed while the agent ran

	// It was allowed before the Mac started.
	AllowedEarlier bool `plist:"AllowedEarlier"`

	AllowedAt time.Time `plist:"AllowedAt,omitempty"` // when it was first read as allowed

	// The approval is gone: it is lost, or will be at LostAt unless it comes back.
	Lost   bool      `plist:"Lost,omitempty"`
	LostAt time.Time `plist:"LostAt,omitempty"`

	// Boot sessions in which macOS refused it, reported that it needs a restart, or
	// that it needs another approval.
	RefusedIn string `plist:"RefusedIn"`
	RestartIn string `plist:"RestartIn"`
	UpgradeIn string `plist:"UpgradeIn"`

	LoadedVersion string    `plist:"LoadedVersion"` // the version that was last loaded, and its code directory hash
	LoadedCDHash  string    `plist:"LoadedCDHash"`
	LoadedAt      time.Time `plist:"LoadedAt,omitempty"` // when it was first seen loaded after its last attempt
	LoadedIn      string    `plist:"LoadedIn,omitempty"` // the boot session of that time

	// Why macOS refused it in a boot session, if no approval changes that.
	Failure   probe.Outcome `plist:"Failure,omitempty"`
	FailureIn string        `plist:"FailureIn,omitempty"`

	LastSeen  time.Time `plist:"LastSeen,omitempty"`  // of the load history
	BlockedAt time.Time `plist:"BlockedAt,omitempty"` // when it was first read as blocked

	// What the auxiliary kernel collection of a boot session has of it: its version, or
	// notCollected. Differs is the first session in which that was not the one on disk.
	Collected   string `plist:"Collected,omitempty"`
	CollectedIn string `plist:"CollectedIn,omitempty"`
	Differs     string `plist:"Differs,omitempty"`

	// The last load attempt that the agent saw happen.
	Watched time.Time `plist:"Watched,omitempty"`

	// Boot session in which the extension was proven not to load although it is allowed,
	// and by which rule; and since when something has been running without it.
	FailedIn     string    `plist:"FailedIn,omitempty"`
	FailedBy     Rule      `plist:"FailedBy,omitempty"`
	WithoutSince time.Time `plist:"WithoutSince,omitempty"`

	DiskVersion string `plist:"DiskVersion,omitempty"` // the version that was last seen on the disk
}

// loginAt returns the start of the user's login session, and remembers it. Until the tool
// answers, the last known login of this boot counts: otherwise an agent that starts again
// could take an attempt before the login for one after it. A login in the future is
// forgotten: the clock was set back. The zero time means not known.
func (m *Memory) loginAt(snap probe.Snapshot, now time.Time) time.Time {
	session := snap.Mac.BootSession
	switch {
	case !snap.Situation.LoginAt.IsZero():
		m.LoginAt, m.LoginIn = snap.Situation.LoginAt, session
	case session == "": // not known yet
		return time.Time{}
	case session != m.LoginIn || m.LoginAt.After(now):
		m.LoginAt, m.LoginIn = time.Time{}, ""
	}
	return m.LoginAt
}

// clone returns a copy, so that Assess and Tell do not change the caller's maps.
func (m Memory) clone() Memory {
	m.Items = cloned(m.Items)
	m.Kexts = cloned(m.Kexts)
	m.Announced = cloned(m.Announced)
	m.Versions = cloned(m.Versions)
	m.Offered = slices.Clone(m.Offered)
	m.Ignored = slices.Clone(m.Ignored)
	m.Boots = slices.Clone(m.Boots)
	return m
}

// Ignore starts to ignore a developer, or stops if it is ignored.
func (m Memory) Ignore(teamID string) Memory {
	m = m.clone()
	if i := slices.Index(m.Ignored, teamID); i >= 0 {
		m.Ignored = slices.Delete(m.Ignored, i, i+1)
	} else {
		m.Ignored = append(m.Ignored, teamID)
	}
	return m
}

func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

func key(teamID, id string) string { return teamID + " " + id }

func splitKey(k string) (teamID, id string) {
	teamID, id, _ = strings.Cut(k, " ")
	return teamID, id
}

// second returns a time as the memory keeps it: in UTC, in whole seconds, without a
// monotonic reading.
func second(at time.Time) time.Time { return at.UTC().Truncate(time.Second) }

package probe

import "time"

// ParallelsTeamID is the team that signs every kernel extension of Parallels.
// Compare this and not the developer name, which has changed over the years.
const ParallelsTeamID = "4C6364ACXT"

// ParallelsKextPrefix begins the bundle ID of every kernel extension of Parallels
// Desktop. The other products of that team have other prefixes.
const ParallelsKextPrefix = "com.parallels.kext."

// Policy is the kernel extension policy of macOS: what is allowed, and which
// load attempts were made.
type Policy struct {
	Source  SourceName
	ReadAt  time.Time // when the rows were read from macOS, in UTC
	Rows    []PolicyRow
	MDM     []MDMRow
	History []LoadRecord
	Stale   bool // the source is being queried again: a new row may be missing

	// Why the source does not tell the times of load attempts, although it should: its
	// load history has another form. Empty: it tells them, or never does.
	HistoryErr string
}

// TellsTimes reports whether the policy has the times of load attempts.
func (p *Policy) TellsTimes() bool { return p.Source.TellsTimes() && p.HistoryErr == "" }

// PolicyRow is a row of kext_policy: the decision of the user about one kernel
// extension, or the missing decision.
type PolicyRow struct {
	TeamID    string // empty: unsigned (NULL and '' both occur)
	BundleID  string
	Allowed   bool
	Developer string

	// Only the framework reports these.
	App            string // name of the application
	AppPath        string
	Pending        Answer // it waits in the pane: a load was attempted, nobody approved it
	PendingUpgrade Answer // allowed, but the binary changed: it needs another approval
	NeedsRestart   Answer // allowed; macOS loads it at the next start
}

// MDMRow is a row of kext_policy_mdm: what a configuration profile allows. An
// empty BundleID means every kernel extension of the team.
type MDMRow struct {
	TeamID   string
	BundleID string
	Allowed  bool
}

// LoadRecord is a row of kext_load_history_v3. A record alone proves neither
// a block nor an approval: macOS also keeps records of its own extensions.
type LoadRecord struct {
	Path     string
	TeamID   string
	BundleID string
	LastSeen time.Time // the last load attempt; from macOS 11 also the last boot
	CDHash   string    // code directory hash; empty if the column is missing
}

// SourceName is the name of a policy source.
type SourceName string

// The policy sources, best first.
const (
	Database  SourceName = "database"  // Apple's file, which only root can read
	Reader    SourceName = "reader"    // the copy that the root reader publishes
	Framework SourceName = "framework" // SystemPolicy.framework of macOS
)

// TellsTimes reports whether the source knows the times of load attempts.
func (n SourceName) TellsTimes() bool { return n == Database || n == Reader }

// SameRows reports whether two sources have the same rows: the reader publishes those of
// the database. The framework may know more or less.
func (n SourceName) SameRows(other SourceName) bool {
	return n == other || n.TellsTimes() && other.TellsTimes()
}

// Source is the result of querying one policy source.
type Source struct {
	Name   SourceName  `json:"name" plist:"name"`
	State  SourceState `json:"state" plist:"state"`
	Reason string      `json:"reason,omitempty" plist:"reason,omitempty"`
	Next   string      `json:"next,omitempty" plist:"next,omitempty"` // what to do about it; empty if nothing is wrong
}

// SourceState is the result in one word.
type SourceState string

// The states of a source. Scripts of users compare these words.
const (
	OK            SourceState = "ok"
	Absent        SourceState = "absent"
	Denied        SourceState = "denied"
	Busy          SourceState = "busy"
	Damaged       SourceState = "damaged"
	NotADatabase  SourceState = "not-a-database"
	UnknownSchema SourceState = "unknown-schema"
	Unsupported   SourceState = "unsupported"
	Timeout       SourceState = "timeout"
	Failed        SourceState = "failed"
)

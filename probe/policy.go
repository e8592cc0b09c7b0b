package probe

import "time"

// ParallelsTeamID signs every kernel extension of Parallels; the developer
// name beside it has changed and is never matched.
const ParallelsTeamID = "4C6364ACXT"

// Policy is what macOS remembers about kernel extensions: who is allowed, and
// what was tried.
type Policy struct {
	Source  SourceName
	ReadAt  time.Time // when the rows were read from macOS
	Rows    []PolicyRow
	MDM     []MDMRow
	History []LoadRecord
}

// PolicyRow is a row of kext_policy: what the user decided, or has yet to.
type PolicyRow struct {
	TeamID    string // empty: unsigned (NULL and '' both occur)
	BundleID  string
	Allowed   bool
	Developer string
	Flags     int64 // undocumented; shown, never used

	// What only the framework tells.
	App            string // name of the application
	AppPath        string
	Pending        Answer // it waits in the pane: tried, and not approved
	PendingUpgrade Answer // allowed, but the binary changed: it waits for another approval
	NeedsRestart   Answer // allowed, and loaded at the next start
}

// MDMRow is a row of kext_policy_mdm: what a configuration profile allows. An
// empty BundleID stands for every kernel extension of the team.
type MDMRow struct {
	TeamID      string
	BundleID    string
	Allowed     bool
	PayloadUUID string
}

// LoadRecord is a row of kext_load_history_v3. A record alone proves neither
// a block nor an approval: macOS keeps them for its own extensions too.
type LoadRecord struct {
	Path      string
	TeamID    string
	BundleID  string
	CreatedAt time.Time
	LastSeen  time.Time // every load attempt; from macOS 11 on also at boot
	CDHash    string    // code directory hash; empty where the column is missing
	BootUUID  string    // undocumented; shown, never used
	Flags     int64     // undocumented; shown, never used
}

// SourceName is a way to the policy.
type SourceName string

// The sources of policy, best first.
const (
	Database  SourceName = "database"  // Apple's file, read by root
	Reader    SourceName = "reader"    // what the root reader published of it
	Framework SourceName = "framework" // macOS's own SystemPolicy.framework
)

// TellsTimes reports whether the source knows when loads were tried.
func (n SourceName) TellsTimes() bool { return n == Database || n == Reader }

// Source says how one way to the policy answered.
type Source struct {
	Name   SourceName  `json:"name" plist:"name"`
	State  SourceState `json:"state" plist:"state"`
	Reason string      `json:"reason,omitempty" plist:"reason,omitempty"`
	Next   string      `json:"next,omitempty" plist:"next,omitempty"` // what to do about it; empty where nothing is wrong
}

// SourceState is the answer of a source in one word.
type SourceState string

// The states of a source; scripts rely on these words.
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

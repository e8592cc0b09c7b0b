package probe

import "time"

// Attempt is an attempt to load a kernel extension that something other than
// the load history told of: a line of the log, or what Parallels answered when
// it was asked to try again. It says when a load was tried, and how that
// ended; never what is allowed.
type Attempt struct {
	At       time.Time
	TeamID   string // empty where only the bundle ID is told
	BundleID string // empty: of Parallels Desktop as a whole (error 56521)
	CDHash   string // empty where it is not told
	From     Evidence
	Outcome  Outcome
}

// Evidence says where an attempt is known from.
type Evidence string

// Where attempts are known from.
const (
	FromLog   Evidence = "log"
	FromRetry Evidence = "retry"
)

// Outcome is how an attempt to load ended, as far as is told.
type Outcome string

// The outcomes.
const (
	Tried        Outcome = ""              // an evaluation began; how it ended is not told
	Refused      Outcome = "refused"       // not approved: exit 27, error 56521, "rejected due to system policy"
	Upgrade      Outcome = "upgrade"       // approved once, but this is another binary: "Triggered kext upgrade"
	NeedsRestart Outcome = "needs-restart" // approved, loaded at the next start: exit 28
	Permitted    Outcome = "permitted"     // the policy allows it; no proof that it was loaded
)

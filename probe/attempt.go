package probe

import (
	"slices"
	"time"
)

// Attempt is an attempt to load a kernel extension that was found outside the
// load history: in a line of the log, or in the answer of Parallels to a retry.
// It says when the load was attempted and how it ended. It does not say what is
// allowed.
type Attempt struct {
	At       time.Time
	TeamID   string // empty if only the bundle ID is known
	BundleID string // empty: Parallels Desktop as a whole (error 56521), or only the path is known
	Path     string // of the kext, if the log names no bundle ID; package probe/mac reads which one is there
	CDHash   string // code directory hash; empty: not known
	From     Evidence
	Outcome  Outcome
}

// Evidence names what proves an attempt.
type Evidence string

// The kinds of evidence.
const (
	FromLog   Evidence = "log"
	FromRetry Evidence = "retry"
)

// Outcome is how a load attempt ended, as far as it is known.
type Outcome string

// The outcomes.
const (
	Tried        Outcome = ""              // an evaluation began; its end is not known
	Refused      Outcome = "refused"       // not approved: exit 27, error 56521, "rejected due to system policy"
	Upgrade      Outcome = "upgrade"       // an earlier binary was approved, this one was not: "Triggered kext upgrade"
	NeedsRestart Outcome = "needs-restart" // approved; macOS loads it at the next start: exit 28
	Permitted    Outcome = "permitted"     // the policy allows it; this does not prove that it was loaded

	// Refused for a reason that no approval changes. There is never a row or an Allow
	// button for these (reports about Karabiner-Elements and Intel HAXM).
	BadOwnership      Outcome = "bad-ownership"      // owner or mode of its files: "improper filesystem permissions"
	InsecureLocation  Outcome = "insecure-location"  // macOS does not load kexts from this folder
	BadSignature      Outcome = "bad-signature"      // exit 29 and 30
	Excluded          Outcome = "excluded"           // on Apple's exclude list: error 71 "In exclude list"
	MissingDependency Outcome = "missing-dependency" // it needs a kext that this macOS does not have
	WrongArch         Outcome = "wrong-architecture" // it has no code for this processor
)

// Failures are the outcomes that no approval changes.
var Failures = []Outcome{BadOwnership, InsecureLocation, BadSignature, Excluded, MissingDependency, WrongArch}

// Failure reports whether no approval changes the outcome.
func (o Outcome) Failure() bool { return slices.Contains(Failures, o) }

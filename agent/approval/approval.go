// Package approval decides what the user of a Mac has to do.
//
// Settings.Assess turns a snapshot and the memory of earlier ones into a Status:
// for each watched product a verdict, its kernel extensions, and the approval
// window if one is known. Settings.Tell compares the status with what was
// announced before and returns the notices that are due.
//
// The package is pure. The time is an argument, and it reads and writes nothing.
// Package agent/view has the texts.
//
// The approval window is Apple's rule of Technical Note TN2459: the Allow button
// stays for 30 minutes after a load attempt. A later attempt brings it back,
// without a second alert. A window always comes from an attempt whose time is
// trustworthy. Without one, the verdict says that the window is unknown.
package approval

import (
	"time"

	"kextwatch/probe"
)

// WindowLength is how long macOS keeps the Allow button after a load attempt
// (TN2459). Apple has not confirmed it for macOS 11 and later.
const WindowLength = 30 * time.Minute

// Verdict is the state of a product or of the whole Mac.
type Verdict string

// The verdicts, worst first. The zero value means that nothing was assessed.
const (
	BlockedOpen    Verdict = "blocked-open"
	Managed        Verdict = "managed"
	NeedsRecovery  Verdict = "needs-recovery"
	CannotLoad     Verdict = "cannot-load"
	BlockedUnknown Verdict = "blocked-unknown"
	BlockedClosed  Verdict = "blocked-closed"
	UpgradePending Verdict = "upgrade-pending"
	LoadFailing    Verdict = "load-failing"
	RestartPending Verdict = "restart-pending"
	Incompatible   Verdict = "incompatible"
	Unknown        Verdict = "unknown"
	NotAsked       Verdict = "not-asked"
	Approved       Verdict = "approved"
	NotNeeded      Verdict = "not-needed"
	NotInstalled   Verdict = "not-installed"
)

// verdicts has one row for each verdict, worst first.
var verdicts = []struct {
	verdict Verdict
	blocked bool // macOS refuses a kernel extension until somebody approves it
	action  bool // the user has to do something
}{
	{BlockedOpen, true, true},
	{Managed, true, true},
	{NeedsRecovery, true, true},
	{CannotLoad, false, true},
	{BlockedUnknown, true, true},
	{BlockedClosed, true, true},
	{UpgradePending, false, true},
	{LoadFailing, false, true},
	{RestartPending, false, true},
	{Incompatible, false, true},
	{Unknown, false, false},
	{NotAsked, false, false},
	{Approved, false, false},
	{NotNeeded, false, false},
	{NotInstalled, false, false},
}

// Verdicts lists every verdict, worst first.
var Verdicts = func() []Verdict {
	var all []Verdict
	for _, row := range verdicts {
		all = append(all, row.verdict)
	}
	return all
}()

// Blocked reports whether macOS refuses a kernel extension until somebody
// approves it.
func (v Verdict) Blocked() bool {
	i := v.rank()
	return i < len(verdicts) && verdicts[i].blocked
}

// refused reports whether macOS refuses a kernel extension, whether an approval helps or not.
func (v Verdict) refused() bool { return v.Blocked() || v == CannotLoad }

// NeedsAction reports whether the user has to do something.
func (v Verdict) NeedsAction() bool {
	i := v.rank()
	return i < len(verdicts) && verdicts[i].action
}

// rank returns 0 for the worst verdict. Unknown values come last.
func (v Verdict) rank() int {
	for i, row := range verdicts {
		if row.verdict == v {
			return i
		}
	}
	return len(verdicts)
}

func worse(a, b Verdict) Verdict {
	if b.rank() < a.rank() {
		return b
	}
	return a
}

// Status is the state of a Mac at one moment.
type Status struct {
	At       time.Time
	Verdict  Verdict // the worst of the products
	Mac      probe.Mac
	Source   probe.SourceName // the policy source that answered; empty if none did
	ReadAt   time.Time
	Sources  []probe.Source
	Products []Product   // the most urgent first; those that are only listed last
	Waiting  []Developer // whose extensions wait in the pane, by name
	Gaps     []probe.Gap
	Fired    []Fired   // the rules that decided, in order
	DueAt    time.Time // when the status can change without an event; zero: it cannot
	Asking   bool      // an attempt of the last 30 minutes is not answered: the log may show how it ended
	Loading  bool      // an attempt to load an allowed extension was just made: what is loaded may change without an event
	Facts    probe.Snapshot
	Compat   Table // which version of Parallels was made for which macOS
	Contact  Contact
	NoRetry  bool // Settings.NoRetry

	// OthersInFull: a developer other than Parallels is watched in full. Only the policy
	// names all extensions of others.
	OthersInFull bool
}

// Leading returns the product that the icon, the title and the first lines are about. It
// returns false if every product is only listed.
func (s Status) Leading() (Product, bool) {
	if len(s.Products) == 0 || s.Products[0].Listed {
		return Product{}, false
	}
	return s.Products[0], true
}

// Product is one watched product.
type Product struct {
	ID        string // of its team and, if the team has several products, their prefix; see Memory
	Name      string // may change: two developers can have the same name
	TeamID    string
	Developer string      // as macOS shows it in the pane
	Known     *KnownKexts // its row of the table; nil: none, or Parallels
	App       *probe.App
	Verdict   Verdict

	// Brief: it is announced once for each attempt, and then only listed. Listed: it
	// changes neither the icon nor the verdict of the Mac. Ignored: it is never announced.
	// Repeated: a program made the last attempt at the start of the Mac or at the login, as
	// before, and nobody allowed it then.
	Brief, Listed, Ignored, Repeated bool

	Window    *Window // the open window of its items that closes first, otherwise the last one
	Loaded    bool    // every kernel extension on disk is loaded in that version
	Proof     Rule    // one of Proofs, if the verdict is LoadFailing or CannotLoad
	Uncertain bool    // approved, and nothing shows that macOS would load it: see assessment.uncertain
	Need      Need
	Made      *Row     // its row of the compatibility table; nil if missing
	Reasons   []Reason // why it does not work, the most important first
	Items     []Item

	release  string // see assessment.release
	policy   string // the boot policy; empty: not known, or not Apple silicon
	follows  bool   // an attempt was announced, or the user just allowed it
	newBlock bool   // it became blocked since the last read, at a time that is not known
}

// Item is one row of the pane: the extensions of one team in one place. One click
// on Allow approves all of them (TN2459).
type Item struct {
	Key      string
	Name     string
	Verdict  Verdict
	Window   *Window
	Attempts []Attempt // recent ones, oldest first
	Kexts    []Kext

	recent string // the windowID of an attempt of the last 30 minutes, even if there is no Allow button
}

// Kext is one kernel extension with its facts.
type Kext struct {
	BundleID      string
	Path          string
	Developer     string
	Asked         bool // macOS has a policy row for it
	Allowed       bool
	AllowedBy     AllowedBy
	Blocked       bool
	Leftover      bool          // it is there, or macOS has a row for it, but nothing needs it
	LeftoverBy    Rule          // why
	Lost          bool          // macOS does not list the approval any more
	Recorded      bool          // macOS has no row for it, but it was loaded, or a load was attempted
	Failure       probe.Outcome // why macOS refuses it, if no approval changes that
	Loaded        bool          // loaded in the version on disk
	LoadedVersion string
	DiskVersion   string
	LastSeen      time.Time
	CDHash        string
}

// Kexts returns the kernel extensions of the items, without those that are left over.
func (p Product) Kexts() []Kext {
	var all []Kext
	for _, item := range p.Items {
		for _, k := range item.Kexts {
			if !k.Leftover {
				all = append(all, k)
			}
		}
	}
	return all
}

// OlderLoaded reports whether the kernel runs another version than the one on disk.
func (k Kext) OlderLoaded() bool {
	return !k.Loaded && k.LoadedVersion != "" && k.DiskVersion != ""
}

// AllowedBy identifies who allowed a kernel extension.
type AllowedBy string

// Who can allow a kernel extension.
const (
	ByUser      AllowedBy = "user"
	ByMDM       AllowedBy = "mdm"
	ByRecovery  AllowedBy = "recovery"     // spctl kext-consent add
	NotEnforced AllowedBy = "not-enforced" // this Mac requires no approval
)

// Attempt is an attempt to load a kernel extension.
type Attempt struct {
	At       time.Time `plist:"At"`
	Evidence Basis     `plist:"Evidence"`
	BundleID string    `plist:"BundleID"`
}

// Basis is the evidence of an attempt.
type Basis string

// The kinds of evidence.
const (
	Seen        Basis = "seen"         // a recent good snapshot did not have the blocked row
	LoadHistory Basis = "load-history" // last_seen of the load history
	Log         Basis = Basis(probe.FromLog)
	Retry       Basis = Basis(probe.FromRetry)
)

// Package probe defines the facts that kextwatch knows about a Mac: the kernel
// extension policy, the load history, the installed and the loaded extensions,
// and the facts that could not be read.
//
// It holds plain data and imports no other package of kextwatch. It reads
// nothing: the packages below it (probe/policy, probe/mac, …) read the facts,
// and agent/approval decides what they require of the user. Zero values always
// mean "not known", so a missing fact never looks like a good one.
//
// A file or tool that is read has its path in paths.go and its reader below. Two
// lists apply to it: probe/root reads only the folders in reach.go, and probe/watch
// notices changes of the files in backstop.go.
//
// Times are UTC. Paths are those of the Mac, such as "/Applications/…", even if
// the Mac is a directory of this machine.
package probe

import (
	"slices"
	"time"
)

// Snapshot holds all facts of a Mac that were read at one moment.
type Snapshot struct {
	Policy      *Policy // nil: no source answered
	Sources     []Source
	Disagree    string    // how two sources that answered differ; empty: they agree
	Attempts    []Attempt // those outside the load history, oldest first
	QuietUntil  time.Time // the policy files did not change between the snapshot before and this time
	Mac         Mac
	Boot        Boot // from macOS 11
	Apps        []App
	Kexts       []Kext
	Loaded      Loaded
	Collection  Collection
	Machines    Machines
	Enforcement Enforcement
	Situation   Situation
	Updates     Updates
	Person      Person // of root only
	Gaps        []Gap
	Pending     bool // tools still answer: until then, their last answers are used, or the facts are missing
}

// Mac describes the Mac itself.
type Mac struct {
	OS          OSVersion
	Arch        Arch
	BootedAt    time.Time
	BootSession string // kern.bootsessionuuid: new at every boot
	Offline     bool   // this is only the disk of a Mac that is not running
	Language    string // that the user prefers, the first of AppleLanguages: "de-AT"; empty: not known
}

// Arch is the kind of processor, as `uname -m` names it.
type Arch string

// The processors. hw.optional.arm64 tells them apart, even under Rosetta.
const (
	Intel        Arch = "x86_64"
	AppleSilicon Arch = "arm64"
)

// App is an installed product that contains kernel extensions.
type App struct {
	Product  string // "Parallels Desktop"
	TeamID   string
	BundleID string
	Path     string
	Version  string // CFBundleShortVersionString, "18.1.1"
	Build    string // CFBundleVersion, "53328"
	Edition  Edition
}

// Edition is one of the two editions of Parallels Desktop.
type Edition string

// The editions. The App Store edition is sandboxed and contains no kernel
// extensions.
const (
	Standard Edition = "standard"
	AppStore Edition = "app-store"
)

// Kext is a kernel extension bundle on the disk.
type Kext struct {
	BundleID  string
	TeamID    string   // that the policy names, else what its signature claims; empty: unsigned, or not known
	Path      string   // where it was installed, without the prefix of the staging folder
	Staged    bool     // only the copy under /Library/StagedExtensions was found
	Unread    bool     // its folder could not be read, so it is assumed to exist
	Version   string   // CFBundleVersion; Parallels writes "14.0.1 45154"
	Code      []Arch   // the processors that it has code for; nil: not known, or it has no code; empty: only for others
	Libraries []string // the bundle IDs of the kexts that it needs (OSBundleLibraries)
}

// Loaded is the kernel's list of loaded extensions.
type Loaded struct {
	Known  bool
	ReadAt time.Time
	Kexts  []LoadedKext
}

// LoadedKext is one line of the output of kextstat or kmutil.
type LoadedKext struct {
	BundleID string
	Version  string
}

// Collection is the auxiliary kernel collection, from which macOS 11 and later load
// the kexts of other vendors. macOS builds it at the start of the Mac, so an allowed
// kext that is not in it needs a restart.
type Collection struct {
	Known bool // it was read, and is not empty
	Kexts []LoadedKext
}

// Gap is a missing fact: one that could not be read.
type Gap struct {
	Source Fact   `json:"source" plist:"source"`
	Err    string `json:"error" plist:"error"` // the reason
	Next   string `json:"next" plist:"next"`   // what to do about it
}

// HasGap reports whether one of some gaps is about this fact.
func HasGap(gaps []Gap, fact Fact) bool {
	return slices.ContainsFunc(gaps, func(g Gap) bool { return g.Source == fact })
}

// KextsUnread reports whether some kexts on the disk could not be read.
func KextsUnread(gaps []Gap) bool {
	return HasGap(gaps, FactKextsOnDisk) || HasGap(gaps, FactOtherKexts)
}

// Hint says that facts may have changed and a snapshot is due. It carries no
// fact.
type Hint struct {
	Settled bool // the last hint of a burst: no more changes are expected
	Woke    bool // the Mac slept or its clock jumped: facts that are read only once may be outdated

	// Nothing changed between the hint before and this time; zero: not known.
	QuietUntil time.Time

	// A snapshot that began at this time or later needs no other one, unless the hint
	// is settled or woke: what changed was visible by then.
	VisibleAt time.Time
}

// NewGap returns the Gap for a fact that could not be read because of err. next
// says what the user can do about it.
func NewGap(fact Fact, err error, next string) Gap {
	return Gap{Source: fact, Err: Printable(err.Error()), Next: next}
}

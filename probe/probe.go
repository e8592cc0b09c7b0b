// Package probe names the facts kextwatch knows about a Mac: the kernel
// extension policy, the load history, what is installed, what is loaded, and
// what could not be read.
//
// It is plain data. How the facts are read is the business of probe/mac; what
// they ask of the user is decided in agent/approval. Zero values always mean
// "not known", so that knowing nothing can never look like "all is well".
//
// Times are UTC. Paths are the Mac's own: "/Applications/…" also when the Mac
// is a directory somewhere else.
package probe

import "time"

// Snapshot is everything one look at a Mac found.
type Snapshot struct {
	Policy      *Policy // nil: no source answered
	Sources     []Source
	Disagree    string    // how two sources that both answered differ; empty: they do not
	Attempts    []Attempt // besides the load history; oldest first
	QuietUntil  time.Time // the files of the policy had not changed since the last look until then
	Mac         Mac
	Apps        []App
	Kexts       []Kext
	Loaded      Loaded
	Machines    Machines
	Enforcement Enforcement
	Situation   Situation
	Updates     Updates
	Gaps        []Gap
}

// Mac says which Mac this is and since when it runs.
type Mac struct {
	OS          OSVersion
	Arch        Arch
	BootedAt    time.Time
	BootSession string // kern.bootsessionuuid: new at every boot
	Offline     bool   // only the disk is here; the Mac it belongs to does not run
}

// Arch is the kind of processor, as `uname -m` names it.
type Arch string

// What hw.optional.arm64 tells apart, also under Rosetta.
const (
	Intel        Arch = "x86_64"
	AppleSilicon Arch = "arm64"
)

// App is an installed product that brings kernel extensions.
type App struct {
	Product  string // "Parallels Desktop"
	TeamID   string
	BundleID string
	Path     string
	Version  string // CFBundleShortVersionString, "18.1.1"
	Build    string // CFBundleVersion, "53328"
	Edition  Edition
}

// Edition tells the two ways Parallels is sold apart.
type Edition string

// The App Store edition is sandboxed and brings no kernel extensions.
const (
	Standard Edition = "standard"
	AppStore Edition = "app-store"
)

// Kext is a kernel extension bundle that lies on the disk.
type Kext struct {
	BundleID string
	TeamID   string
	Path     string // where it was installed; the staging prefix is removed
	Staged   bool   // only the copy under /Library/StagedExtensions was found
	Unread   bool   // its place could not be read; it counts as there
	Version  string // CFBundleVersion; Parallels writes "14.0.1 45154"
}

// Loaded is the kernel's own list of loaded extensions.
type Loaded struct {
	Known bool
	Kexts []LoadedKext
}

// LoadedKext is one line of kextstat or kmutil.
type LoadedKext struct {
	BundleID string
	Version  string
}

// Gap is a fact that could not be read, and the way out.
type Gap struct {
	Source Fact   `json:"source" plist:"source"`
	Err    string `json:"error" plist:"error"`
	Next   string `json:"next" plist:"next"`
}

// Hint says that something may have changed: look again. It carries no fact.
type Hint struct {
	Settled bool // the last look of a burst: nothing more is expected to follow
	Woke    bool // the Mac slept, or its clock jumped: what is read only once may be stale

	// Until when nothing had changed since the hint before; zero: not known.
	QuietUntil time.Time
}

// NewGap reports a fact that could not be read. next is what a person can do
// about it.
func NewGap(fact Fact, err error, next string) Gap {
	return Gap{Source: fact, Err: Printable(err.Error()), Next: next}
}

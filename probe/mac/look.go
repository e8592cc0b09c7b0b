package mac

import (
	"context"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// Prober looks at a Mac again and again. Files that change are read each time;
// what only a tool can tell is remembered as long as it cannot have changed.
// One goroutine at a time may use it.
type Prober struct {
	mac         root.FS
	temp        string
	machine     machineMemory
	loaded      loadedMemory
	machines    machinesMemory
	enforcement enforcementMemory
	asking      framework.Cache
	reader      policy.ReaderMemory
	others      bool // see How
	situation   situationMemory
	updates     updatesMemory
}

// machineMemory is what the last good look found out about the Mac itself.
type machineMemory struct {
	read bool
	mac  probe.Mac
	gaps []probe.Gap
}

// loadedMemory is what the kernel answered when it was asked last.
type loadedMemory struct {
	read    bool
	concern string // what the answer was wanted for
	loaded  probe.Loaded
	gaps    []probe.Gap
}

// NewProber returns a Prober of m. temp is a private folder for copies of the
// policy database.
func NewProber(m root.FS, temp string) *Prober {
	return &Prober{mac: m, temp: temp}
}

// How says how to look.
type How struct {
	Fresh    bool            // read anew what is remembered: after a wake, or when the user asks
	Hurry    bool            // a window may have opened: what takes long is asked at the next look
	Others   bool            // the extensions of other vendors than Parallels are watched, too
	AskAgain bool            // the framework's answer may have changed, though no file shows it
	Attempts []probe.Attempt // what is known of them besides, oldest first
}

// Look reads the facts as they are now. It never fails: what could not be read
// is a gap, or the state of a source.
//
// Where ctx ends, what was not read yet becomes a gap, and the next look reads
// it.
func (p *Prober) Look(ctx context.Context, now time.Time, how How) probe.Snapshot {
	p.others = how.Others
	snap := probe.Snapshot{Attempts: how.Attempts}
	missing := func(gaps []probe.Gap) { snap.Gaps = append(snap.Gaps, gaps...) }
	var gaps []probe.Gap
	snap.Mac, gaps = p.lookAtMachine(ctx, how.Fresh)
	missing(gaps)
	if how.AskAgain {
		p.AskAgain()
	}
	snap.Policy, snap.Sources, snap.Disagree = p.lookAtPolicy(ctx, now, how.Fresh)
	app, err := ReadParallels(p.mac)
	if err != nil {
		missing([]probe.Gap{probe.NewGap(probe.FactParallels, err, "Install Parallels Desktop again.")})
	}
	if app != nil {
		snap.Apps = []probe.App{*app}
	}
	snap.Kexts, gaps = findKexts(p.mac, app, snap.Policy)
	missing(gaps)
	snap.Loaded, gaps = p.lookAtLoaded(ctx, snap, how.Fresh)
	missing(gaps)
	snap.Enforcement, gaps = p.lookAtEnforcement(ctx, snap, how.Fresh)
	missing(gaps)
	snap.Machines, gaps = p.lookAtMachines(ctx, snap, how)
	missing(gaps)
	snap.Situation, gaps = p.lookAtSituation(ctx, snap, how.Fresh, now)
	missing(gaps)
	snap.Updates, gaps = p.lookAtUpdates(how.Fresh, now)
	missing(gaps)
	return snap
}

func (p *Prober) lookAtMachine(ctx context.Context, fresh bool) (probe.Mac, []probe.Gap) {
	if m := p.machine; m.read && !fresh {
		return m.mac, m.gaps
	}
	var gaps []probe.Gap
	os, err := ReadOS(p.mac)
	if err != nil {
		gaps = append(gaps, probe.NewGap(probe.FactMacOSVersion, err, "Run `sw_vers` in Terminal and see what it says."))
	}
	mac, more := readMachine(ctx, p.mac, os)
	mac.Offline = p.mac.NoTools
	gaps = append(gaps, more...)
	p.machine = machineMemory{read: ctx.Err() == nil, mac: mac, gaps: gaps}
	return mac, gaps
}

// lookAtLoaded asks the kernel only when its answer could change a verdict:
// asking takes longer than all the rest, and a window has to be told at once.
func (p *Prober) lookAtLoaded(ctx context.Context, snap probe.Snapshot, fresh bool) (probe.Loaded, []probe.Gap) {
	if !p.needsLoaded(snap) {
		p.loaded = loadedMemory{}
		return probe.Loaded{}, nil
	}
	concern := p.loadedConcern(snap)
	if m := p.loaded; m.read && !fresh && m.concern == concern {
		return m.loaded, m.gaps
	}
	loaded, err := ReadLoaded(ctx, p.mac, snap.Mac.OS)
	var gaps []probe.Gap
	if err != nil {
		gaps = []probe.Gap{tool.Gap(probe.FactLoadedKexts, err, "kextstat")}
	}
	p.loaded = loadedMemory{read: ctx.Err() == nil, concern: concern, loaded: loaded, gaps: gaps}
	return loaded, gaps
}

// AskAgain says that the answer of the framework may have changed, though no
// file shows it: a line of the log told of an attempt. The next look asks.
func (p *Prober) AskAgain() { p.asking.Hinted = true }

// AskFrameworkIn is how long after now a look has to come for the framework to
// be asked in time; false: it is not asked by itself, because a better source
// answers or stat tells when the policy moves. Where the root reader has yet to
// read a change, that is when it has missed it.
func (p *Prober) AskFrameworkIn(now time.Time) (time.Duration, bool) {
	if due, waits := p.reader.Due(); waits && p.reader.Serves {
		return max(due.Sub(now), 0) + framework.VisibleAfter, true
	}
	return p.asking.In(now)
}

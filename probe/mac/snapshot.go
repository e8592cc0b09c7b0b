// Package mac takes snapshots of a Mac: it chooses the policy source and reads all
// facts about kexts, the system, Parallels Desktop and the situation at the Mac.
// Files and tools are looked up beneath a root.FS, so the same code reads a real
// Mac and a simulated one.
//
// All data is treated as hostile: sizes are limited, tools have a time limit, and
// no shell is used. A fact that cannot be read becomes a probe.Gap, never a guess.
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

// Prober takes snapshots of a Mac. Every snapshot reads the files that can
// change. The answers of tools are cached as long as they cannot have changed.
// A Prober must not be used by several goroutines at once.
type Prober struct {
	mac        root.FS
	temp       string
	allVendors bool // see Options.AllVendors

	machine     cached[struct{}, probe.Mac]
	framework   framework.Cache
	reader      policy.ReaderMemory
	loaded      cached[string, probe.Loaded]
	enforcement cached[string, probe.Enforcement]
	machines    cached[machinesKey, probe.Machines]
	situation   cached[struct{}, probe.Situation]
	situationAt time.Time // when situation was queried
	updates     cached[updateStamps, probe.Updates]
}

// NewProber returns a Prober for m. temp is a private folder for copies of the
// policy database.
func NewProber(m root.FS, temp string) *Prober {
	return &Prober{mac: m, temp: temp}
}

// Options holds the options of one snapshot.
type Options struct {
	Fresh      bool            // query again what is cached: after a wake, or when the user asks
	Urgent     bool            // a window may have opened: leave slow queries to the next snapshot
	AllVendors bool            // watch the kexts of all vendors, not only those of Parallels
	Requery    bool            // the framework's answer may have changed, although no file shows it
	Attempts   []probe.Attempt // load attempts from other evidence, oldest first
}

// Snapshot takes a snapshot. It never fails: a fact that cannot be read becomes a
// gap or the state of a policy source.
//
// If ctx ends, the facts that were not read yet become gaps, and the next
// snapshot reads them.
func (p *Prober) Snapshot(ctx context.Context, now time.Time, how Options) probe.Snapshot {
	p.allVendors = how.AllVendors
	snap := probe.Snapshot{Attempts: how.Attempts}
	missing := func(gaps []probe.Gap) { snap.Gaps = append(snap.Gaps, gaps...) }
	var gaps []probe.Gap
	snap.Mac, gaps = p.cachedMac(ctx, how.Fresh)
	missing(gaps)
	if how.Requery {
		p.RequeryFramework()
	}
	snap.Policy, snap.Sources, snap.Disagree = p.readPolicy(ctx, snap.Mac, now, how.Fresh)
	app, err := ReadParallels(p.mac)
	if err != nil {
		missing([]probe.Gap{probe.NewGap(probe.FactParallels, err, "Install Parallels Desktop again.")})
	}
	if app != nil {
		snap.Apps = []probe.App{*app}
	}
	snap.Kexts, gaps = findKexts(p.mac, app, snap.Policy)
	missing(gaps)
	snap.Loaded, gaps = p.cachedLoaded(ctx, snap, how.Fresh)
	missing(gaps)
	snap.Enforcement, gaps = p.cachedEnforcement(ctx, snap, how.Fresh)
	missing(gaps)
	snap.Machines, gaps = p.cachedMachines(ctx, snap, how)
	missing(gaps)
	snap.Situation, gaps = p.cachedSituation(ctx, snap, how.Fresh, now)
	missing(gaps)
	snap.Updates, gaps = p.cachedUpdates(how.Fresh, now)
	missing(gaps)
	return snap
}

// cachedMac queries the facts about the Mac itself once.
func (p *Prober) cachedMac(ctx context.Context, fresh bool) (probe.Mac, []probe.Gap) {
	if c := p.machine; c.valid && !fresh {
		return c.value, c.gaps
	}
	var gaps []probe.Gap
	os, err := ReadOS(p.mac)
	if err != nil {
		gaps = append(gaps, probe.NewGap(probe.FactMacOSVersion, err, "Run `sw_vers` in Terminal and see what it says."))
	}
	mac, more := readMachine(ctx, p.mac, os)
	mac.Offline = p.mac.NoTools
	gaps = append(gaps, more...)
	p.machine.setUnlessEnded(ctx, struct{}{}, mac, gaps)
	return mac, gaps
}

// cachedLoaded queries the kernel only if its answer can change a verdict. The
// query takes longer than the rest of a snapshot, and a new window must be
// announced at once.
func (p *Prober) cachedLoaded(ctx context.Context, snap probe.Snapshot, fresh bool) (probe.Loaded, []probe.Gap) {
	if !p.needsLoaded(snap) {
		p.loaded.clear()
		return probe.Loaded{}, nil
	}
	key := p.loadedKey(snap)
	if c := p.loaded; c.has(key) && !fresh {
		return c.value, c.gaps
	}
	loaded, err := ReadLoaded(ctx, p.mac, snap.Mac.OS)
	var gaps []probe.Gap
	if err != nil {
		gaps = []probe.Gap{tool.Gap(probe.FactLoadedKexts, err, "kextstat")}
	}
	p.loaded.setUnlessEnded(ctx, key, loaded, gaps)
	return loaded, gaps
}

// RequeryFramework makes the next snapshot query the framework, although no file shows
// that its answer changed. Call it after a line of the log reported a load
// attempt.
func (p *Prober) RequeryFramework() { p.framework.Invalidate() }

// NextQuery returns how long after now the next snapshot must be taken for
// the framework to be queried in time. It returns false if no query is due
// without an event: a better source answers, or stat shows when the policy
// changes. While the root reader has not read a change yet, the time is when
// the reader counts as having missed the change.
func (p *Prober) NextQuery(now time.Time) (time.Duration, bool) {
	if due, waits := p.reader.Due(); waits && p.reader.InUse {
		return max(due.Sub(now), 0) + probe.CommitDelay, true
	}
	return p.framework.NextQuery(now)
}

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
	"errors"
	"fmt"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// Prober takes snapshots of a Mac. Every snapshot reads the files that can
// change. The answers of tools are cached as long as they cannot have changed.
// A Prober must not be used by several goroutines at once, except Answers and
// Wait.
type Prober struct {
	mac     root.FS
	queries queries
	again   time.Time // when to query a tool that hung once more; zero: no tool has to be

	os        cached[struct{}, probe.OSVersion]
	good      machine // the last complete answer of machine
	boots     boots
	framework framework.Cache
	reader    policy.ReaderMemory
	language  cached[root.Stamp, string]
	updates   cached[updateStamps, probe.Updates]
	configs   cached[string, probe.Machines] // while prlctl hangs
	infos     bundleInfos
	refused   refusedPaths
	kexts     kextQuery
	app       string    // where Parallels Desktop was found last
	tried     time.Time // the last load attempt of a kext that matters

	// By the tools that answer, so that one that hangs holds up no other.
	machine    query[struct{}, machine]
	bootPolicy query[bootNumber, bootPolicy]
	bootDisk   query[bootNumber, probe.Answer]
	wake       query[struct{}, time.Time]
	loaded     query[string, probe.Loaded]
	collection query[bootNumber, probe.Collection]
	sip        query[bootNumber, probe.SIP]
	consent    query[consentKey, probe.Consent]
	profile    query[bootNumber, probe.KextProfile]
	machines   query[machinesKey, probe.Machines]
	situation  situationQueries

	freshWanted bool // a fresh snapshot was requested, and is not complete
	compare     bool // a fresh snapshot was requested, and the framework not queried for it
}

// NewProber returns a Prober for m.
func NewProber(m root.FS) *Prober {
	p := &Prober{mac: m, queries: queries{answers: make(chan struct{}, 1)}}
	p.kexts.wait = searchWait
	p.bootPolicy.inBoot, p.bootDisk.inBoot = true, true
	p.sip.inBoot, p.consent.inBoot, p.collection.inBoot = true, true, true
	return p
}

// Options holds the options of one snapshot.
type Options struct {
	Fresh    bool            // query again what is cached: after a wake, or when the user asks
	Changed  bool            // a file has just changed: a window may have opened
	Limit    time.Duration   // of the tools, for Snapshot only; 0: each has its own
	Loading  bool            // approved kexts may have been loaded, although no file shows it
	Requery  bool            // the framework's answer may have changed, although no file shows it
	Attempts []probe.Attempt // load attempts from other evidence, oldest first
}

// SnapshotNow takes a snapshot without waiting for a tool. It starts the queries
// whose cached answers are not good any more, and uses these answers meanwhile;
// where there is no answer yet, the fact is missing. Such a snapshot is Pending.
// Take another one after Answers has a value.
//
// It never fails: a fact that cannot be read becomes a gap or the state of a
// policy source. The queries end when ctx ends; then the next snapshot starts
// them again.
func (p *Prober) SnapshotNow(ctx context.Context, now time.Time, how Options) probe.Snapshot {
	return p.take(ctx, ctx, now, how)
}

// take is SnapshotNow with a context of its own for tools.
func (p *Prober) take(ctx, tools context.Context, now time.Time, how Options) probe.Snapshot {
	p.queries.collect()
	s := newShot(tools, p.mac, now, how, &p.queries)
	p.freshWanted = p.freshWanted || how.Fresh
	p.readMac(s)
	p.readBoot(s)
	if how.Requery {
		p.framework.Report()
	}
	p.readPolicy(ctx, s)
	p.readApps(s)
	p.readRefusedPaths(s)
	p.framework.Idle(!s.snap.ExpectsLoads())
	p.readLoaded(s)
	p.readEnforcement(s)
	p.readCollection(s)
	p.readMachines(s)
	p.readSituation(s)
	p.readUpdates(s)
	p.freshWanted = p.freshWanted && s.snap.Pending
	p.again = time.Time{}
	if s.again > 0 {
		p.again = now.Add(s.again)
	}
	return s.snap
}

// Snapshot takes a snapshot and waits for all tools. What is not known at the end
// of how.Limit becomes a gap, and so do all facts that were not read when ctx ends.
func (p *Prober) Snapshot(ctx context.Context, now time.Time, how Options) probe.Snapshot {
	tools := ctx
	if how.Limit > 0 {
		var cancel context.CancelFunc
		tools, cancel = context.WithTimeoutCause(ctx, how.Limit, tool.ErrTimeout)
		defer cancel()
	}
	for {
		snap := p.take(ctx, tools, now, how)
		how.Fresh, how.Requery, how.Loading = false, false, false
		switch {
		case !snap.Pending:
			return snap
		case tools.Err() != nil:
			p.Wait()
			return p.take(ctx, tools, now, how)
		}
		select {
		case <-p.Answers():
		case <-time.After(holdTime): // the tools that waited for the facts about the Mac
			now = now.Add(holdTime)
		case <-tools.Done():
			p.Wait()
		}
	}
}

// Answers has a value after a query ended, until the next snapshot. Another
// snapshot may then know more.
func (p *Prober) Answers() <-chan struct{} { return p.queries.answers }

// Wait waits until no query runs. After the end of the context of all snapshots,
// that takes as long as it takes to kill the tools.
func (p *Prober) Wait() { p.queries.running.Wait() }

// readMac reads the facts about the Mac itself once.
func (p *Prober) readMac(s *shot) {
	if !p.os.valid || s.how.Fresh {
		os, err := ReadOS(s.mac)
		var gaps []probe.Gap
		if err != nil {
			next := "Run `sw_vers` in Terminal and see what it says."
			if root.NotExist(err) {
				next = "Run kextwatch on a Mac, or name a simulated one with --root."
			}
			gaps = append(gaps, probe.NewGap(probe.FactMacOSVersion, err, next))
		}
		p.os.set(struct{}{}, os, gaps)
	}
	os := p.os.value
	mac, gaps := answer(s, &p.machine, struct{}{}, machineFacts(os), func(ctx context.Context) (machine, []probe.Gap) {
		limited, cancel := context.WithTimeoutCause(ctx, min(machineTime, tool.Limit), tool.ErrTimeout)
		defer cancel()
		return readMachine(limited, p.mac, os)
	})
	switch {
	case len(gaps) == 0:
		p.good = mac
	case p.good.BootSession != "":
		mac, gaps = p.good, nil // they cannot change while this process runs
	}
	// Which tools to query depends on the processor. They wait for it, but not long.
	s.starting = !p.machine.valid && p.machine.age(s.now) < holdTime
	s.held = s.starting && !beforeSilicon(os)
	if beforeSilicon(os) {
		mac.Arch = probe.Intel
	}
	mac.OS, mac.Offline, mac.Language = os, p.mac.NoTools, p.readLanguage()
	s.missing(p.os.gaps...)
	s.missing(gaps...)
	if mac.BootedAt.After(s.now) {
		// The clock was wrong at the start, or is wrong now. The boot session still
		// tells boots apart.
		s.missing(probe.NewGap(probe.FactBootTime, fmt.Errorf("macOS says that it was started at %s, which is later than now", mac.BootedAt.Format(time.RFC3339)),
			"Check the date and the time of this Mac."))
		mac.BootedAt = time.Time{}
	}
	s.snap.Mac = mac.Mac
	if mac.Arch == probe.AppleSilicon {
		s.snap.Boot.Virtual = mac.virtual
		if mac.noVirtual != nil {
			s.missing(tool.Gap(probe.FactVirtual, mac.noVirtual, "sysctl "+Virtual))
		}
	}
}

// readApps reads the installed Parallels Desktop and the kexts on the disk.
func (p *Prober) readApps(s *shot) {
	p.startSearch(s, kextApps(s.snap.Policy, p.app, s.mac.Reads))
	p.infos.next()
	p.infos.stampLast(s.mac)
	app, err := findParallels(s.mac, &p.infos, attemptedApps(s.snap.Policy), p.namedApps(s.snap.Policy))
	found, gaps := p.searched(s)
	var missing []probe.Gap
	s.snap.Kexts, missing = gatherKexts(s.mac, &p.infos, app, s.snap.Policy, found)
	gaps = append(gaps, missing...)
	if app == nil {
		if app = appOfKexts(s.snap.Kexts); app != nil {
			err = errors.New("a kernel extension of Parallels Desktop is on the disk, but the application was not found")
		}
	}
	if err != nil {
		s.missing(parallelsGap(err))
	}
	if app != nil {
		s.snap.Apps, p.app = []probe.App{*app}, app.Path
	}
	s.missing(gaps...)
}

// readLoaded queries the kernel only if its answer can change a verdict.
func (p *Prober) readLoaded(s *shot) {
	if !needsLoaded(s.snap) {
		p.loaded.clear()
		return
	}
	os, now := s.snap.Mac.OS, s.now
	tried := p.triedElsewhere(s.snap)
	older := p.runsWithout() && p.machines.value.ReadAt.Sub(p.loaded.value.ReadAt) > sameMoment
	p.loaded.stale = p.loaded.stale || s.how.Loading || tried || older
	key := loadedKey(s.snap, p.loaded.value)
	loaded, gaps := answer(s, &p.loaded, key, []probe.Fact{probe.FactLoadedKexts}, func(ctx context.Context) (probe.Loaded, []probe.Gap) {
		loaded, err := ReadLoaded(ctx, p.mac, os)
		if err != nil {
			return loaded, []probe.Gap{tool.Gap(probe.FactLoadedKexts, err, "kextstat")}
		}
		loaded.ReadAt = now
		return loaded, nil
	})
	if p.loaded.key != key {
		// What was loaded before a change may not be loaded any more. A blocked
		// extension that counts as loaded would hide its window.
		loaded = probe.Loaded{}
	}
	s.snap.Loaded = loaded
	s.missing(gaps...)
}

// NextQuery returns how long after now the next snapshot must be taken for a
// query to run in time. It returns false if no query is due without an event.
// Three things have a time: the framework, where stat does not show when the
// policy changes; the root reader, which counts as stopped if it does not read a
// change in time or, where stat is refused, leaves no sign of life; and a tool that
// did not answer.
func (p *Prober) NextQuery(now time.Time) (time.Duration, bool) {
	var next time.Duration
	var planned bool
	plan := func(in time.Duration) {
		if !planned || in < next {
			next, planned = in, true
		}
	}
	if !p.again.IsZero() {
		plan(max(p.again.Sub(now), probe.CommitDelay))
	}
	if due, waits := p.reader.Next(); waits && p.reader.InUse {
		plan(max(due.Sub(now), 0) + probe.CommitDelay)
	} else if in, is := p.framework.NextQuery(now); is {
		plan(in)
	}
	return next, planned
}

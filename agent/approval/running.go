package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

const (
	// Up to macOS 10.15, Parallels loads its extensions when its service starts.
	serviceTime = 5 * time.Minute

	// Two lists show the same moment if they were read within this time.
	sameMoment = 30 * time.Second
)

// runsWithout reports whether something runs that needs the extensions of Parallels
// Desktop, while none of them is loaded: from macOS 11 a virtual machine on its own
// hypervisor, up to macOS 10.15 the application together with its service. It holds
// until one of them is loaded or the Mac is restarted, even if the virtual machine ends.
func (a *assessment) runsWithout(p Product, facts []*kextFacts) bool {
	if p.App == nil || anyLoaded(facts) {
		return false
	}
	proved := slices.ContainsFunc(facts, func(f *kextFacts) bool { return a.failed(a.rememberedKext(f), RuleRunsWithout) })
	since := a.runningWithoutSince(p, facts)
	proved = proved || !since.IsZero() && a.confirmed(facts, since)
	for _, f := range facts {
		is := a.mem.Kexts[f.id]
		is.WithoutSince = since
		if proved {
			is.FailedIn, is.FailedBy = a.session(), RuleRunsWithout
		}
		a.mem.Kexts[f.id] = is
	}
	return proved
}

// runningWithoutSince returns since when something has been running without the
// extensions that it needs, as far as that was seen. It is zero if nothing is. Up to
// macOS 10.15 the start of Parallels is known; if the extensions were loaded in this boot,
// they are missing since later: when Parallels quits, it unloads them first.
func (a *assessment) runningWithoutSince(p Product, facts []*kextFacts) (since time.Time) {
	loaded, machines := a.snap.Loaded, a.snap.Machines
	now := second(a.now)
	switch {
	case !loaded.Known || !a.snap.Mac.OS.Known():
		return time.Time{}
	case !a.snap.Mac.OS.AtLeast(11, 0):
		since = a.snap.Situation.ParallelsSince
		if since.IsZero() {
			return since
		}
	case !slices.ContainsFunc(p.Need.VMs, func(vm probe.VM) bool { return vm.State == probe.VMRunning }),
		loaded.ReadAt.Sub(machines.ReadAt).Abs() > sameMoment:
		return time.Time{}
	}
	for _, f := range facts {
		was := a.before.Kexts[f.id].notAfter(a.now).WithoutSince
		switch {
		case was.IsZero():
		case was.Before(since):
			return since
		default:
			return was
		}
	}
	if !since.IsZero() && !slices.ContainsFunc(facts, func(f *kextFacts) bool { return a.inThisSession(a.before.Kexts[f.id].LoadedIn) }) {
		return since
	}
	return now
}

// confirmed reports whether something has been running without its extensions for long
// enough. A virtual machine that just starts or ends is listed as running, too. At first
// sight it counts if no attempt was made just before.
func (a *assessment) confirmed(facts []*kextFacts, since time.Time) bool {
	if !a.snap.Mac.OS.AtLeast(11, 0) {
		return a.loadedListSince(since.Add(serviceTime))
	}
	over := since.Add(loadTime)
	if !slices.ContainsFunc(facts, a.seenBefore) {
		var last time.Time
		for _, f := range facts {
			if at := a.lastAttempt(f); at.After(last) {
				last = at
			}
		}
		over = last.Add(loadTime)
	}
	read := a.snap.Machines.ReadAt
	return a.loadedListSince(over) && (read.IsZero() || !read.Round(0).Before(over))
}

// seenBefore reports whether the last snapshot had the extension.
func (a *assessment) seenBefore(f *kextFacts) bool {
	_, known := a.before.Kexts[f.id]
	return known
}

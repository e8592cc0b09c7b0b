package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

const (
	// An attempt whose extension is not loaded after this time has failed.
	loadTime = time.Minute

	// The agent saw an attempt happen if it read the load history this soon after it.
	watchedWithin = 90 * time.Second

	// Up to macOS 10.15, Parallels loads its extensions when its service starts.
	serviceTime = 5 * time.Minute

	// Two lists show the same moment if they were read within this time.
	sameMoment = 30 * time.Second
)

// contradiction returns the verdict of an allowed extension that is not loaded, if a
// fact proves that macOS does not load it. Otherwise it returns "": that it is not
// loaded proves nothing, because Parallels unloads its extensions when no virtual
// machine runs.
func (a *assessment) contradiction(w watched, f *kextFacts) Verdict {
	if !f.allowed() || !f.installed() || f.loadedFromDisk() {
		return ""
	}
	is := a.rememberedKext(f)
	eleven := a.snap.Mac.OS.AtLeast(11, 0)
	flagged := eleven || !a.snap.Mac.OS.Known() // up to 10.15 the flags of the framework mean nothing
	again := func() Verdict {                   // the restart that it waits for
		if is.AllowedEarlier {
			a.fire(RuleLoadFailing, f.bundleID)
			return LoadFailing
		}
		return RestartPending
	}
	if v := a.failure(f); v != "" {
		return v
	}
	switch listed := a.collected(f); {
	case flagged && f.row != nil && f.row.PendingUpgrade == probe.Yes, flagged && a.inThisSession(is.UpgradeIn):
		a.fire(RuleUpgrade, f.bundleID)
		return UpgradePending
	case eleven && listed != collectedYes && a.replaced(f, is):
		return UpgradePending
	case eleven && listed == collectedOther && !a.inThisSession(is.Differs):
		a.fire(RuleNotCollected, f.bundleID) // a restart did not help
		return UpgradePending
	case eleven && a.inThisSession(is.AllowedIn) && listed != collectedYes && !a.loadedSinceAllowed(is):
		a.fire(RuleAllowedNow, f.bundleID)
		return RestartPending
	case a.inThisSession(is.RefusedIn):
		a.fire(RuleLoadFailing, f.bundleID)
		return LoadFailing
	case flagged && a.inThisSession(is.RestartIn):
		a.fire(RuleNeedsRestart, f.bundleID)
		return again()
	case flagged && f.row != nil && f.row.NeedsRestart == probe.Yes:
		a.fire(RuleNeedsRestart, f.bundleID)
		return RestartPending
	case eleven && listed == collectedOther:
		a.fire(RuleNotCollected, f.bundleID)
		return RestartPending
	case eleven && listed == collectedNo:
		a.fire(RuleNotCollected, f.bundleID)
		return again()
	case w.parallels() && listed != collectedYes && a.attemptFailed(f, is):
		a.fire(RuleAttemptFailed, f.bundleID)
		return LoadFailing
	}
	return ""
}

// loadedSinceAllowed reports whether an extension was seen loaded in this boot after it
// became allowed.
func (a *assessment) loadedSinceAllowed(is KextMemory) bool {
	return a.inThisSession(is.LoadedIn) && !is.LoadedAt.Before(is.AllowedAt)
}

// failure returns the verdict of an extension that macOS refused in this boot for a
// reason that no approval changes.
func (a *assessment) failure(f *kextFacts) Verdict {
	is := a.rememberedKext(f)
	if !a.inThisSession(is.FailureIn) || f.loadedFromDisk() {
		return ""
	}
	a.fire(RuleFailure, f.bundleID)
	if is.Failure == probe.Excluded || is.Failure == probe.WrongArch {
		return CannotLoad
	}
	return LoadFailing
}

// refusedNow reports whether macOS refused an extension in this boot: something needs it.
func (a *assessment) refusedNow(f *kextFacts) bool {
	is := a.rememberedKext(f)
	for _, session := range []string{is.RefusedIn, is.RestartIn, is.UpgradeIn, is.FailureIn} {
		if a.inThisSession(session) {
			return true
		}
	}
	return false
}

// known reports whether macOS knows an extension, or it was loaded before.
func (a *assessment) known(f *kextFacts) bool {
	return f.row != nil || len(f.history) > 0 || a.rememberedKext(f).LoadedVersion != ""
}

// collected compares the version of an extension in the auxiliary kernel collection of
// this boot with the one on disk.
func (a *assessment) collected(f *kextFacts) collected {
	is := a.rememberedKext(f)
	switch {
	case !a.inThisSession(is.CollectedIn):
		return collectedUnknown
	case is.Collected == notCollected:
		return collectedNo
	case f.onDisk(is.Collected), f.unread():
		return collectedYes
	}
	return collectedOther
}

// collected is the answer of assessment.collected.
type collected int

const (
	collectedUnknown collected = iota
	collectedNo
	collectedOther // in another version
	collectedYes
)

// notCollected stands for the version of an extension that is not in the collection.
const notCollected = "-"

// collectedVersion returns the version of an extension in the collection: the one on
// disk if it has several.
func (a *assessment) collectedVersion(f *kextFacts) string {
	version := notCollected
	for _, k := range a.snap.Collection.Kexts {
		if k.BundleID == f.bundleID && (version == notCollected || f.onDisk(k.Version)) {
			version = k.Version
		}
	}
	return version
}

// attemptFailed reports whether the last attempt of an allowed extension in this boot
// was made long enough ago, and was not followed by a load. It counts if the agent saw
// it, or if the Mac was restarted since the approval and the extension was never seen
// loaded since. Otherwise the extension may have been loaded while nobody looked.
func (a *assessment) attemptFailed(f *kextFacts, is KextMemory) bool {
	last := a.lastAttempt(f)
	if a.inThisSession(is.FailedIn) {
		return true
	}
	if last.IsZero() || last.Before(is.AllowedAt) || !a.snap.Loaded.Known || f.besideLoaded || !is.LoadedAt.Before(last) {
		return false
	}
	if !is.Watched.Equal(last) && !(is.AllowedEarlier && is.LoadedAt.Before(is.AllowedAt)) {
		return false
	}
	over := last.Add(loadTime)
	if a.now.Before(over) {
		a.due(over)
		a.status.Loading = true
		return false
	}
	if read := a.snap.Loaded.ReadAt; !read.IsZero() && read.Round(0).Before(over) {
		a.status.Loading = a.now.Before(over.Add(loadTime)) // the list is older
		return false
	}
	f.is.FailedIn = a.session()
	return true
}

// lastAttempt returns the time of the last attempt in this boot to load an extension,
// whatever its outcome. It is zero if none is known.
func (a *assessment) lastAttempt(f *kextFacts) time.Time {
	var last time.Time
	seen := f.record().LastSeen
	times := []time.Time{seen}
	if !seen.IsZero() && a.scan(f, seen) != "" {
		times = nil
	}
	for _, t := range f.reported {
		times = append(times, t.At)
	}
	for _, at := range times {
		at = at.UTC().Truncate(time.Second)
		if at.After(last) && at.Sub(a.now) <= futureTolerance && a.inThisBoot(at) {
			last = at
		}
	}
	return last
}

// inThisBoot reports whether a time is after the start of the Mac, which macOS reports
// in whole seconds. Without the time of the start, it is if the last snapshot was taken
// in this boot and before.
func (a *assessment) inThisBoot(at time.Time) bool {
	booted, read := a.snap.Mac.BootedAt, a.before.LastRead
	if booted.IsZero() {
		return !read.At.IsZero() && a.inThisSession(read.Session) && !at.Before(read.At.Round(0).Truncate(time.Second))
	}
	return !at.Before(booted.Truncate(time.Second))
}

// runsWithout reports whether something runs that needs the extensions of Parallels
// Desktop, while none of them is loaded: from macOS 11 a virtual machine on its own
// hypervisor, up to macOS 10.15 the application together with its service. It holds
// until one of them is loaded or the Mac is restarted, even if the virtual machine ends.
func (a *assessment) runsWithout(p Product, facts []*kextFacts) bool {
	if p.App == nil || slices.ContainsFunc(facts, func(f *kextFacts) bool { return f.loaded != "" }) {
		return false
	}
	if !slices.ContainsFunc(facts, func(f *kextFacts) bool { return a.inThisSession(a.rememberedKext(f).FailedIn) }) && !a.runsWithoutNow(p) {
		return false
	}
	for _, f := range facts {
		if is, known := a.mem.Kexts[f.id]; known {
			is.FailedIn = a.session()
			a.mem.Kexts[f.id] = is
		}
	}
	return true
}

func (a *assessment) runsWithoutNow(p Product) bool {
	loaded := a.snap.Loaded
	if !loaded.Known {
		return false
	}
	if a.snap.Mac.OS.AtLeast(11, 0) {
		apart := loaded.ReadAt.Sub(a.snap.Machines.ReadAt).Abs()
		return apart <= sameMoment && slices.ContainsFunc(p.Need.VMs, func(vm probe.VM) bool { return vm.State == probe.VMRunning })
	}
	since := a.snap.Situation.ParallelsSince
	if since.IsZero() || !a.snap.Mac.OS.Known() {
		return false
	}
	over := since.Add(serviceTime)
	if a.now.Before(over) {
		a.due(over)
		return false
	}
	return true
}

// uncertain reports whether nothing proves that an allowed extension would be loaded,
// although nothing contradicts it: it was not seen loaded since the start of the Mac,
// or not since its last attempt, and the collection does not show it.
func (a *assessment) uncertain(f *kextFacts) bool {
	if !f.allowed() || !f.installed() || f.loadedFromDisk() || a.collected(f) == collectedYes {
		return false
	}
	is := a.rememberedKext(f)
	return !a.inThisSession(is.LoadedIn) || is.LoadedAt.Before(a.lastAttempt(f))
}

// asking reports whether an attempt to load an extension was made within the length of
// a window, and the extension was not seen loaded since.
func (a *assessment) asking(f *kextFacts) bool {
	last := a.lastAttempt(f)
	if last.IsZero() || f.loadedFromDisk() || !a.rememberedKext(f).LoadedAt.Before(last) {
		return false
	}
	over := last.Add(WindowLength)
	if !a.now.Before(over) {
		return false
	}
	a.due(over)
	return true
}

// due notes when the status can change without an event.
func (a *assessment) due(at time.Time) {
	if a.status.DueAt.IsZero() || at.Before(a.status.DueAt) {
		a.status.DueAt = at
	}
}

// proof returns the first of Proofs that fired for a product or one of its extensions.
func (a *assessment) proof(p Product, facts []*kextFacts) Rule {
	for _, rule := range Proofs {
		if a.fired[Fired{rule, p.Name}] || slices.ContainsFunc(facts, func(f *kextFacts) bool { return a.fired[Fired{rule, f.bundleID}] }) {
			return rule
		}
	}
	return ""
}

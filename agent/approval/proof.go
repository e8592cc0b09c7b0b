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
	if !f.allowed() || f.loadedFromDisk() {
		return ""
	}
	if v := a.failure(f); v != "" {
		return v
	}
	there := f.installed()
	c := &proofCase{
		assessment: a, w: w, f: f, is: a.rememberedKext(f), listed: a.collected(f), there: there,
		eleven:  there && a.snap.Mac.OS.AtLeast(11, 0),
		flagged: a.snap.Mac.OS.AtLeast(11, 0) || !a.snap.Mac.OS.Known(),
	}
	for _, p := range contradictions {
		if !p.holds(c) {
			continue
		}
		a.fire(p.rule, f.bundleID)
		switch {
		case p.verdict != "":
			return p.verdict
		case c.is.AllowedEarlier:
			return LoadFailing
		}
		return RestartPending
	}
	return ""
}

// proofCase holds what the rows of contradictions depend on.
type proofCase struct {
	*assessment
	w      watched
	f      *kextFacts
	is     KextMemory
	listed collected

	// An extension that is not on the disk was removed a moment ago, or its place is not
	// known: only what macOS reported about it counts.
	there   bool
	eleven  bool // it is there, from macOS 11
	flagged bool // up to macOS 10.15 the flags of the framework mean nothing
}

func (c *proofCase) flag(of func(*probe.PolicyRow) probe.Answer) bool {
	return c.flagged && c.there && c.f.row != nil && of(c.f.row) == probe.Yes
}

// contradictions has a row for each fact that proves that macOS does not load an allowed
// extension. The first row that holds decides. Without a verdict the extension waits for
// a restart, or it is failing if the Mac was restarted since it was allowed.
var contradictions = []struct {
	rule    Rule
	verdict Verdict
	holds   func(c *proofCase) bool
}{
	{RuleUpgrade, UpgradePending, func(c *proofCase) bool {
		return c.flag(func(r *probe.PolicyRow) probe.Answer { return r.PendingUpgrade }) || c.flagged && c.inThisSession(c.is.UpgradeIn)
	}},
	{RuleReplaced, UpgradePending, func(c *proofCase) bool {
		return c.eleven && c.is.By == ByUser && c.listed != collectedYes && c.f.replaced(c.is)
	}},
	{RuleReplaced, RestartPending, func(c *proofCase) bool { // a profile allows every version
		return c.eleven && c.is.By == ByMDM && c.listed != collectedYes && c.f.replaced(c.is)
	}},
	{RuleOldLoaded, RestartPending, func(c *proofCase) bool { // the next start loads the one that is collected
		return c.eleven && (c.is.By == ByUser || c.is.By == ByMDM) && c.f.loaded != ""
	}},
	{RuleNotCollected, UpgradePending, func(c *proofCase) bool { // a restart did not help
		return c.eleven && c.is.By == ByUser && c.listed == collectedOther && !c.inThisSession(c.is.Differs)
	}},
	{RuleAllowedNow, RestartPending, func(c *proofCase) bool {
		return c.eleven && c.inThisSession(c.is.AllowedIn) && c.listed != collectedYes && !c.loadedSinceAllowed(c.is)
	}},
	{RuleLoadFailing, LoadFailing, func(c *proofCase) bool { return c.inThisSession(c.is.RefusedIn) }},
	{RuleNeedsRestart, "", func(c *proofCase) bool { return c.flagged && c.inThisSession(c.is.RestartIn) }},
	{RuleNeedsRestart, RestartPending, func(c *proofCase) bool {
		return c.flag(func(r *probe.PolicyRow) probe.Answer { return r.NeedsRestart })
	}},
	{RuleNotCollected, RestartPending, func(c *proofCase) bool { return c.eleven && c.listed == collectedOther }},
	{RuleNotCollected, "", func(c *proofCase) bool { return c.eleven && c.listed == collectedNo && !c.untried(c.f) }},
	{RuleAttemptFailed, LoadFailing, func(c *proofCase) bool {
		return c.there && c.w.parallels() && c.listed != collectedYes && c.attemptFailed(c.f, c.is)
	}},
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
	return f.row != nil || len(f.history) > 0 || len(f.reported) > 0 || a.rememberedKext(f).LoadedVersion != ""
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

// untried reports whether the last attempt to load an extension was made before this
// macOS was installed. An extension enters the collection at its first attempt.
func (a *assessment) untried(f *kextFacts) bool {
	return f.record().LastSeen.Before(installedAt(a.snap.Updates, a.snap.Mac.OS))
}

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
	if a.failed(is, RuleAttemptFailed) {
		return true
	}
	last := a.lastAttempt(f)
	if last.IsZero() || last.Before(is.AllowedAt) || f.besideLoaded || !is.LoadedAt.Before(last) || !a.loadedListSince(last.Add(loadTime)) {
		return false
	}
	if !is.Watched.Equal(last) && !(is.AllowedEarlier && is.LoadedAt.Before(is.AllowedAt)) {
		return false
	}
	f.is.FailedIn, f.is.FailedBy = a.session(), RuleAttemptFailed
	return true
}

// failed reports whether a rule proved in this boot that an extension does not load.
func (a *assessment) failed(is KextMemory, rule Rule) bool {
	return a.inThisSession(is.FailedIn) && is.FailedBy == rule
}

// loadedListSince reports whether the list of loaded extensions was read, not before a
// time. Until then it is read again.
func (a *assessment) loadedListSince(over time.Time) bool {
	read := a.snap.Loaded.ReadAt
	if read.IsZero() {
		read = a.now
	}
	if !a.snap.Loaded.Known || !read.Round(0).Before(over) {
		return a.snap.Loaded.Known
	}
	if a.now.Before(over) {
		a.due(over)
	}
	a.status.Loading = a.status.Loading || a.now.Before(over.Add(loadTime))
	return false
}

// watchLoad lets what is loaded be read again for a minute after an attempt to load an
// allowed extension: no event tells that it was loaded.
func (a *assessment) watchLoad(f *kextFacts) {
	if last := a.lastAttempt(f); !last.IsZero() && f.allowed() && !f.loadedFromDisk() && a.now.Before(last.Add(loadTime)) {
		a.due(last.Add(loadTime))
		a.status.Loading = true
	}
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
		at = second(at)
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
		return !read.At.IsZero() && a.inThisSession(read.Session) && !at.Before(second(read.At))
	}
	return !at.Before(booted.Truncate(time.Second))
}

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
		is, known := a.mem.Kexts[f.id]
		if !known {
			continue
		}
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
		was := a.before.Kexts[f.id].WithoutSince
		switch {
		case was.IsZero(), was.After(now):
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
// a window, and neither a load nor a blocked row answers it.
func (a *assessment) asking(f *kextFacts) bool {
	last := a.lastAttempt(f)
	if last.IsZero() || f.refused() || f.loadedFromDisk() || !a.rememberedKext(f).LoadedAt.Before(last) {
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

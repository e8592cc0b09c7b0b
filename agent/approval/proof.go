package approval

import (
	"slices"

	"kextwatch/probe"
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

// failed reports whether a rule proved in this boot that an extension does not load.
func (a *assessment) failed(is KextMemory, rule Rule) bool {
	return a.inThisSession(is.FailedIn) && is.FailedBy == rule
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

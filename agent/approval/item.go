package approval

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
)

// allowedRule is the rule to report if somebody other than the user allows it.
var allowedRule = map[AllowedBy]Rule{ByMDM: RuleByMDM, ByRecovery: RuleRecovery, NotEnforced: RuleNotEnforced}

// item assesses one row of the pane. The verdict is empty if all its extensions
// are leftovers.
func (a *assessment) item(w watched, at string, facts []*kextFacts) Item {
	id := key(w.teamID, at)
	a.overrule(facts)
	memory := a.itemMemory(w, id, facts)
	// The window is over, or since the login nobody knows how long it lasts.
	over := memory.Window.known() && (memory.Window.Left == 0 || memory.beforeLogin(a.snap.Situation.LoginAt, a.now))
	memory.Window = memory.Window.advance(a.now)
	memory = a.addAttempts(memory, over, facts)
	hidden := memory.beforeLogin(a.snap.Situation.LoginAt, a.now)
	item := Item{Key: id, Name: itemName(w, at, facts), Attempts: memory.Attempts}
	for _, f := range facts {
		item.Kexts = append(item.Kexts, a.kext(w, f))
	}
	blocked := slices.ContainsFunc(item.Kexts, func(k Kext) bool { return k.Blocked })
	unanswered := a.unanswered(facts...)
	refused := slices.ContainsFunc(facts, (*kextFacts).refused)
	switch {
	case !unanswered && !refused:
		memory.Window, memory.Earlier = Window{}, 0
	case memory.beforeBoot(a.snap.Mac):
		if refused {
			a.fire(RuleBeforeBoot, item.Name)
		}
		memory.Window = Window{}
	}
	if hidden && blocked {
		a.fire(RuleBeforeLogin, item.Name)
	}
	if memory.Window.known() && !hidden && (blocked || unanswered && memory.Window.Left > 0) {
		window := memory.Window
		item.Window = &window
		if window.Reopened > 0 {
			a.fire(RuleReopened, item.Name)
		}
	}
	if memory.Window.Left > 0 && (blocked || unanswered) {
		item.recent = windowID(id, memory.Window.Number)
	}
	item.Verdict = a.itemVerdict(w, item, facts)
	switch item.Verdict {
	case Managed, NeedsRecovery, CannotLoad:
		memory.Earlier = 0 // there was no button that could come back
	}
	switch item.Verdict {
	case NeedsRecovery, CannotLoad, LoadFailing:
		item.Window = nil // there is no Allow button
	case Unknown:
		if unanswered && !slices.ContainsFunc(facts, func(f *kextFacts) bool { return !f.claimsNoTeam() }) {
			item.Window = nil // the policy may say that they are unsigned
		}
	}
	if memory.Windows > 0 || len(memory.Dismissed) > 0 {
		a.mem.Items[id] = memory
	}
	for _, f := range facts {
		is := a.rememberedKext(f)
		is.Place = at
		a.mem.Kexts[f.id] = is
	}
	a.visited[id] = true
	return item
}

// itemName returns the name of an item: that of its application, otherwise that of its only
// extension or of the product. A folder has no name that a person would know.
func itemName(w watched, at string, facts []*kextFacts) string {
	if app, ok := strings.CutSuffix(path.Base(at), ".app"); ok {
		return app
	}
	if len(facts) == 1 && facts[0].known == nil {
		return facts[0].fileName()
	}
	return w.name
}

// unanswered reports whether no policy source has an answer about extensions of one item.
// An answer counts as missing if it lacks an extension that macOS has refused: after the
// query of a source that is being queried again, or in the last half hour if the source is
// the framework, which may list it late.
func (a *assessment) unanswered(facts ...*kextFacts) bool {
	policy := a.snap.Policy
	if policy == nil {
		return true
	}
	since := policy.ReadAt
	switch {
	case policy.Source == probe.Framework:
		since = a.now.Add(-WindowLength)
	case !policy.Stale:
		return false
	}
	return !slices.ContainsFunc(facts, func(f *kextFacts) bool { return f.row != nil }) &&
		slices.ContainsFunc(facts, func(f *kextFacts) bool { return f.reportedSince(since, probe.Refused) })
}

// addAttempts adds the attempts that are new, in order of time.
func (a *assessment) addAttempts(memory ItemMemory, over bool, facts []*kextFacts) ItemMemory {
	var fresh, scans []Attempt
	known := memory.known()
	for _, f := range facts {
		held := f.refused() || a.unanswered(f) && !f.allowed()
		if !held || f.loadedFromDisk() {
			continue
		}
		proved, dismissed := a.evidence(f)
		for _, attempt := range proved {
			if attempt.Evidence == Seen || !memory.remembers(attempt, known, a.now) {
				fresh = append(fresh, attempt)
			}
		}
		for _, attempt := range dismissed {
			if !memory.remembers(attempt, known, a.now) {
				scans = append(scans, attempt)
			}
		}
	}
	memory = memory.dismiss(scans)
	if len(fresh) == 0 {
		return memory
	}
	slices.SortStableFunc(fresh, func(x, y Attempt) int { return x.At.Compare(y.At) })
	for _, attempt := range fresh {
		memory = memory.attempt(attempt, over, a.now)
		over = false
	}
	memory = memory.remember(fresh)
	last := fresh[len(fresh)-1]
	switch {
	// The fresh attempts are older than the known ones. Known ones that lie ahead of the
	// clock, which was set back, do not count.
	case slices.ContainsFunc(memory.Attempts, func(t Attempt) bool { return t.At.After(last.At) && !ahead(t.At, a.now) }):
	case last.At.Before(a.snap.Mac.BootedAt):
		memory.Session = earlierSession
	default:
		memory.Session = a.snap.Mac.BootSession
	}
	return memory
}

// kext summarizes the facts of one extension.
func (a *assessment) kext(w watched, f *kextFacts) Kext {
	k := Kext{
		BundleID:      f.bundleID,
		Path:          f.path(),
		Asked:         f.row != nil,
		Allowed:       f.allowed(),
		Loaded:        f.loadedFromDisk(),
		LoadedVersion: f.loaded,
		DiskVersion:   f.diskVersion(),
		LastSeen:      f.record().LastSeen,
		CDHash:        f.record().CDHash,
	}
	k.AllowedBy = f.allowedBy()
	if rule, ok := allowedRule[k.AllowedBy]; ok {
		a.fire(rule, f.bundleID)
	}
	if f.row != nil {
		k.Developer = f.row.Developer
	}
	if rule := a.leftover(w, f); rule != "" {
		k.Leftover, k.LeftoverBy = true, rule
		a.fire(rule, f.bundleID)
	}
	if k.LoadedVersion != "" && !k.Loaded && len(f.disk) > 0 {
		a.fire(RuleOldLoaded, f.bundleID)
	}
	is := a.rememberedKext(f)
	k.Lost = f.lost && !k.Leftover
	k.Recorded = f.row == nil && !k.Allowed && (len(f.history) > 0 || is.LoadedVersion != "" || a.reportedBefore(f))
	a.watchLoad(f)
	k.Blocked = f.refused() && !k.Leftover && (!k.Loaded || k.Lost)
	switch {
	case a.inThisSession(is.FailureIn):
		k.Failure = is.Failure
	case !k.Leftover && !k.Loaded && (k.Blocked || k.Allowed):
		k.Failure = a.unloadable(f)
	}
	return k
}

// reportedBefore reports whether the log or our own retry reported an attempt that is old
// enough: a policy source that is read right after the attempt may not have its row yet.
func (a *assessment) reportedBefore(f *kextFacts) bool {
	for _, t := range f.reported {
		over := t.At.Add(loadTime)
		if !a.now.Before(over) {
			return true
		}
		a.due(over)
	}
	return false
}

// attempted reports whether an attempt of this extension within the length of a window
// is known that the load history does not contain, or does not contain any more.
func (a *assessment) attempted(f *kextFacts) bool {
	if a.snap.Policy != nil && f.refused() {
		if _, ok := a.newSince(f); ok {
			return true
		}
	}
	return a.index.attempted[f.id]
}

// itemVerdict returns the worst verdict of the extensions of an item. It is empty if
// all of them are leftovers.
func (a *assessment) itemVerdict(w watched, item Item, facts []*kextFacts) Verdict {
	worst, allowed := Verdict(""), false
	for i, f := range facts {
		if k := item.Kexts[i]; !k.Leftover {
			worst = worse(worst, a.kextVerdict(w, item, k, f))
			allowed = allowed || k.Allowed
		}
	}
	// One click approves all extensions of an item. Those that macOS has no decision
	// about have not been tried yet.
	if worst == NotAsked && allowed {
		return Approved
	}
	return worst
}

// kextVerdict returns the verdict of an extension that is not a leftover.
func (a *assessment) kextVerdict(w watched, item Item, k Kext, f *kextFacts) Verdict {
	switch {
	case a.snap.Policy != nil && k.Blocked:
		return a.blockedVerdict(item, f)
	case item.loaded() && !k.Lost:
		return Approved
	case a.unanswered(f):
		if item.Window.Open() {
			if v := a.bar(f); v != "" {
				return v
			}
		}
		a.fire(RuleNoPolicy, item.Name)
		return worse(a.failure(f), Unknown)
	case k.Allowed:
		v := a.contradiction(w, f)
		if v != "" || k.Failure != "" {
			v = cmp.Or(a.failure(f), a.bar(f), v)
		}
		return worse(v, Approved)
	case k.Failure != "":
		return a.failure(f)
	case k.Lost:
		a.fire(RuleLost, f.bundleID)
		return Unknown
	case k.Recorded && !slices.ContainsFunc(item.Kexts, func(k Kext) bool { return k.Allowed }):
		a.fire(RuleRecorded, f.bundleID)
		return Unknown
	}
	return NotAsked
}

// blockedVerdict returns the verdict of an extension that macOS blocks.
func (a *assessment) blockedVerdict(item Item, f *kextFacts) Verdict {
	if v := cmp.Or(a.failure(f), a.bar(f)); v != "" {
		return v
	}
	switch {
	case item.Window == nil:
		return BlockedUnknown
	case item.Window.Open():
		return BlockedOpen
	}
	return BlockedClosed
}

// loaded reports whether every extension of the item is loaded in the version on
// disk.
func (i Item) loaded() bool {
	for _, k := range i.Kexts {
		if !k.Leftover && !k.Loaded {
			return false
		}
	}
	return true
}

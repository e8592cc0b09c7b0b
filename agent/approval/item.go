package approval

import (
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
	memory := a.itemMemory(w, id, facts)
	over := memory.Window.known() && memory.Window.Left == 0
	memory.Window = memory.Window.advance(a.now)
	memory = a.addAttempts(memory, over, facts)
	hidden := memory.beforeLogin(a.snap.Situation.LoginAt, a.now)
	item := Item{Key: id, Name: strings.TrimSuffix(path.Base(at), ".app"), Attempts: memory.Attempts}
	if at == "" {
		item.Name = w.name
	}
	for _, f := range facts {
		item.Kexts = append(item.Kexts, a.kext(f))
	}
	blocked := slices.ContainsFunc(item.Kexts, func(k Kext) bool { return k.Blocked })
	unanswered := a.unanswered(facts...)
	switch {
	case unanswered:
	case !slices.ContainsFunc(facts, (*kextFacts).refused):
		memory.Window, memory.Earlier = Window{}, 0
	case memory.beforeBoot(a.snap.Mac):
		a.fire(RuleBeforeBoot, item.Name)
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
	item.Verdict = a.itemVerdict(item, facts)
	if memory.Windows > 0 || len(memory.Dismissed) > 0 {
		a.mem.Items[id] = memory
	}
	if a.snap.Policy != nil {
		for _, f := range facts {
			was := a.rememberedKext(f)
			was.Place = at
			a.mem.Kexts[f.id] = was
		}
	}
	return item
}

// unanswered reports whether no policy source tells about extensions of one item.
// That includes a source that is being queried again, and whose last answer does
// not have an extension that was refused since.
func (a *assessment) unanswered(facts ...*kextFacts) bool {
	policy := a.snap.Policy
	if policy == nil {
		return true
	}
	return policy.Stale && !slices.ContainsFunc(facts, func(f *kextFacts) bool { return f.row != nil }) &&
		slices.ContainsFunc(facts, func(f *kextFacts) bool { return f.reportedSince(policy.ReadAt, probe.Refused) })
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
	newest := memory.Attempts[len(memory.Attempts)-1]
	switch {
	case newest != fresh[len(fresh)-1]: // the fresh attempts are older than the known ones
	case newest.At.Before(a.snap.Mac.BootedAt):
		memory.Session = earlierSession
	default:
		memory.Session = a.snap.Mac.BootSession
	}
	return memory
}

// kext summarizes the facts of one extension.
func (a *assessment) kext(f *kextFacts) Kext {
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
	switch {
	case f.row != nil && f.row.Allowed:
		k.AllowedBy = ByUser
	case f.by != "":
		k.AllowedBy = f.by
		a.fire(allowedRule[f.by], f.bundleID)
	}
	if f.row != nil {
		k.Developer = f.row.Developer
	}
	if len(f.disk) == 0 && !f.attemptedWithin(WindowLength, a.now) && !a.attempted(f) {
		k.Leftover = true
		a.fire(RuleLeftover, f.bundleID)
	}
	if k.LoadedVersion != "" && !k.Loaded && len(f.disk) > 0 {
		a.fire(RuleOldLoaded, f.bundleID)
	}
	k.Blocked = f.refused() && !k.Loaded && !k.Leftover
	return k
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

func (a *assessment) itemVerdict(item Item, facts []*kextFacts) Verdict {
	counts := func(k Kext) bool { return !k.Leftover }
	some := func(is func(Kext) bool) bool {
		return slices.ContainsFunc(item.Kexts, func(k Kext) bool { return counts(k) && is(k) })
	}
	switch {
	case !slices.ContainsFunc(item.Kexts, counts):
		return ""
	case a.snap.Policy != nil && some(func(k Kext) bool { return k.Blocked }):
		switch {
		case a.forbidden():
			a.fire(RuleManaged, item.Name)
			return Managed
		case item.Window == nil:
			return BlockedUnknown
		case item.Window.Open():
			return BlockedOpen
		}
		return BlockedClosed
	case item.loaded():
		return Approved
	case a.unanswered(facts...) && item.Window.Open() && a.forbidden():
		a.fire(RuleManaged, item.Name)
		return Managed
	case a.unanswered(facts...):
		a.fire(RuleNoPolicy, item.Name)
		return Unknown
	case a.snap.Mac.OS.AtLeast(11, 0) && slices.ContainsFunc(facts, a.replaced):
		return UpgradePending
	case slices.ContainsFunc(facts, a.failing):
		a.fire(RuleLoadFailing, item.Name)
		return LoadFailing
	case a.snap.Mac.OS.AtLeast(11, 0) && slices.ContainsFunc(facts, a.waitsForRestart):
		return RestartPending
	case some(func(k Kext) bool { return k.Allowed }):
		return Approved
	}
	return NotAsked
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

// forbidden reports whether a profile does not let users approve.
func (a *assessment) forbidden() bool {
	p := a.snap.Enforcement.Profile
	return p.Present == probe.Yes && p.UserOverrides == probe.No
}

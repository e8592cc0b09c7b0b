package approval

import (
	"path"
	"slices"
	"time"

	"kextwatch/probe"
)

// longAgo is the age of the last attempt from which a blocked extension may be left over.
const longAgo = 90 * 24 * time.Hour

// leftover returns the rule by which an extension is left over: macOS has an entry for it,
// or it is on the disk, but nothing needs it. It returns "" if it is not left over.
func (a *assessment) leftover(w watched, f *kextFacts) Rule {
	switch {
	case f.loaded != "" || a.triedLately(f) || a.attempted(f) || f.row != nil && f.row.Pending == probe.Yes:
		return ""
	case len(f.disk) == 0 || w.app && !f.installed(): // macOS keeps a staged copy of what was removed from an application
		return RuleLeftover
	case a.superseded(f):
		return RuleOtherMacOS
	case a.blockedLongAgo(f) && a.index.allowed[key(f.teamID, place(f.path()))]:
		return RuleOldBlock
	}
	return ""
}

// superseded reports whether another extension takes the place of this one on this macOS.
// macFUSE, for example, keeps one for each macOS side by side, with different bundle IDs.
// If the table has both, it decides. Otherwise they are in one bundle, their files have
// the same name, and only the other one is used.
func (a *assessment) superseded(f *kextFacts) bool {
	os := a.snap.Mac.OS
	if f.known != nil && os.Known() && !f.known.fits(os) &&
		slices.ContainsFunc(a.index.ofProduct[key(f.teamID, f.known.Product)], func(other *kextFacts) bool { return other.known.fits(os) }) {
		return true
	}
	used := func(f *kextFacts) bool { return f.allowed() || f.loaded != "" || !a.lastAttempt(f).IsZero() }
	return !used(f) && slices.ContainsFunc(a.index.ofName[f.sameName()], func(other *kextFacts) bool {
		return path.Dir(other.path()) != path.Dir(f.path()) && used(other) && !a.tableHas(f, other)
	})
}

// tableHas reports whether the table has two extensions as different ones.
func (a *assessment) tableHas(f, other *kextFacts) bool {
	return f.known != nil && other.known != nil && f.known != other.known
}

// sameName returns a text that extensions of one team share if their files have the same
// name in one bundle.
func (f *kextFacts) sameName() string { return key(f.teamID, place(f.path())+"/"+path.Base(f.path())) }

// blockedLongAgo reports whether macOS blocks an extension that nothing tried to load for
// a long time, nor since the last update of macOS.
func (a *assessment) blockedLongAgo(f *kextFacts) bool {
	seen := f.record().LastSeen
	updated := installedAt(a.snap.Updates, a.snap.Mac.OS)
	return f.refused() && !seen.IsZero() && a.now.Sub(seen) > longAgo && !updated.IsZero() && seen.Before(updated)
}

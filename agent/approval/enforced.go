package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

// overrule ignores a switch that should turn the approval off, if macOS refused an
// extension of the item in this boot, or if no load followed an attempt in this boot. A
// Mac with macOS 12.6.7 and csr-active-config 0x203 was seen to refuse.
func (a *assessment) overrule(facts []*kextFacts) {
	for _, f := range facts {
		if f.by != NotEnforced || f.row == nil || f.row.Allowed {
			continue
		}
		refused := f.row.Pending == probe.Yes || f.reportedSince(a.snap.Mac.BootedAt, probe.Refused) || a.inThisSession(a.before.Kexts[f.id].RefusedIn)
		last := a.lastAttempt(f)
		tried := !last.IsZero() && !a.now.Before(last.Add(loadTime)) && !a.loadedSince(facts, last)
		if refused || tried {
			f.by, f.overruled = "", true
			a.fire(RuleOverruled, f.bundleID)
		}
	}
}

// loadedSince reports whether one of some extensions is loaded, or was seen loaded at or
// after a time in this boot.
func (a *assessment) loadedSince(facts []*kextFacts, at time.Time) bool {
	return slices.ContainsFunc(facts, func(f *kextFacts) bool {
		was := a.before.Kexts[f.id]
		return f.loaded != "" || a.inThisSession(was.LoadedIn) && !was.LoadedAt.Before(at)
	})
}

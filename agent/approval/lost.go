package approval

import (
	"time"

	"kextwatch/probe"
)

// An approval that is gone counts as lost after this time, if no read finds it again. A
// profile is replaced by removing and installing it, which takes a moment.
var lostTimes = map[AllowedBy]time.Duration{ByUser: lostAfter, ByMDM: 5 * time.Minute}

const lostAfter = 3 * time.Second

// noteLost finds out whether macOS does not list the approval of an extension any more.
// Until that is certain, the extension still counts as allowed. It is no loss if the
// extension was removed, if another source answers, or if a load attempt shows that
// macOS blocks the extension now: a window reports that.
func (a *assessment) noteLost(f *kextFacts) {
	was, known := a.before.Kexts[f.id]
	policy := a.snap.Policy
	if !known || f.allowed() || !f.installed() && f.loaded == "" {
		return
	}
	f.lost = was.Lost
	if f.lost || policy == nil {
		return
	}
	if policy.Stale && was.Allowed && !a.blockedSinceLastRead(f) { // the last answer counts
		f.by, f.payload, f.lostAt = was.By, was.Payload, was.LostAt
		return
	}
	after, tracked := lostTimes[was.By]
	if !was.Allowed || !tracked || policy.Source != a.before.LastRead.Source || a.macOSChanged() || a.blockedSinceLastRead(f) {
		return
	}
	if was.Payload && a.snap.Enforcement.Profile.Present == "" { // it was not read
		f.by, f.payload = ByMDM, true
		return
	}
	if a.restarted() {
		after = lostAfter
	}
	at := second(a.now.Add(after))
	if !was.LostAt.IsZero() && was.LostAt.Before(at) {
		at = was.LostAt
	}
	if !a.now.Before(at) || a.settings.Once && was.LostAt.IsZero() {
		f.lost = true
		return
	}
	f.lostAt, f.by, f.payload = at, was.By, was.Payload
	a.due(at)
}

// macOSChanged reports whether macOS has another version than at the last snapshot. A
// newer macOS may begin with a new policy.
func (a *assessment) macOSChanged() bool {
	was, is := a.before.OS, a.snap.Mac.OS
	return was.Known() && is.Known() && was.Version != is.Version
}

// blockedSinceLastRead reports whether a load attempt after the last snapshot shows
// that macOS blocks the extension.
func (a *assessment) blockedSinceLastRead(f *kextFacts) bool {
	if f.reportedSince(a.before.LastRead.At.Round(0), probe.Refused) {
		return true
	}
	seen := f.record().LastSeen
	return f.row != nil && !a.sawBefore(f, seen) && !ahead(seen, a.now) && a.scan(f, seen) == ""
}

// restarted reports whether the Mac was restarted since the last snapshot.
func (a *assessment) restarted() bool {
	was, is := a.before.LastRead.Session, a.session()
	return was != "" && was != unknownSession && was != is
}

package approval

import (
	"cmp"

	"kextwatch/probe"
)

// replaced reports whether an allowed extension on disk differs from the one last
// seen loaded, or macOS reports a different binary. From macOS 11, it needs a new
// approval.
func (a *assessment) replaced(f *kextFacts) bool {
	if !f.allowed() || len(f.disk) == 0 || f.loadedFromDisk() {
		return false
	}
	is := a.rememberedKext(f)
	if f.row != nil && f.row.PendingUpgrade == probe.Yes || a.inThisSession(is.UpgradeIn) {
		a.fire(RuleUpgrade, f.bundleID)
		return true
	}
	hash := f.record().CDHash
	if f.loaded != "" ||
		is.LoadedVersion != "" && !f.onDisk(is.LoadedVersion) && !f.unread() ||
		is.LoadedCDHash != "" && hash != "" && is.LoadedCDHash != hash {
		a.fire(RuleReplaced, f.bundleID)
		return true
	}
	return false
}

// failing reports whether macOS refused an extension in this boot that was allowed
// before this boot. The refusal is enough, even if the list of loaded extensions is
// missing. An extension that was seen loaded since is not failing: rememberedKext
// forgets the refusal.
func (a *assessment) failing(f *kextFacts) bool {
	is := a.rememberedKext(f)
	return len(f.disk) > 0 && !f.loadedFromDisk() && f.allowed() && is.AllowedEarlier && (a.inThisSession(is.RefusedIn) || a.inThisSession(is.RestartIn))
}

// waitsForRestart reports whether the extension was allowed in this boot, or macOS
// reports that it loads it at the next start.
func (a *assessment) waitsForRestart(f *kextFacts) bool {
	is := a.rememberedKext(f)
	switch {
	case len(f.disk) == 0 || f.loadedFromDisk() || !f.allowed():
		return false
	case f.row != nil && f.row.NeedsRestart == probe.Yes, a.inThisSession(is.RestartIn):
		a.fire(RuleNeedsRestart, f.bundleID)
		return true
	case a.inThisSession(is.AllowedIn):
		a.fire(RuleAllowedNow, f.bundleID)
		return true
	}
	return false
}

// session returns the boot session of the Mac. If it cannot be read, it counts as
// that of the last snapshot: a restart that is not known of ends nothing.
func (a *assessment) session() string {
	return cmp.Or(a.snap.Mac.BootSession, a.before.LastRead.Session)
}

func (a *assessment) inThisSession(session string) bool {
	return session != "" && session == a.session()
}

// rememberedKext returns the memory of an extension: when it became allowed, what
// was loaded, and the outcomes of attempts. If the Mac restarted between two
// snapshots, it is unknown whether the approval came before or after.
func (a *assessment) rememberedKext(f *kextFacts) KextMemory {
	was, known := a.before.Kexts[f.id]
	session := a.session()
	sameSession := a.before.LastRead.Session == session
	restarted := !sameSession && session != "" && a.before.LastRead.Session != ""
	is := was
	is.Allowed = f.allowed()
	switch {
	case !is.Allowed:
		is.AllowedIn, is.AllowedEarlier = "", false
	case known && !was.Allowed && sameSession:
		is.AllowedIn = session
	case known && was.Allowed && restarted:
		is.AllowedEarlier = true
	}
	since := a.snap.Mac.BootedAt
	if f.reportedSince(since, probe.Refused) {
		is.RefusedIn = session
	}
	if f.reportedSince(since, probe.NeedsRestart) {
		is.RestartIn = session
	}
	if f.reportedSince(since, probe.Upgrade) {
		is.UpgradeIn = session
	}
	if f.loadedFromDisk() {
		is.LoadedVersion, is.LoadedCDHash = f.loaded, f.record().CDHash
		is.RefusedIn, is.RestartIn, is.UpgradeIn = "", "", ""
	}
	return is
}

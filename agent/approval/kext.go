package approval

import "kextwatch/probe"

// replaced: the extension is allowed, but what lies on disk is not what was
// last seen loaded, or macOS says that it is another binary. From macOS 11 on,
// that needs another approval.
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

// failing: the extension was allowed before this start, was tried since, and
// macOS refused it all the same.
func (a *assessment) failing(f *kextFacts) bool {
	is := a.rememberedKext(f)
	return a.unloaded(f) && f.allowed() && is.AllowedEarlier && (a.inThisSession(is.RefusedIn) || a.inThisSession(is.RestartIn))
}

// waitsForRestart: the extension was allowed in this boot session, or macOS
// itself says that it is loaded at the next start.
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

// unloaded reports whether the extension lies on the disk and the kernel says
// that it does not run.
func (a *assessment) unloaded(f *kextFacts) bool {
	return len(f.disk) > 0 && a.snap.Loaded.Known && !f.loadedFromDisk()
}

func (a *assessment) inThisSession(session string) bool {
	return session != "" && session == a.snap.Mac.BootSession
}

// rememberedKext is what to keep of an extension: when it became allowed, what
// was loaded, and how attempts ended. Whether it was allowed before or after a
// restart that fell between two looks, nobody knows.
func (a *assessment) rememberedKext(f *kextFacts) KextMemory {
	was, known := a.before.Kexts[key(f.teamID, f.bundleID)]
	session := a.snap.Mac.BootSession
	sameSession := a.before.Look.Session == session
	restarted := !sameSession && session != "" && a.before.Look.Session != ""
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
	if f.toldSince(since, probe.Refused) {
		is.RefusedIn = session
	}
	if f.toldSince(since, probe.NeedsRestart) {
		is.RestartIn = session
	}
	if f.toldSince(since, probe.Upgrade) {
		is.UpgradeIn = session
	}
	if f.loadedFromDisk() {
		is.LoadedVersion, is.LoadedCDHash = f.loaded, f.record().CDHash
		is.RefusedIn, is.RestartIn, is.UpgradeIn = "", "", ""
	}
	return is
}

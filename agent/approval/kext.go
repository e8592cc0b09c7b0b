package approval

import (
	"cmp"
	"time"

	"kextwatch/probe"
)

// replaced reports whether the extension on disk differs from the one last seen loaded.
// From macOS 11, it needs a new approval.
func (f *kextFacts) replaced(is KextMemory) bool {
	hash := f.record().CDHash
	return f.loaded != "" ||
		is.LoadedVersion != "" && !f.onDisk(is.LoadedVersion) && !f.unread() ||
		is.LoadedCDHash != "" && hash != "" && is.LoadedCDHash != hash
}

// unknownSession stands for a boot session that was never read.
const unknownSession = "unknown"

// session returns the boot session of the Mac. If it cannot be read, it counts as
// that of the last snapshot: a restart that is not known of ends nothing.
func (a *assessment) session() string {
	return cmp.Or(a.snap.Mac.BootSession, a.before.LastRead.Session, unknownSession)
}

func (a *assessment) inThisSession(session string) bool {
	return session != "" && session == a.session()
}

// rememberedKext returns the memory of an extension: when it became allowed, what
// was loaded, and the outcomes of attempts. If the Mac restarted between two
// snapshots, it is unknown whether the approval came before or after.
func (a *assessment) rememberedKext(f *kextFacts) KextMemory {
	if f.is == nil {
		is := a.rememberKext(f)
		f.is = &is
	}
	return *f.is
}

func (a *assessment) rememberKext(f *kextFacts) KextMemory {
	is := a.before.Kexts[f.id].notAfter(a.now)
	if f.row != nil {
		is.Developer = f.row.Developer
	}
	if seen := f.record().LastSeen; !seen.IsZero() {
		is.LastSeen = second(seen)
	}
	switch {
	case !f.refused() && a.snap.Policy != nil:
		is.BlockedAt = time.Time{}
	case f.refused() && is.BlockedAt.IsZero():
		is.BlockedAt = second(a.now)
	}
	is = a.rememberApproval(f, is)
	is = a.rememberOutcomes(f, is)
	is = a.rememberVersion(f, is)
	is = a.rememberCollection(f, is)
	return a.rememberLoad(f, is)
}

// rememberApproval notes who allows an extension, and since when.
func (a *assessment) rememberApproval(f *kextFacts, is KextMemory) KextMemory {
	wasAllowed, known := is.Allowed, a.seenBefore(f)
	if a.snap.Policy != nil {
		is.Allowed, is.By, is.Payload, is.Lost, is.LostAt = f.allowed(), f.allowedBy(), f.payload, f.lost, f.lostAt
	}
	switch {
	case !is.Allowed:
		is.AllowedIn, is.AllowedEarlier, is.AllowedAt = "", false, time.Time{}
	case !wasAllowed:
		is.AllowedAt, is.RefusedIn, is.RestartIn = second(a.now), "", "" // what came before is answered
		switch read := a.before.LastRead; {
		case read.Session != a.session():
		case known && is.By != NotEnforced && read.Source.SameRows(a.snap.Policy.Source):
			is.AllowedIn = a.session() // a switch approves nothing, and another source may only know more
		case !known && is.By != ByUser:
			is.AllowedAt = second(read.At) // an attempt made it known, and nobody had to allow it
		}
	case known && a.restarted():
		is.AllowedEarlier = true
	}
	return is
}

// rememberOutcomes saves how attempts in this boot ended, and whether the agent saw the
// last of them happen.
func (a *assessment) rememberOutcomes(f *kextFacts, is KextMemory) KextMemory {
	booted, session := a.snap.Mac.BootedAt, a.session()
	since := booted
	// AllowedAt has no fractions of a second: what macOS refused in that second came before
	// the click, or may have.
	if after := is.AllowedAt.Add(time.Second); after.After(since) {
		since = after
	}
	past := f.withoutAhead(a.now) // nobody knows whether the others were before an approval
	if past.reportedSince(since, probe.Refused) {
		is.RefusedIn = session
	}
	if past.reportedSince(booted, probe.NeedsRestart) { // macOS reports this only for an allowed one
		is.RestartIn = session
	}
	if past.reportedSince(booted, probe.Upgrade) {
		is.UpgradeIn = session
	}
	if last, ok := past.lastOutcome(booted); ok && last.At.After(is.LoadedAt) {
		is.Failure, is.FailureIn = "", "" // what came before is over
		if last.Outcome.Failure() {
			is.Failure, is.FailureIn = last.Outcome, session
		}
	}
	last, read := a.lastAttempt(f), a.before.LastRead
	if last.After(is.Watched) && !last.Before(second(read.At)) && a.inThisSession(read.Session) && a.now.Sub(last) <= watchedWithin {
		is.Watched = last
	}
	return is
}

// rememberVersion notes the version on disk. Another version has not failed yet.
func (a *assessment) rememberVersion(f *kextFacts, is KextMemory) KextMemory {
	if f.besideLoaded || !f.installed() {
		is.FailedIn, is.WithoutSince = "", time.Time{}
	}
	if version := f.diskVersion(); version != "" {
		if is.DiskVersion != "" && is.DiskVersion != version {
			is.FailedIn, is.FailureIn, is.RefusedIn, is.RestartIn = "", "", "", ""
		}
		is.DiskVersion = version
	}
	return is
}

// rememberCollection notes the version in the collection, and since which boot it differs
// from the one on disk.
func (a *assessment) rememberCollection(f *kextFacts, is KextMemory) KextMemory {
	if !a.snap.Collection.Known {
		return is
	}
	is.Collected, is.CollectedIn = a.collectedVersion(f), a.session()
	switch {
	case f.compareCollected(is.Collected) != collectedOther:
		is.Differs = ""
	case is.Differs == "":
		is.Differs = is.CollectedIn
	}
	return is
}

// rememberLoad saves that the version on disk is loaded, and forgets how earlier attempts
// ended.
func (a *assessment) rememberLoad(f *kextFacts, is KextMemory) KextMemory {
	if !f.loadedFromDisk() {
		return is
	}
	is.LoadedVersion, is.LoadedCDHash = f.loaded, f.record().CDHash
	is.RefusedIn, is.RestartIn, is.UpgradeIn, is.FailureIn, is.Failure = "", "", "", "", ""
	if !a.loadedSinceAllowed(is) || is.LoadedAt.Before(a.lastAttempt(f)) || is.LoadedAt.IsZero() {
		is.LoadedAt, is.LoadedIn = second(a.now), a.session()
	}
	return is
}

// notAfter forgets times that are later than now: the clock was set back.
func (m KextMemory) notAfter(now time.Time) KextMemory {
	for _, at := range []*time.Time{&m.AllowedAt, &m.LoadedAt, &m.Watched, &m.LastSeen, &m.BlockedAt, &m.WithoutSince} {
		if ahead(*at, now) {
			*at = time.Time{}
		}
	}
	return m
}

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
	was, known := a.before.Kexts[f.id]
	was = was.notAfter(a.now)
	session := a.session()
	now := second(a.now)
	is := was
	if f.row != nil {
		is.Developer = f.row.Developer
	}
	if seen := f.record().LastSeen; !seen.IsZero() {
		is.LastSeen = second(seen)
	}
	if a.snap.Policy != nil {
		is.Allowed, is.By, is.Payload, is.Lost, is.LostAt = f.allowed(), f.allowedBy(), f.payload, f.lost, f.lostAt
	}
	switch {
	case !is.Allowed:
		is.AllowedIn, is.AllowedEarlier, is.AllowedAt = "", false, time.Time{}
	case !was.Allowed:
		is.AllowedAt, is.RefusedIn, is.RestartIn = now, "", "" // what came before is answered
		switch read := a.before.LastRead; {
		case read.Session != session:
		case known && is.By != NotEnforced && read.Source == a.snap.Policy.Source:
			is.AllowedIn = session // a switch approves nothing, and another source may only know more
		case !known && is.By != ByUser:
			is.AllowedAt = second(read.At) // an attempt made it known, and nobody had to allow it
		}
	case known && a.restarted():
		is.AllowedEarlier = true
	}
	since := a.snap.Mac.BootedAt
	if is.AllowedAt.After(since) {
		since = is.AllowedAt
	}
	if f.reportedSince(since, probe.Refused) {
		is.RefusedIn = session
	}
	if f.reportedSince(a.snap.Mac.BootedAt, probe.NeedsRestart) { // macOS says it of an allowed one
		is.RestartIn = session
	}
	if f.reportedSince(a.snap.Mac.BootedAt, probe.Upgrade) {
		is.UpgradeIn = session
	}
	last := a.lastAttempt(f)
	if last, ok := f.lastOutcome(a.snap.Mac.BootedAt); ok && last.At.After(is.LoadedAt) {
		is.Failure, is.FailureIn = "", "" // what came before is over
		if last.Outcome.Failure() {
			is.Failure, is.FailureIn = last.Outcome, session
		}
	}
	read := a.before.LastRead
	if last.After(is.Watched) && !last.Before(read.At.Truncate(time.Second)) && a.inThisSession(read.Session) && a.now.Sub(last) <= watchedWithin {
		is.Watched = last
	}
	if f.besideLoaded || !f.installed() {
		is.FailedIn, is.WithoutSince = "", time.Time{} // what is installed anew has not failed yet
	}
	if version := f.diskVersion(); version != "" {
		if was.DiskVersion != "" && was.DiskVersion != version {
			is.FailedIn, is.FailureIn, is.RefusedIn, is.RestartIn = "", "", "", ""
		}
		is.DiskVersion = version
	}
	if a.snap.Collection.Known {
		is.Collected, is.CollectedIn = a.collectedVersion(f), session
		switch {
		case is.Collected == notCollected, f.onDisk(is.Collected), f.unread():
			is.Differs = ""
		case is.Differs == "":
			is.Differs = session
		}
	}
	if f.loadedFromDisk() {
		is.LoadedVersion, is.LoadedCDHash = f.loaded, f.record().CDHash
		is.RefusedIn, is.RestartIn, is.UpgradeIn, is.FailureIn, is.Failure = "", "", "", "", ""
		if is.LoadedIn != session || is.LoadedAt.Before(last) || is.LoadedAt.Before(is.AllowedAt) || is.LoadedAt.IsZero() {
			is.LoadedAt, is.LoadedIn = now, session
		}
	}
	return is
}

// notAfter forgets times that are later than now: the clock was set back.
func (m KextMemory) notAfter(now time.Time) KextMemory {
	for _, at := range []*time.Time{&m.AllowedAt, &m.LoadedAt, &m.Watched, &m.LastSeen, &m.WithoutSince} {
		if at.Sub(now) > futureTolerance {
			*at = time.Time{}
		}
	}
	return m
}

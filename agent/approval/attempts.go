package approval

import (
	"time"

	"kextwatch/probe"
)

const (
	// An attempt whose extension is not loaded after this time has failed.
	loadTime = time.Minute

	// How long after that the list of loaded extensions is read again, until one read
	// after it arrives. A tool that hangs, or a Mac that is busy, may take long.
	listTime = 10 * time.Minute

	// The agent saw an attempt happen if it read the load history this soon after it.
	watchedWithin = 90 * time.Second
)

// lastAttempt returns the time of the last attempt in this boot to load an extension,
// whatever its outcome. It is zero if none is known.
func (a *assessment) lastAttempt(f *kextFacts) time.Time {
	var last time.Time
	seen := f.record().LastSeen
	times := []time.Time{seen}
	if !seen.IsZero() && a.scan(f, seen) != "" {
		times = nil
	}
	for _, t := range f.reported {
		times = append(times, t.At)
	}
	for _, at := range times {
		at = second(at)
		if at.After(last) && !ahead(at, a.now) && a.inThisBoot(at) {
			last = at
		}
	}
	return last
}

// inThisBoot reports whether a time is after the start of the Mac, which macOS reports
// in whole seconds. Without the time of the start, it is if the last snapshot was taken
// in this boot and before.
func (a *assessment) inThisBoot(at time.Time) bool {
	booted, read := a.snap.Mac.BootedAt, a.before.LastRead
	if booted.IsZero() {
		return !read.At.IsZero() && a.inThisSession(read.Session) && !at.Before(second(read.At))
	}
	return !at.Before(booted.Truncate(time.Second))
}

// attemptFailed reports whether the last attempt of an allowed extension in this boot
// was made long enough ago, and was not followed by a load. It counts if the agent saw
// it, or if the Mac was restarted since the approval and the extension was never seen
// loaded since. Otherwise the extension may have been loaded while nobody looked.
func (a *assessment) attemptFailed(f *kextFacts, is KextMemory) bool {
	if a.failed(is, RuleAttemptFailed) {
		return true
	}
	last := a.lastAttempt(f)
	if last.IsZero() || last.Before(is.AllowedAt) || f.besideLoaded || !is.LoadedAt.Before(last) || !a.loadedListSince(last.Add(loadTime)) {
		return false
	}
	if !is.Watched.Equal(last) && !(is.AllowedEarlier && is.LoadedAt.Before(is.AllowedAt)) {
		return false
	}
	f.is.FailedIn, f.is.FailedBy = a.session(), RuleAttemptFailed
	return true
}

// loadedListSince reports whether the list of loaded extensions was read, not before a
// time. Until then it is read again.
func (a *assessment) loadedListSince(over time.Time) bool {
	read := a.snap.Loaded.ReadAt
	if read.IsZero() {
		read = a.now
	}
	if !a.snap.Loaded.Known || !read.Round(0).Before(over) {
		return a.snap.Loaded.Known
	}
	if a.now.Before(over) {
		a.due(over)
	}
	a.status.Loading = a.status.Loading || a.now.Before(over.Add(listTime))
	return false
}

// watchLoad requests the list of loaded extensions again, for a minute after an attempt to
// load an allowed extension: no event reports the load.
func (a *assessment) watchLoad(f *kextFacts) {
	if last := a.lastAttempt(f); !last.IsZero() && f.allowed() && !f.loadedFromDisk() && a.now.Before(last.Add(loadTime)) {
		a.due(last.Add(loadTime))
		a.status.Loading = true
	}
}

// asking reports whether an attempt to load an extension was made within the length of
// a window, and neither a load nor a blocked row answers it.
func (a *assessment) asking(f *kextFacts) bool {
	last := a.lastAttempt(f)
	boot := a.snap.Boot
	mayNotHelp := a.silicon() && (boot.External == probe.Yes || boot.Virtual == probe.Yes) // only a refusal tells
	if last.IsZero() || f.refused() && !mayNotHelp || f.loadedFromDisk() || !a.rememberedKext(f).LoadedAt.Before(last) {
		return false
	}
	over := last.Add(WindowLength)
	if !a.now.Before(over) {
		return false
	}
	a.due(over)
	return true
}

// due notes when the status can change without an event.
func (a *assessment) due(at time.Time) {
	if a.status.DueAt.IsZero() || at.Before(a.status.DueAt) {
		a.status.DueAt = at
	}
}

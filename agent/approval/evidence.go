package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

const (
	// seenWithin is how old the look before may be for a new row to be dated
	// by it.
	seenWithin = 90 * time.Second

	// futureTolerance is how far ahead of the clock a last_seen may lie.
	futureTolerance = 2 * time.Minute

	// From macOS 11 on, last_seen also moves when macOS scans the installed
	// extensions, 3 to 4 seconds after start-up and at other times, for the
	// extensions of every team at once.
	scanWithin  = 2 * time.Second
	bootScanFor = 2 * time.Minute
)

// evidence returns the newest load attempt of a refused extension that the
// facts name, and whether they prove it. One that is not proved is not asked
// about again; one without a time is not worth remembering.
func (a *assessment) evidence(f *kextFacts) (attempt Attempt, proved bool) {
	attempt = Attempt{BundleID: f.bundleID}
	lastSeen := f.record().LastSeen
	if lastSeen.Sub(a.now) > futureTolerance {
		a.fire(RuleFuture, f.bundleID)
		lastSeen = time.Time{}
	}
	if earlier, ok := a.newSince(f); ok {
		attempt.Evidence, attempt.At = Seen, earlier
		if !lastSeen.Before(earlier) {
			attempt.At = lastSeen.UTC().Truncate(time.Second)
		}
		a.fire(RuleSeen, f.bundleID)
		return attempt, true
	}
	if lastSeen.IsZero() {
		return attempt, false
	}
	attempt.Evidence, attempt.At = LoadHistory, lastSeen.UTC().Truncate(time.Second)
	if a.isScan(f, lastSeen) {
		return attempt, false
	}
	a.fire(RuleLoadHistory, f.bundleID)
	return attempt, true
}

// newSince returns the time of the look before, if that look was good, recent
// and at the same source, and did not have this refused row.
func (a *assessment) newSince(f *kextFacts) (time.Time, bool) {
	look := a.before.Look
	if look.At.IsZero() || look.Source != a.snap.Policy.Source {
		return time.Time{}, false
	}
	// A sleeping Mac stops the monotonic clock and a correction moves the
	// wall clock: both have to agree that it was a moment ago.
	for _, ago := range []time.Duration{a.now.Sub(look.At), a.now.Round(0).Sub(look.At.Round(0))} {
		if ago < 0 || ago > seenWithin {
			return time.Time{}, false
		}
	}
	if slices.Contains(look.Blocked, key(f.teamID, f.bundleID)) {
		return time.Time{}, false
	}
	return look.At.Round(0).UTC().Truncate(time.Second), true
}

// isScan reports whether a last_seen is more likely macOS looking over the
// installed extensions than an attempt to load one.
func (a *assessment) isScan(f *kextFacts, lastSeen time.Time) bool {
	if !a.snap.Mac.OS.AtLeast(11, 0) {
		return false
	}
	if booted := a.snap.Mac.BootedAt; !booted.IsZero() && !lastSeen.Before(booted) && lastSeen.Sub(booted) <= bootScanFor {
		a.fire(RuleAtBoot, f.bundleID)
		return true
	}
	shared := slices.ContainsFunc(a.snap.Policy.History, func(r probe.LoadRecord) bool {
		return r.TeamID != f.teamID && !r.LastSeen.IsZero() && r.LastSeen.Sub(lastSeen).Abs() <= scanWithin
	})
	if shared {
		a.fire(RuleScan, f.bundleID)
	}
	return shared
}

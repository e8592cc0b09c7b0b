package approval

import (
	"time"

	"kextwatch/probe"
)

const (
	// seenWithin is the maximum age of the previous snapshot whose time can date
	// a new row.
	seenWithin = 90 * time.Second

	// futureTolerance is how far ahead of the clock an attempt may be.
	futureTolerance = 2 * time.Minute

	// From macOS 11, last_seen also moves when macOS scans the installed
	// extensions: 3 to 4 seconds after the start and at other times. A scan
	// moves the extensions of every team at once.
	scanWithin  = 2 * time.Second
	bootScanFor = 2 * time.Minute
)

// evidence returns the load attempts of a refused extension that the facts
// prove. dismissed holds times that look like an attempt but are not. We remember
// them so that they stay dismissed after the evidence disappears.
func (a *assessment) evidence(f *kextFacts) (proved, dismissed []Attempt) {
	proved = a.reported(f)
	if a.unanswered(f) {
		return proved, nil
	}
	attempt := Attempt{BundleID: f.bundleID}
	lastSeen := f.record().LastSeen
	if ahead(lastSeen, a.now) {
		a.fire(RuleFuture, f.bundleID)
		lastSeen = time.Time{}
	}
	if earlier, ok := a.newSince(f); ok {
		attempt.Evidence, attempt.At = Seen, earlier
		if !lastSeen.Before(earlier) {
			attempt.At = second(lastSeen)
		}
		a.fire(RuleSeen, f.bundleID)
		return append(proved, attempt), nil
	}
	if lastSeen.IsZero() {
		return proved, nil
	}
	attempt.Evidence, attempt.At = LoadHistory, second(lastSeen)
	if rule := a.scan(f, lastSeen); rule != "" {
		a.fire(rule, f.bundleID)
		return proved, []Attempt{attempt}
	}
	was, known := a.before.Kexts[f.id]
	if f.overruled && !known && a.now.Sub(lastSeen) > WindowLength || // it may have been loaded then
		a.sawBefore(f, lastSeen) && (was.Allowed && was.By != NotEnforced || !was.LoadedAt.Before(attempt.At)) { // it was allowed then, or loaded
		return proved, []Attempt{attempt}
	}
	a.fire(RuleLoadHistory, f.bundleID)
	return append(proved, attempt), nil
}

// reported returns the attempts from the log and from our own retry. If the policy
// says that the extension is refused, the outcome of an attempt does not matter.
// Without a policy only a refusal counts.
func (a *assessment) reported(f *kextFacts) []Attempt {
	var attempts []Attempt
	for _, t := range f.reported {
		if t.At.IsZero() || t.Outcome == probe.Permitted || t.Outcome == probe.NeedsRestart || t.Outcome.Failure() {
			continue
		}
		if a.unanswered(f) && t.Outcome != probe.Refused {
			continue
		}
		if ahead(t.At, a.now) {
			a.fire(RuleFuture, f.bundleID)
			continue
		}
		attempts = append(attempts, Attempt{At: second(t.At), Evidence: Basis(t.From), BundleID: f.bundleID})
	}
	if len(attempts) > 0 {
		a.fire(RuleReported, f.bundleID)
	}
	return attempts
}

// newSince returns the time of the previous snapshot if that snapshot was good,
// recent and from the same source, and did not have this refused row.
func (a *assessment) newSince(f *kextFacts) (time.Time, bool) {
	last := a.before.LastRead
	if last.At.IsZero() || last.Source != a.snap.Policy.Source {
		return time.Time{}, false
	}
	at := last.At
	if unchanged := a.snap.QuietUntil; unchanged.After(at) && !unchanged.After(a.now) {
		at = unchanged // nothing changed between that snapshot and this time
	}
	// A sleeping Mac stops the monotonic clock, and a correction moves the wall
	// clock. Both must agree that the snapshot is recent.
	read := a.readAt()
	for _, ago := range []time.Duration{read.Sub(at), read.Round(0).Sub(at.Round(0))} {
		if ago < 0 || ago > seenWithin {
			return time.Time{}, false
		}
	}
	if a.index.blocked[f.id] || a.before.Kexts[f.id].Allowed {
		return time.Time{}, false // a changed row alone is no attempt
	}
	return second(at), true
}

// readAt returns when the policy was read from macOS. A source that publishes
// what it read earlier has an earlier time than now.
func (a *assessment) readAt() time.Time {
	at := a.snap.Policy.ReadAt
	if at.IsZero() || !at.Before(a.now.Round(0)) {
		return a.now
	}
	return a.now.Add(at.Sub(a.now.Round(0))) // keep the monotonic reading
}

// scan returns the rule by which a last_seen more likely comes from a scan by macOS
// than from a load attempt, or "". A row that was not there before the restart comes
// from an attempt. So does one that a snapshot between the start and the last_seen did
// not have: a scan would have moved its time alone.
func (a *assessment) scan(f *kextFacts, lastSeen time.Time) Rule {
	isNew := a.newRow(f)
	if !a.snap.Mac.OS.AtLeast(11, 0) || isNew && a.restarted() {
		return ""
	}
	booted := a.snap.Mac.BootedAt
	atBoot := !booted.IsZero() && !lastSeen.Before(booted) && lastSeen.Sub(booted) <= bootScanFor
	last := a.before.LastRead.At
	isNewSince := isNew && !last.Before(booted) && !lastSeen.Before(second(last))
	if atBoot && !isNewSince {
		return RuleAtBoot
	}
	if a.index.loads.otherTeam(f.teamID, lastSeen.Add(-scanWithin), lastSeen.Add(scanWithin)) {
		return RuleScan
	}
	return ""
}

// sawBefore reports whether the last snapshot already had this last_seen. macOS may
// write it a moment after the attempt, so its time is compared only if the memory, which
// an earlier version saved, does not have it.
func (a *assessment) sawBefore(f *kextFacts, lastSeen time.Time) bool {
	if was := a.before.Kexts[f.id].LastSeen; !was.IsZero() {
		return !lastSeen.Truncate(time.Second).After(was)
	}
	return lastSeen.Before(a.before.LastRead.At.Truncate(time.Second))
}

// newRow reports whether the refused row of an extension is new since the last snapshot.
func (a *assessment) newRow(f *kextFacts) bool {
	last := a.before.LastRead
	return f.refused() && !last.At.IsZero() && last.Source.SameRows(a.snap.Policy.Source) && !a.index.blocked[f.id] && !a.before.Kexts[f.id].Allowed
}

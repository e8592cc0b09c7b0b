package mac

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

// readPolicy reads the policy from the best source that answers: Apple's
// database, the rows that the root reader published, or macOS's own framework.
// The first two are files and are read every time. The framework is a program,
// which is run only if its answer may have changed (see framework.Cache). If a
// better source answers, only a fresh snapshot queries the framework, to compare
// the two.
//
// It also reads the sources that were tried, best first, and how two sources that
// both answered differ. The policy is nil if no source answered.
//
// While the database is being written, no other source is queried: the database
// can be read again in a moment, and after a change of source the last snapshot
// cannot be compared with this one.
func (p *Prober) readPolicy(ctx context.Context, s *shot) {
	f := &p.framework
	f.Stat(s.mac, cmp.Or(p.app, probe.ParallelsApp))
	best, database := policy.ReadDatabase(ctx, s.mac, s.now)
	published, reader := p.readPublished(s)
	best, published = withKextIDs(best), withKextIDs(published)
	sources := []probe.Source{database, reader}
	busy := database.State == probe.Busy
	p.reader.InUse = best == nil && !busy && published != nil
	if p.reader.InUse {
		best = published
	}
	if best != nil && len(best.Rows) > 0 {
		f.NoteRows()
	}
	reachable := !p.mac.NoTools
	needed := best == nil && !busy && reachable
	f.Need(needed)
	p.compare = p.compare || s.how.Fresh
	if !s.held {
		compared := p.compare && !needed && reachable && best != nil && mayDiffer(s.snap.Mac, best)
		p.compare = false
		switch {
		case needed && f.Due(s.now, s.how.Fresh), compared && f.Due(s.now, false):
			p.queryFramework(s)
		case needed && s.how.Fresh:
			f.Invalidate() // too early for a query now; a later snapshot makes it
		}
	}
	if f.Running() {
		s.snap.Pending = true
	}
	answer, source := f.Answer()
	answer = withKextIDs(answer)
	switch {
	case needed:
		if source.Name == "" {
			source = framework.NotYet
		}
		best, sources = answer, append(sources, source)
	case reachable && best != nil:
		if source.Name != "" {
			sources = append(sources, source)
		}
		s.snap.Disagree = disagree(best, withKextIDs(f.Comparable(s.mac, best)))
	}
	if best != nil {
		// macOS runs nothing from a Trash or a backup: such a time is no load attempt.
		best.History = slices.DeleteFunc(slices.Clone(best.History), func(r probe.LoadRecord) bool { return root.Discarded(r.Path) })
	}
	s.snap.Policy, s.snap.Sources = best, sources
	if best != nil && best.HistoryErr != "" {
		s.missing(historyGap(best.HistoryErr, s.snap.Mac.Offline))
	}
}

// withKextIDs returns the policy with bundle IDs that can be shown. It does not change p.
func withKextIDs(p *probe.Policy) *probe.Policy {
	if p == nil {
		return nil
	}
	named := *p
	named.Rows, named.MDM, named.History = slices.Clone(p.Rows), slices.Clone(p.MDM), slices.Clone(p.History)
	for i := range named.Rows {
		named.Rows[i].BundleID = probe.KextID(named.Rows[i].BundleID)
	}
	for i := range named.MDM {
		named.MDM[i].BundleID = probe.KextID(named.MDM[i].BundleID)
	}
	for i := range named.History {
		named.History[i].BundleID = probe.KextID(named.History[i].BundleID)
	}
	return &named
}

// mayDiffer reports whether a policy has anything in which two sources can differ.
// On Apple silicon it may have nothing, because Parallels uses no kexts there.
func mayDiffer(m probe.Mac, policy *probe.Policy) bool {
	snap := probe.Snapshot{Mac: m, Policy: policy}
	return m.Arch != probe.AppleSilicon || snap.AnyMatters()
}

// historyGap is the missing fact if the load history does not have all times.
func historyGap(reason string, offline bool) probe.Gap {
	next := "Look for a newer kextwatch that supports this macOS."
	if !offline {
		next += " Until then `kextwatch run` follows the macOS log, which only an administrator may read."
	}
	return probe.NewGap(probe.FactLoadHistory,
		errors.New("the load history of macOS has another form ("+reason+"), so an Allow button may be there that kextwatch cannot see"), next)
}

// queryFramework starts a query of the framework.
func (p *Prober) queryFramework(s *shot) {
	ctx, m := s.ctx, p.mac
	q := p.framework.Begin(s.now, s.how.Fresh)
	s.queries.start(func() func() {
		a := q.Run(ctx, m)
		return func() { p.framework.End(q, a) }
	})
}

// disagree describes in one sentence how two answers differ about the kexts that are
// allowed and not Apple's. It returns "" if they agree or one is missing. Kexts that a
// profile allows are left out, because the framework does not report profiles.
func disagree(one, other *probe.Policy) string {
	if one == nil || other == nil {
		return ""
	}
	managed := map[kextName]bool{}
	for _, row := range slices.Concat(one.MDM, other.MDM) {
		if row.Allowed {
			managed[kextName{row.TeamID, row.BundleID}] = true
		}
	}
	var differing []string
	compare := func(from, to *probe.Policy) {
		allowed := map[kextName]bool{}
		for _, row := range to.Rows {
			if row.Allowed {
				allowed[kextName{row.TeamID, row.BundleID}] = true
			}
		}
		for _, row := range from.Rows {
			kext := kextName{row.TeamID, row.BundleID}
			if row.Allowed && !probe.FromApple(row.BundleID) && !allowed[kext] && !managed[kext] && !managed[kextName{row.TeamID, ""}] {
				differing = append(differing, fmt.Sprintf("%s is allowed by the %s, not by the %s", probe.Printable(row.BundleID), from.Source, to.Source))
			}
		}
	}
	compare(one, other)
	compare(other, one)
	slices.Sort(differing)
	differing = slices.Compact(differing) // unsigned kexts may have two rows
	const most = 4                        // Parallels has four kexts
	if more := len(differing) - most; more > 0 {
		differing = append(differing[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(differing, "; ")
}

// readPublished reads the policy that the root reader published.
func (p *Prober) readPublished(s *shot) (*probe.Policy, probe.Source) {
	published, r := policy.SnapshotReader(s.mac), &p.reader
	r.Booted = s.snap.Mac.BootedAt
	pending := s.starting
	if published.NeedsWakeTime(s.now) {
		// The wake time only matters after a long time without a run.
		p.wake.stale = p.wake.stale || p.wake.valid && !p.wake.running && !policy.Recent(p.wake.began, s.now)
		woke, _ := answer(s, &p.wake, struct{}{}, nil, func(ctx context.Context) (time.Time, []probe.Gap) {
			return readWakeTime(ctx, p.mac), nil
		})
		r.Woke, r.WokeReadAt = woke, p.wake.began
		pending = pending || p.wake.running
	}
	woke := r.Woke
	if pending {
		r.Woke = s.now // the Mac may have just woken: do not call the reader stopped
	}
	r.Update(published, s.now)
	rows, source := published.Policy(s.now, *r)
	r.Woke = woke
	return rows, source
}

package mac

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/policy"
)

// readPolicy reads the policy from the best source that answers: Apple's
// database, the rows that the root reader published, or macOS's own framework.
// The first two are files and are read every time. The framework is a program,
// which is run only if its answer may have changed (see framework.Cache). If a
// better source answers, only a fresh snapshot queries the framework, to compare
// the two.
//
// readPolicy also returns the sources that were tried, best first, and how two
// sources that both answered differ. The policy is nil if no source answered.
//
// While the database is being written, no other source is queried: the database
// can be read again in a moment, and after a change of source the last snapshot
// cannot be compared with this one. The framework is not queried on Apple
// silicon, where Parallels has no kexts.
func (p *Prober) readPolicy(ctx context.Context, mac probe.Mac, now time.Time, fresh bool) (*probe.Policy, []probe.Source, string) {
	f := &p.framework
	f.Stat(p.mac)
	best, database := policy.ReadDatabase(ctx, p.mac, p.temp, now)
	published, reader := p.readPublished(ctx, mac.BootedAt, now)
	sources := []probe.Source{database, reader}
	busy := database.State == probe.Busy
	p.reader.InUse = best == nil && !busy && published != nil
	if p.reader.InUse {
		best = published
	}
	if best != nil && len(best.Rows) > 0 {
		f.NoteRows()
	}
	reachable := !p.mac.NoTools && mac.Arch != probe.AppleSilicon
	needed := best == nil && !busy && reachable
	f.Need(needed)
	switch {
	case needed && f.Due(now, fresh):
		answer, source := f.Query(ctx, p.mac, now, fresh)
		return answer, append(sources, source), ""
	case needed:
		if fresh {
			f.Invalidate() // too early for a query now; the next snapshot makes it
		}
		answer, source := f.Answer()
		return answer, append(sources, source), ""
	case !reachable || best == nil:
		return best, sources, ""
	}
	if fresh && f.Due(now, false) {
		f.Query(ctx, p.mac, now, fresh)
	}
	if _, source := f.Answer(); source.Name != "" {
		sources = append(sources, source)
	}
	return best, sources, disagree(best, f.Comparable(p.mac, best))
}

// disagree describes in one sentence how two answers differ about the kexts of
// Parallels that are allowed. It returns "" if they agree or one is missing.
// Kexts that a profile allows are left out, because the framework does not
// report profiles.
func disagree(one, other *probe.Policy) string {
	if one == nil || other == nil {
		return ""
	}
	managed := func(bundle string) bool {
		return slices.ContainsFunc(slices.Concat(one.MDM, other.MDM), func(row probe.MDMRow) bool {
			return row.Allowed && row.TeamID == probe.ParallelsTeamID && (row.BundleID == "" || row.BundleID == bundle)
		})
	}
	var differing []string
	compare := func(from, to *probe.Policy) {
		for _, row := range from.Rows {
			if row.Allowed && fromParallels(row.TeamID, row.BundleID) && !managed(row.BundleID) && !allows(to, row) {
				differing = append(differing, fmt.Sprintf("%s is allowed by the %s, not by the %s", probe.Printable(row.BundleID), from.Source, to.Source))
			}
		}
	}
	compare(one, other)
	compare(other, one)
	if len(differing) == 0 {
		return ""
	}
	slices.Sort(differing)
	const most = 4 // Parallels has four kexts
	return strings.Join(differing[:min(len(differing), most)], "; ")
}

func allows(p *probe.Policy, row probe.PolicyRow) bool {
	return slices.ContainsFunc(p.Rows, func(r probe.PolicyRow) bool {
		return r.Allowed && r.TeamID == row.TeamID && r.BundleID == row.BundleID
	})
}

// readPublished reads the policy that the root reader published.
func (p *Prober) readPublished(ctx context.Context, booted, now time.Time) (*probe.Policy, probe.Source) {
	s, r := policy.SnapshotReader(p.mac), &p.reader
	r.Booted = booted
	if s.NeedsWakeTime(now) && !policy.Recent(r.WokeReadAt, now) {
		// The wake time only matters after a long time without a run.
		if woke := readWakeTime(ctx, p.mac); ctx.Err() == nil {
			r.Woke, r.WokeReadAt = woke, now
		}
	}
	r.Update(s)
	return s.Policy(now, *r)
}

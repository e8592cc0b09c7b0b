package mac

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/policy"
)

// lookAtPolicy reads the policy from the best source that answers: Apple's
// database, what the root reader published of it, macOS's own framework. The
// first two are files and read each time; the framework is a program to run,
// and is run only when its answer may have changed (see asking). Where a better
// source answers, it is asked to compare the two, and only by a fresh look.
//
// The sources that were tried come with it, best first, and how two of them
// that both answered differ. The policy is nil where none answered.
//
// A database that is being written is no reason to ask a lesser source: in a
// moment it can be read again, and each change of source costs the look before
// to compare with. Nor is anything asked on Apple silicon, where Parallels has
// no kernel extensions.
func (p *Prober) lookAtPolicy(ctx context.Context, now time.Time, fresh bool) (*probe.Policy, []probe.Source, string) {
	a := &p.asking
	a.Seen = framework.StampPolicy(p.mac)
	best, database := policy.ReadDatabase(ctx, p.mac, p.temp, now)
	published, reader := p.readPublished(ctx, now)
	sources := []probe.Source{database, reader}
	busy := database.State == probe.Busy
	p.reader.Serves = best == nil && !busy && published != nil
	if p.reader.Serves {
		best = published
	}
	a.Rows = a.Rows || best != nil && len(best.Rows) > 0
	reachable := !p.mac.NoTools && p.machine.mac.Arch != probe.AppleSilicon
	a.Wanted = best == nil && !busy && reachable
	switch {
	case a.Wanted && a.Due(now, fresh):
		answer, source := a.Query(ctx, p.mac, now, fresh)
		return answer, append(sources, source), ""
	case a.Wanted:
		a.Hinted = a.Hinted || fresh // too early now, but not forgotten
		answer, source := a.Answer()
		return answer, append(sources, source), ""
	case !reachable || best == nil:
		return best, sources, ""
	}
	if fresh && a.Due(now, false) {
		a.Query(ctx, p.mac, now, fresh)
	}
	if a.Source.Name != "" {
		sources = append(sources, a.Source)
	}
	return best, sources, p.disagreement(best)
}

// disagreement compares what a better source answered at this look with the
// framework's answer, where both are about the same state of the policy.
func (p *Prober) disagreement(better *probe.Policy) string {
	a := p.asking
	stale := better.Source == probe.Reader && a.Seen.MovedSince(better.ReadAt)
	if stale || a.Stamp != a.Seen || framework.StampPolicy(p.mac) != a.Seen {
		return ""
	}
	return disagree(better, a.Policy)
}

// disagree says in one sentence how two answers differ in what they allow of
// Parallels; empty where they do not, or one is missing. What a profile allows
// is left out: the framework does not tell profiles apart.
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
	const named = 4 // as many as Parallels has
	return strings.Join(differing[:min(len(differing), named)], "; ")
}

func allows(p *probe.Policy, row probe.PolicyRow) bool {
	return slices.ContainsFunc(p.Rows, func(r probe.PolicyRow) bool {
		return r.Allowed && r.TeamID == row.TeamID && r.BundleID == row.BundleID
	})
}

// ReadPublished reads the policy that the root reader published.
func (p *Prober) readPublished(ctx context.Context, now time.Time) (*probe.Policy, probe.Source) {
	s, r := policy.ReadState(p.mac), &p.reader
	r.Booted = p.machine.mac.BootedAt
	if s.Recorded && !policy.Recent(s.Run.At, now) && !policy.Recent(r.WokeAsked, now) {
		// While the reader runs, nobody has to know, and no tool is started.
		if woke := readWakeTime(ctx, p.mac); ctx.Err() == nil {
			r.Woke, r.WokeAsked = woke, now
		}
	}
	r.Note(s)
	return s.Judge(now, *r)
}

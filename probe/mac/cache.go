package mac

import (
	"context"
	"slices"
	"time"

	"kextwatch/probe"
)

const (
	// Where stat is refused nothing tells that the policy moved.
	blindAsking = 15 * time.Minute

	// A commit can become visible after the last change of a file. An answer
	// given sooner than this after one may lack it.
	visibleAfter = 100 * time.Millisecond

	// Of a burst of changes three looks come (see burst). Where files go on
	// moving and the answer stays the same, the askings may themselves be what
	// moves them: then they come less and less often.
	freeAskings = 3
	slowestBusy = time.Minute
	calmAfter   = 5 * time.Minute
)

// failedAskings are the pauses after one, two and more askings in a row
// without an answer. One that hangs holds up a look for as long as a tool may
// take. Whoever asks, and a file that moved, wait for no more than the first.
var failedAskings = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// asking is what the framework answered when it was asked last, and what
// decides when to ask it again.
type asking struct {
	wanted bool        // no better source answered at the last look
	hinted bool        // somebody says that the answer may have changed
	seen   policyStamp // at the last look
	rows   bool        // some source has told of rows

	at      time.Time   // of the last asking; zero: never
	stamp   policyStamp // just before it
	settled bool        // no file had moved just before it
	policy  *probe.Policy
	source  probe.Source
	failed  int // askings in a row without an answer
	same    int // askings in a row that brought nothing new, because files moved
}

// in returns how long after now a snapshot must be taken for the framework to
// be queried in time. It returns false where it is not queried by itself,
// because a better source answers or stat tells when the policy changes.
func (a asking) in(now time.Time) (time.Duration, bool) {
	if !a.wanted || a.at.IsZero() {
		return 0, false
	}
	pause, asks := a.pause(false)
	return max(pause-a.ago(now), visibleAfter), asks
}

// due reports whether to ask at now, with the stamp of this look seen.
func (a asking) due(now time.Time, fresh bool) bool {
	if a.at.IsZero() {
		return true
	}
	pause, asks := a.pause(fresh)
	return asks && a.ago(now) >= pause
}

// pause is how long after the last asking the next one comes; false: not
// before something happens.
func (a asking) pause(fresh bool) (time.Duration, bool) {
	hinted := fresh || a.hinted
	moved := a.seen != a.stamp || !a.settled
	switch {
	case a.failed > 0 && (hinted || moved):
		return failedAskings[0], true
	case a.failed > 0:
		return failedAskings[min(a.failed, len(failedAskings))-1], true
	case hinted:
		return 0, true
	case moved && a.same < freeAskings:
		return 0, true
	case moved:
		return min(time.Second<<min(a.same-freeAskings, 10), slowestBusy), true
	case !a.seen.told:
		return blindAsking, true
	}
	return 0, false
}

// ago is how long ago the last asking was. The wall clock decides, because the
// other one stands still while a Mac sleeps; where it was set back, the time
// is not known and counts as long.
func (a asking) ago(now time.Time) time.Duration {
	ago := now.Round(0).Sub(a.at.Round(0))
	if ago < 0 {
		return blindAsking
	}
	return ago
}

// query asks the framework, and keeps the answer unless ctx ended meanwhile.
func (a *asking) query(ctx context.Context, m Mac, now time.Time, fresh bool) (*probe.Policy, probe.Source) {
	settled := a.seen.settled(time.Now())
	policy, source := readFramework(ctx, m, now)
	if ctx.Err() != nil {
		return nil, source
	}
	// macOS keeps its rows. None at all, after there were some, is what a
	// caller might get whom it does not want to answer.
	if policy != nil && len(policy.Rows) == 0 && a.rows {
		policy, source = nil, frameworkProblem(errNoRows)
	}
	switch {
	case fresh || a.hinted || a.ago(now) >= calmAfter || !sameAnswer(a.policy, policy):
		a.same = 0
	default:
		a.same++
	}
	switch source.State {
	case probe.Timeout, probe.Failed:
		a.failed++
	default: // what this macOS does not have, it will not have in a minute
		a.failed = 0
	}
	a.at, a.stamp, a.settled, a.hinted = now, a.seen, settled, false
	a.policy, a.source, a.rows = policy, source, a.rows || policy != nil && len(policy.Rows) > 0
	return a.answer()
}

// answer is the last answer, apart from the one that is remembered.
func (a asking) answer() (*probe.Policy, probe.Source) {
	if a.policy == nil {
		return nil, a.source
	}
	policy := *a.policy
	policy.Rows = slices.Clone(policy.Rows)
	return &policy, a.source
}

func sameAnswer(a, b *probe.Policy) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Rows, b.Rows)
}

// policyFiles move when the policy may have: when it is written, and when
// Parallels is installed or updated.
var policyFiles = [...]string{
	probe.PolicyFolder + "/KextPolicy",
	probe.PolicyFolder + "/KextPolicy-wal",
	probe.PolicyFolder + "/KextPolicy-journal",
	probe.ParallelsApp + "/Contents/Info.plist",
}

// stampPolicy is what stat says about policyFiles. It needs no right to read
// them, only to enter their folder.
type policyStamp struct {
	told  bool // stat answers for the policy
	files [len(policyFiles)]stamp
}

func stampPolicy(m Mac) policyStamp {
	var s policyStamp
	for i, name := range policyFiles {
		info, err := m.stat(name)
		if err == nil {
			s.files[i] = stampOf(info)
		}
		if i == 0 {
			s.told = err == nil || absent(err)
		}
	}
	return s
}

// settled reports that nothing moved just before now.
func (s policyStamp) settled(now time.Time) bool {
	return !slices.ContainsFunc(s.files[:], func(f stamp) bool {
		ago := now.Sub(time.Unix(0, f.modified))
		return ago >= 0 && ago < visibleAfter
	})
}

// movedSince reports that the policy was written after t, as far as stat
// tells; where it does not, it may have been.
func (s policyStamp) movedSince(t time.Time) bool {
	return !s.told || slices.ContainsFunc(s.files[:], func(f stamp) bool {
		return f != stamp{} && time.Unix(0, f.modified).After(t)
	})
}

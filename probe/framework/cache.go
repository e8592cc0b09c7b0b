package framework

import (
	"context"
	"slices"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	// Where stat is refused nothing tells that the policy moved.
	blindAsking = 15 * time.Minute

	// A commit can become visible after the last change of a file. An answer
	// given sooner than this after one may lack it.
	VisibleAfter = 100 * time.Millisecond

	// Of a burst of changes three looks come (see burst). Where files go on
	// moving and the answer stays the same, the askings may themselves be what
	// moves them: then they come less and less often.
	freeAskings = 3
	SlowestBusy = time.Minute
	calmAfter   = 5 * time.Minute
)

// failedAskings are the pauses after one, two and more askings in a row
// without an answer. One that hangs holds up a look for as long as a tool may
// take. Whoever asks, and a file that moved, wait for no more than the first.
var failedAskings = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// Cache is what the framework answered when it was asked last, and what
// decides when to ask it again.
type Cache struct {
	Wanted bool        // no better source answered at the last look
	Hinted bool        // somebody says that the answer may have changed
	Seen   PolicyStamp // at the last look
	Rows   bool        // some source has told of rows

	At      time.Time   // of the last asking; zero: never
	Stamp   PolicyStamp // just before it
	Settled bool        // no file had moved just before it
	Policy  *probe.Policy
	Source  probe.Source
	failed  int // askings in a row without an answer
	same    int // askings in a row that brought nothing new, because files moved
}

// In returns how long after now a snapshot must be taken for the framework to
// be queried in time. It returns false where it is not queried by itself,
// because a better source answers or stat tells when the policy changes.
func (a Cache) In(now time.Time) (time.Duration, bool) {
	if !a.Wanted || a.At.IsZero() {
		return 0, false
	}
	pause, asks := a.pause(false)
	return max(pause-a.ago(now), VisibleAfter), asks
}

// Due reports whether to ask at now, with the stamp of this look seen.
func (a Cache) Due(now time.Time, fresh bool) bool {
	if a.At.IsZero() {
		return true
	}
	pause, asks := a.pause(fresh)
	return asks && a.ago(now) >= pause
}

// pause is how long after the last asking the next one comes; false: not
// before something happens.
func (a Cache) pause(fresh bool) (time.Duration, bool) {
	hinted := fresh || a.Hinted
	moved := a.Seen != a.Stamp || !a.Settled
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
		return min(time.Second<<min(a.same-freeAskings, 10), SlowestBusy), true
	case !a.Seen.told:
		return blindAsking, true
	}
	return 0, false
}

// ago is how long ago the last asking was. The wall clock decides, because the
// other one stands still while a Mac sleeps; where it was set back, the time
// is not known and counts as long.
func (a Cache) ago(now time.Time) time.Duration {
	ago := now.Round(0).Sub(a.At.Round(0))
	if ago < 0 {
		return blindAsking
	}
	return ago
}

// Query asks the framework, and keeps the answer unless ctx ended meanwhile.
func (a *Cache) Query(ctx context.Context, m root.FS, now time.Time, fresh bool) (*probe.Policy, probe.Source) {
	settled := a.Seen.Settled(time.Now())
	policy, source := Read(ctx, m, now)
	if ctx.Err() != nil {
		return nil, source
	}
	// macOS keeps its rows. None at all, after there were some, is what a
	// caller might get whom it does not want to answer.
	if policy != nil && len(policy.Rows) == 0 && a.Rows {
		policy, source = nil, frameworkProblem(errNoRows)
	}
	switch {
	case fresh || a.Hinted || a.ago(now) >= calmAfter || !sameAnswer(a.Policy, policy):
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
	a.At, a.Stamp, a.Settled, a.Hinted = now, a.Seen, settled, false
	a.Policy, a.Source, a.Rows = policy, source, a.Rows || policy != nil && len(policy.Rows) > 0
	return a.Answer()
}

// Answer is the last answer, apart from the one that is remembered.
func (a Cache) Answer() (*probe.Policy, probe.Source) {
	if a.Policy == nil {
		return nil, a.Source
	}
	policy := *a.Policy
	policy.Rows = slices.Clone(policy.Rows)
	return &policy, a.Source
}

func sameAnswer(a, b *probe.Policy) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Rows, b.Rows)
}

// PolicyFiles move when the policy may have: when it is written, and when
// Parallels is installed or updated.
var PolicyFiles = [...]string{
	probe.PolicyFolder + "/KextPolicy",
	probe.PolicyFolder + "/KextPolicy-wal",
	probe.PolicyFolder + "/KextPolicy-journal",
	probe.ParallelsApp + "/Contents/Info.plist",
}

// StampPolicy is what stat says about PolicyFiles. It needs no right to read
// them, only to enter their folder.
type PolicyStamp struct {
	told  bool // stat answers for the policy
	Files [len(PolicyFiles)]root.Stamp
}

func StampPolicy(m root.FS) PolicyStamp {
	var s PolicyStamp
	for i, name := range PolicyFiles {
		info, err := m.Stat(name)
		if err == nil {
			s.Files[i] = root.StampOf(info)
		}
		if i == 0 {
			s.told = err == nil || root.NotExist(err)
		}
	}
	return s
}

// Settled reports that nothing moved just before now.
func (s PolicyStamp) Settled(now time.Time) bool {
	return !slices.ContainsFunc(s.Files[:], func(f root.Stamp) bool {
		ago := now.Sub(time.Unix(0, f.Modified))
		return ago >= 0 && ago < VisibleAfter
	})
}

// MovedSince reports that the policy was written after t, as far as stat
// tells; where it does not, it may have been.
func (s PolicyStamp) MovedSince(t time.Time) bool {
	return !s.told || slices.ContainsFunc(s.Files[:], func(f root.Stamp) bool {
		return f != root.Stamp{} && time.Unix(0, f.Modified).After(t)
	})
}

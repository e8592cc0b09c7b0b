package loop

import (
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// evidence is what tells of load attempts besides the policy: the log, on a
// Mac. It runs only while it is wanted.
type evidence interface {
	Want(on bool)
	Hints() <-chan probe.Hint
	Attempts() []probe.Attempt
	Gap() (probe.Gap, bool)
	Retry()
}

// followLog has the log followed only where no source of policy tells when
// loads were tried, and where that can matter: it costs a process.
func (a *Loop) followLog(snap probe.Snapshot) {
	if a.Loads == nil {
		return
	}
	timed := snap.Policy != nil && snap.Policy.Source.TellsTimes()
	matters := len(snap.Apps) > 0 && snap.Mac.Arch != probe.AppleSilicon
	a.Loads.Want(matters && !timed)
}

// attempts are what is known of besides the policy, oldest first.
func (a *Loop) attempts() []probe.Attempt {
	attempts := slices.Clone(a.tried)
	if a.Loads != nil {
		attempts = append(attempts, a.Loads.Attempts()...)
	}
	slices.SortStableFunc(attempts, func(x, y probe.Attempt) int { return x.At.Compare(y.At) })
	return attempts
}

func (a *Loop) logHints() <-chan probe.Hint {
	if a.Loads == nil {
		return nil
	}
	return a.Loads.Hints()
}

// logGaps is why the log cannot be followed, while it is wanted.
func (a *Loop) logGaps() []probe.Gap {
	if a.Loads == nil {
		return nil
	}
	if gap, missing := a.Loads.Gap(); missing {
		return []probe.Gap{gap}
	}
	return nil
}

// next is when the status changes by itself, or the framework wants to be
// asked again because nothing else tells that its answer changed.
func (a *Loop) next(status approval.Status, now time.Time) (time.Duration, bool) {
	next, runs := status.Next()
	if a.AskIn == nil {
		return next, runs
	}
	if ask, wanted := a.AskIn(now); wanted && (!runs || ask < next) {
		return ask, true
	}
	return next, runs
}

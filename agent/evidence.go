package main

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
func (a *agent) followLog(snap probe.Snapshot) {
	if a.loads == nil {
		return
	}
	timed := snap.Policy != nil && snap.Policy.Source.TellsTimes()
	matters := len(snap.Apps) > 0 && snap.Mac.Arch != probe.AppleSilicon
	a.loads.Want(matters && !timed)
}

// attempts are what is known of besides the policy, oldest first.
func (a *agent) attempts() []probe.Attempt {
	attempts := slices.Clone(a.tried)
	if a.loads != nil {
		attempts = append(attempts, a.loads.Attempts()...)
	}
	slices.SortStableFunc(attempts, func(x, y probe.Attempt) int { return x.At.Compare(y.At) })
	return attempts
}

func (a *agent) logHints() <-chan probe.Hint {
	if a.loads == nil {
		return nil
	}
	return a.loads.Hints()
}

// logGaps is why the log cannot be followed, while it is wanted.
func (a *agent) logGaps() []probe.Gap {
	if a.loads == nil {
		return nil
	}
	if gap, missing := a.loads.Gap(); missing {
		return []probe.Gap{gap}
	}
	return nil
}

// next is when the status changes by itself, or the framework wants to be
// asked again because nothing else tells that its answer changed.
func (a *agent) next(status approval.Status, now time.Time) (time.Duration, bool) {
	next, runs := status.Next()
	if a.askIn == nil {
		return next, runs
	}
	if ask, wanted := a.askIn(now); wanted && (!runs || ask < next) {
		return ask, true
	}
	return next, runs
}

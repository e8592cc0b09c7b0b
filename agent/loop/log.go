package loop

import (
	"slices"

	"kextwatch/probe"
)

// followLog follows the unified log only if macOS may load or refuse an extension and no
// policy source reports the times of attempts, or after an attempt until it is answered:
// it costs a process.
func (l *Loop) followLog(snap probe.Snapshot, asking bool) {
	timed := snap.Policy != nil && snap.Policy.TellsTimes()
	l.edges.Log.Want(asking || !timed && snap.ExpectsLoads())
}

// attempts returns the load attempts that are known apart from the policy, oldest
// first.
func (l *Loop) attempts() []probe.Attempt {
	attempts := slices.Concat(l.retries.attempts, l.edges.Log.Attempts())
	slices.SortStableFunc(attempts, func(x, y probe.Attempt) int { return x.At.Compare(y.At) })
	return attempts
}

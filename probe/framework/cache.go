package framework

import (
	"context"
	"errors"
	"slices"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	// blindInterval is the time between two queries if stat is refused: then
	// nothing shows that the policy changed.
	blindInterval = 15 * time.Minute

	// If files keep changing and the answer stays the same, the queries
	// themselves may be what changes the files. After freeQueries of them, the
	// interval doubles from one second to SlowestBusy. A query calmAfter the
	// one before starts again with short intervals.
	freeQueries = 3
	calmAfter   = 5 * time.Minute

	// idleFailures is how many failures in a row lead to another query while idle: with
	// the pauses of tool.Pause, the last one is 21 minutes after the first.
	idleFailures = 3

	// SlowestBusy is the longest interval between two queries while files
	// keep changing.
	SlowestBusy = time.Minute

	// The same holds for attempts that are reported again and again, such as by a
	// program that tries five times a second. After freeQueries of them the interval is
	// one second, and after freeReports it doubles.
	freeReports = 8
)

// Cache keeps the last answer of the framework while it cannot have changed, and
// decides when to query the framework again. For each snapshot the caller calls
// Stat, then Need, then uses Due, Begin and Answer, and End when the query has
// ended. The zero Cache is ready to use, by one goroutine.
type Cache struct {
	needed bool // no better source answered at the last snapshot

	app     string      // the place of Parallels Desktop
	idle    bool        // see Idle
	running bool        // a query has begun and not ended
	invalid bool        // Invalidate was called since the last query began
	report  bool        // Report was called since the last query began
	hadRows bool        // some source returned rows of the policy
	current policyStamp // at the last Stat

	queried time.Time   // the last query; zero: none
	stamp   policyStamp // at the Stat before it
	quiet   bool        // no file had changed just before it
	policy  *probe.Policy
	source  probe.Source
	failed  int // queries in a row without an answer
	same    int // queries in a row for changed files that brought the same answer
	reports int // queries in a row for reports that brought the same answer
}

// Need sets whether no better source answers. If stat is refused, an answer from
// the time of a better source may be old: nothing showed that the policy changed.
// A comparison with a better source may also have failed.
func (c *Cache) Need(needed bool) {
	if needed && !c.needed && (!c.current.known || c.policy == nil && !c.queried.IsZero()) {
		c.invalid = true
	}
	c.needed = needed
}

// Idle sets whether no kext is known that macOS may load or refuse (probe.Snapshot.ExpectsLoads).
// Then the framework is queried again only if something changed, and a few times after a
// failure. It is not polled.
func (c *Cache) Idle(idle bool) { c.idle = idle }

// Stat reads what stat reports about the files that show a change of the policy. app is
// the place of Parallels Desktop.
func (c *Cache) Stat(m root.FS, app string) {
	c.app = app
	c.current = stampPolicy(m, app)
}

// NoteRows tells the cache that another source returned rows of the policy. From
// then on, an empty answer of the framework counts as a failure.
func (c *Cache) NoteRows() { c.hadRows = true }

// Invalidate says that the answer may have changed although no file shows it.
func (c *Cache) Invalidate() { c.invalid = true }

// Report says that a load attempt was reported, which may change the answer although no
// file shows it.
func (c *Cache) Report() { c.report = true }

// LastQuery returns the time of the last query; zero: there was none.
func (c Cache) LastQuery() time.Time { return c.queried }

// NextQuery returns how long after now a snapshot must be taken for the next
// query to be on time. It returns false if no query is planned, because a better
// source answers, stat shows when the policy changes, or nothing can change (see Idle).
func (c Cache) NextQuery(now time.Time) (time.Duration, bool) {
	if !c.needed || c.queried.IsZero() {
		return 0, false
	}
	pause, planned := c.pause(false)
	return max(pause-c.age(now), probe.CommitDelay), planned
}

// Running reports whether a query runs.
func (c Cache) Running() bool { return c.running }

// Due reports whether to begin a query at now. A fresh snapshot ignores the cached
// answer.
func (c Cache) Due(now time.Time, fresh bool) bool {
	switch {
	case c.running:
		return false
	case c.queried.IsZero():
		return true
	}
	pause, planned := c.pause(fresh)
	return planned && c.age(now) >= pause
}

// pause returns the time between the last query and the next one. It returns
// false if no query is needed until something changes.
func (c Cache) pause(fresh bool) (time.Duration, bool) {
	invalid := fresh || c.invalid
	changed := c.changed()
	switch {
	case c.failed > 0 && (invalid || c.report || changed):
		return tool.Pause(1), true // after an Invalidate or a changed file
	case c.failed > 0:
		return tool.Pause(c.failed), !c.idle || c.failed <= idleFailures
	case invalid, c.report && c.reports < freeQueries:
		return 0, true
	case c.current == c.stamp && changed && c.same < freeQueries:
		return probe.CommitDelay, true // only a commit may have been missed
	case changed && c.same < freeQueries:
		return 0, true
	case changed:
		return doubled(c.same - freeQueries), true
	case c.report:
		return doubled(max(0, c.reports-freeReports)), true
	case !c.current.known:
		return blindInterval, !c.idle
	}
	return 0, false
}

// changed reports whether a file changed since the last query, or so shortly before it
// that the answer may miss the change.
func (c Cache) changed() bool { return c.current != c.stamp || !c.quiet }

// doubled is the interval after so many queries that were not free.
func doubled(times int) time.Duration { return min(time.Second<<min(times, 10), SlowestBusy) }

// age returns the time since the last query. It uses the wall clock, because the
// monotonic clock stands still while a Mac sleeps. If the wall clock was set
// back, the age is not known and counts as long.
func (c Cache) age(now time.Time) time.Duration {
	age := now.Round(0).Sub(c.queried.Round(0))
	if age < 0 {
		return blindInterval
	}
	return age
}

// Query is a query of the framework that has begun.
type Query struct {
	began     time.Time
	stamp     policyStamp
	quiet     bool // no file had changed just before it
	requested bool // it runs even if nothing was reported or changed
	reported  bool // a load attempt was reported
	changed   bool // a file changed
	compared  bool // a better source answered
}

// Begin notes that a query begins.
func (c *Cache) Begin(now time.Time, fresh bool) Query {
	q := Query{began: now, stamp: c.current, quiet: c.current.quiet(time.Now()), requested: fresh || c.invalid || c.age(now) >= calmAfter, reported: c.report, changed: c.changed(), compared: !c.needed}
	c.running, c.invalid, c.report = true, false, false
	return q
}

// Answer is the result of a query.
type Answer struct {
	policy *probe.Policy
	source probe.Source
	cut    bool // the context was canceled: the answer says nothing
}

// Run queries the framework. It may take as long as a tool may take, and does not
// use the cache, so it may run on any goroutine.
func (q Query) Run(ctx context.Context, m root.FS) Answer {
	policy, source := Read(ctx, m, q.began)
	return Answer{policy, source, errors.Is(ctx.Err(), context.Canceled)}
}

// End keeps the answer of a query.
func (c *Cache) End(q Query, a Answer) {
	c.running = false
	if a.cut {
		c.invalid = true
		return
	}
	// macOS never deletes its rows. An empty answer after there were some may be
	// how macOS refuses a caller.
	if a.policy != nil && len(a.policy.Rows) == 0 && c.hadRows {
		a.policy, a.source = nil, frameworkProblem(errNoRows)
	}
	if q.requested || !sameAnswer(c.policy, a.policy) {
		c.same, c.reports = 0, 0
	} else {
		c.same += count(q.changed)
		c.reports += count(q.reported)
	}
	switch failed := a.source.State == probe.Timeout || a.source.State == probe.Failed; {
	case failed && q.compared: // while it is not needed, its failures need no pause
	case failed:
		c.failed++
	default: // what this macOS does not have now, it will not have in a minute
		c.failed = 0
	}
	c.queried, c.stamp, c.quiet = q.began, q.stamp, q.quiet
	c.policy, c.source, c.hadRows = a.policy, a.source, c.hadRows || a.policy != nil && len(a.policy.Rows) > 0
}

// NotYet is the source before the first answer.
var NotYet = probe.Source{Name: probe.Framework, State: probe.Busy, Reason: "it has not answered yet", Next: "no action is needed: kextwatch waits for it"}

// Answer returns the cached answer. The caller may change the rows. Before the
// first answer, the source has no name.
func (c Cache) Answer() (*probe.Policy, probe.Source) {
	if c.policy == nil {
		return nil, c.source
	}
	policy := *c.policy
	policy.Rows = slices.Clone(policy.Rows)
	policy.Stale = c.running
	return &policy, c.source
}

// Comparable returns the cached policy if it describes the same state of the
// files as better, the policy of another source in this snapshot; else nil.
func (c Cache) Comparable(m root.FS, better *probe.Policy) *probe.Policy {
	stale := better.Source == probe.Reader && c.current.writtenAfter(better.ReadAt)
	if stale || c.stamp != c.current || stampPolicy(m, c.app) != c.current {
		return nil
	}
	return c.policy
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func sameAnswer(a, b *probe.Policy) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Rows, b.Rows)
}

// policyStamp is what stat reports about the files that change when the policy may
// change: macOS writes it, or Parallels is installed or updated. It needs no right to
// read the files, only to enter their folder.
type policyStamp struct {
	known bool // stat is allowed for the policy
	files [len(probe.KextPolicyFiles) + 1]root.Stamp
}

func stampPolicy(m root.FS, app string) policyStamp {
	var s policyStamp
	stamps, err := m.Stamps(probe.KextPolicyFiles[:]...)
	s.known = err == nil
	copy(s.files[:], stamps)
	s.files[len(stamps)], _ = m.Stamp(app + "/Contents/Info.plist")
	return s
}

// quiet reports that no file changed within probe.CommitDelay before now. A
// query sooner after a change may miss a commit. A time in the future does not
// count, so that a wrong time does not cause constant queries.
func (s policyStamp) quiet(now time.Time) bool {
	return !slices.ContainsFunc(s.files[:], func(f root.Stamp) bool {
		age := now.Sub(f.Modified())
		return age >= 0 && age < probe.CommitDelay
	})
}

// writtenAfter reports that the policy was written after t, or that this is not
// known because stat is refused.
func (s policyStamp) writtenAfter(t time.Time) bool {
	return !s.known || slices.ContainsFunc(s.files[:], func(f root.Stamp) bool {
		return f != root.Stamp{} && f.Modified().After(t)
	})
}

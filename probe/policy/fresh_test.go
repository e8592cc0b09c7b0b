package policy

import (
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// readerCase is one combination of everything that decides whether published rows
// count.
type readerCase struct {
	stat    string        // refused, current, changed, or gone
	changed time.Duration // ago; for changed
	sign    string        // none, or the outcome
	signAge time.Duration
	rowsAge time.Duration // at least the age of the sign
	boot    time.Duration // ago; 0: not known
	woke    time.Duration // ago; 0: not known
	saw     string        // what an earlier snapshot saw: nothing, running, stopped
}

func (c readerCase) judge(m root.FS, now time.Time) (*probe.Policy, probe.Source) {
	readAt := now.Add(-c.rowsAge)
	s := ReaderSnapshot{mac: m, idKnown: c.stat != "refused"}
	s.pub = publication{Format: publishedFormat, ReadAt: &readAt}
	s.pub.Database.Database = fileIdentity{1, 1, now.Add(-400 * 24 * time.Hour).UnixNano()}
	if s.idKnown {
		s.id = s.pub.Database
	}
	switch c.stat {
	case "changed":
		s.id.WAL = fileIdentity{2, 1, now.Add(-c.changed).UnixNano()}
	case "gone":
		s.id = databaseIdentity{}
	}
	s.run = LastRun{readAt, runPublished}
	if s.recorded = c.sign != "none"; s.recorded {
		s.run = LastRun{now.Add(-c.signAge), runOutcome(c.sign)}
	}
	var r ReaderMemory
	switch c.saw {
	case "running":
		r.Update(s, s.run.At.Add(time.Minute))
	case "stopped":
		r.Update(s, s.run.At.Add(20*time.Minute))
	}
	if c.boot > 0 {
		r.Booted = now.Add(-c.boot)
	}
	if c.woke > 0 {
		r.Woke = now.Add(-c.woke)
	}
	r.Update(s, now)
	return s.Policy(now, r)
}

// Rows count only while they are known to be current, in every combination of what
// can be known. The conditions are from the design, not from the code: first what
// must never be taken for current, then what must not be called stopped.
func TestRowsCountOnlyWhileTheyAreFresh(t *testing.T) {
	const second, minute, day = time.Second, time.Minute, 24 * time.Hour
	now, m := time.Now().UTC(), root.FS{Root: t.TempDir()}
	count, good := 0, 0
	for _, stat := range []readerCase{{stat: "refused"}, {stat: "current"}, {stat: "gone"},
		{stat: "changed", changed: 10 * second}, {stat: "changed", changed: 2 * minute}, {stat: "changed", changed: 299 * day}} {
		for _, sign := range []string{"none", string(runPublished), string(runDiskFull), string(runFailed)} {
			for _, signAge := range []time.Duration{-time.Hour, -20 * second, second, minute, 9 * minute, 11 * minute, 8 * time.Hour, 300 * day} {
				for _, older := range []time.Duration{0, 300 * day} {
					for _, boot := range []time.Duration{0, 20 * second, 5 * minute, 2 * time.Hour, 350 * day} {
						for _, woke := range []time.Duration{0, 20 * second, 5 * minute, time.Hour} {
							for _, saw := range []string{"nothing", "running", "stopped"} {
								c := readerCase{stat.stat, stat.changed, sign, signAge, max(signAge, 0) + older, boot, woke, saw}
								if boot > 0 && woke > boot || saw == "stopped" && signAge < 20*minute || saw == "running" && signAge >= 0 && signAge < minute {
									continue
								}
								policy, source := c.judge(m, now)
								count++
								if source.State == probe.OK {
									good++
								}
								if wrong := c.wrong(policy, source); wrong != "" {
									t.Fatalf("%+v: %s: %+v", c, wrong, source)
								}
							}
						}
					}
				}
			}
		}
	}
	if count < 5000 || good < count/20 {
		t.Errorf("%d combinations, the rows count in %d", count, good)
	}
	t.Logf("%d combinations, the rows count in %d", count, good)
}

func (c readerCase) wrong(policy *probe.Policy, source probe.Source) string {
	const ten, half = 10 * time.Minute, 30 * time.Second
	ok := source.State == probe.OK
	within := func(ago, limit time.Duration) bool { return ago > 0 && ago <= limit }
	recorded := c.sign != "none"
	age := c.signAge
	if !recorded {
		age = c.rowsAge // an earlier reader
	}
	fresh := age >= -half && age <= ten && c.saw != "stopped"
	sleptWell := c.saw == "running" && within(c.woke, ten) && age >= -half
	sinceBoot := c.boot == 0 || age <= c.boot+half
	rested := within(c.woke, half) || within(c.boot, half)

	switch {
	case ok != (policy != nil), !ok && (source.State != probe.Failed || source.Reason == "" || source.Next == ""):
		return "no reason"
	case ok && c.stat == "refused" && !recorded:
		return "no sign of life, and nothing shows whether the rows are current"
	case ok && c.stat == "refused" && !sinceBoot:
		return "rows of before the start"
	case ok && c.stat != "current" && !fresh && !sleptWell:
		return "no fresh sign of life"
	case ok && age < -half && c.stat != "current":
		return "a sign of life from the future"
	case ok && c.stat != "current" && recorded && c.sign != string(runPublished):
		return "the reader could not write"
	case ok && c.stat == "changed" && c.changed > half && c.changed < age && !rested:
		return "an unread change"
	case ok && recorded && !fresh && !sleptWell && !within(c.woke, ten) && !within(c.boot, ten):
		return "the reader does not run, so the next attempt would be missed"
	case !ok && c.stat == "current" && (!recorded || fresh || within(c.woke, ten) || within(c.boot, ten)):
		return "the rows are those of now"
	case !ok && recorded && fresh && sinceBoot && c.sign == string(runPublished) && (c.stat != "changed" || c.changed <= half):
		return "the reader runs"
	case !ok && recorded && sleptWell && sinceBoot && c.sign == string(runPublished) && age >= c.woke && (c.stat != "changed" || rested):
		return "called stopped right after a wake"
	case !ok && c.stat != "current" && c.sign == string(runDiskFull) && fresh && sinceBoot && !strings.Contains(source.Reason, "the disk is full"):
		return "does not say that the disk is full"
	}
	return ""
}

package mac

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/tool"
)

// slowTool is a tool that answers after a time, in a synctest bubble.
type slowTool struct {
	t       *testing.T
	ctx     context.Context
	queries queries
	query   query[string, int]
	takes   time.Duration
	started int
}

func newSlowTool(t *testing.T) *slowTool {
	return &slowTool{t: t, ctx: t.Context(), queries: queries{answers: make(chan struct{}, 1)}}
}

// read is a snapshot now. Each query answers with its number.
func (s *slowTool) read(key string, fresh bool) (value int, shot *shot) {
	s.queries.collect()
	shot = newShot(s.ctx, time.Now(), Options{Fresh: fresh}, &s.queries)
	value, gaps := answer(shot, &s.query, key, []probe.Fact{probe.FactAdmin}, func(ctx context.Context) (int, []probe.Gap) {
		s.started++
		n := s.started
		select {
		case <-time.After(s.takes):
			return n, nil
		case <-ctx.Done():
			return 0, []probe.Gap{{Source: probe.FactAdmin, Err: context.Cause(ctx).Error(), Next: "wait"}}
		}
	})
	shot.missing(gaps...)
	synctest.Wait()
	return value, shot
}

func (s *slowTool) want(after, key string, fresh bool, value, started int, pending bool, gaps ...string) *shot {
	s.t.Helper()
	got, shot := s.read(key, fresh)
	var missing []string
	for _, gap := range shot.snap.Gaps {
		missing = append(missing, gap.Err)
	}
	if got != value || s.started != started || shot.snap.Pending != pending || !slices.Equal(missing, gaps) {
		s.t.Errorf("%s: answer %d after %d queries, pending %v, missing %q; want %d, %d, %v, %q",
			after, got, s.started, shot.snap.Pending, missing, value, started, pending, gaps)
	}
	return shot
}

// answered waits until the query that runs has ended.
func (s *slowTool) answered() {
	s.t.Helper()
	select {
	case <-s.queries.answers:
	case <-time.After(time.Minute):
		s.t.Error("no answer came")
	}
}

const notYet = "has not answered yet"

// No snapshot waits for a tool. The last answer is used until there is a new one.
func TestSnapshotsDoNotWaitForATool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.takes = 3 * time.Second
		start := time.Now()
		s.want("the first snapshot", "a", false, 0, 1, true, notYet)
		s.want("a snapshot meanwhile", "a", false, 0, 1, true, notYet)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("two snapshots took %v", waited)
		}
		s.answered()
		s.want("the answer", "a", false, 1, 1, false)
		s.want("no change", "a", false, 1, 1, false)
		s.want("a change", "b", false, 1, 2, true)
		s.want("another change meanwhile", "c", false, 1, 2, true)
		s.answered()
		s.want("the answer about the first change", "c", false, 2, 3, true)
		s.answered()
		s.want("the answer about the second", "c", false, 3, 3, false)
		s.want("somebody asks", "c", true, 3, 4, true)
		s.want("somebody asks again", "c", true, 3, 4, true)
		s.answered()
		s.want("the answer began before the second question", "c", false, 4, 5, true)
		s.answered()
		s.want("the last answer", "c", false, 5, 5, false)
	})
}

// A tool that hangs is killed, and is not started again before a growing pause.
func TestToolThatHangsIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.want("a healthy tool", "a", false, 0, 1, true, notYet)
		s.answered()
		s.want("its answer", "a", false, 1, 1, false)
		s.takes = time.Hour
		started := 1
		late := tool.ErrTimeout.Error()
		for _, pause := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
			started++
			began := time.Now()
			s.read("b", false)
			s.answered()
			if took := time.Since(began); took != tool.Limit {
				t.Errorf("it was killed after %v, not after %v", took, tool.Limit)
			}
			shot := s.want("it was killed", "b", true, 0, started, false, late)
			if want := pause - tool.Limit; shot.again != want {
				t.Errorf("the next query is in %v, want %v", shot.again, want)
			}
			time.Sleep(shot.again - 1)
			s.want("the end of the pause", "c", false, 0, started, false, late)
			time.Sleep(1)
		}
		s.takes = 0
		s.want("after the pause", "c", false, 0, started+1, true, late)
		s.answered()
		s.want("it works again", "c", false, started+1, started+1, false)
		s.takes = time.Hour
		s.read("d", false)
		s.answered()
		if shot := s.want("it hangs again", "d", false, 0, started+2, false, late); shot.again != time.Minute-tool.Limit {
			t.Errorf("after a good answer the next pause is %v, not the first one", shot.again)
		}
	})
}

// The clock may be set back during a pause.
func TestPauseAfterTheClockWasSetBack(t *testing.T) {
	now := time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC)
	q := query[string, int]{late: 1, began: now}
	for at, want := range map[time.Time]time.Duration{
		now: time.Minute, now.Add(20 * time.Second): 40 * time.Second, now.Add(time.Hour): 0, now.Add(-time.Second): 0,
	} {
		if got := q.pause(at); got != want {
			t.Errorf("at %v: a pause of %v, want %v", at, got, want)
		}
	}
}

// The end of a snapshot's context ends its queries. Their answers may be incomplete,
// so the next snapshot queries again. A context with a time limit differs: what did
// not answer in time is a missing fact.
func TestQueriesOfAContextThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.takes = time.Second
		ctx, cancel := context.WithCancel(t.Context())
		s.ctx = ctx
		s.want("the first snapshot", "a", false, 0, 1, true, notYet)
		cancel()
		s.answered()
		s.want("a snapshot after the end", "a", false, 0, 1, true, context.Canceled.Error())
		s.ctx = t.Context()
		s.want("another context", "a", false, 0, 2, true, notYet)
		s.answered()
		s.want("its answer", "a", false, 2, 2, false)

		limit := errors.New("the limit of the command")
		s.ctx, cancel = context.WithTimeoutCause(t.Context(), s.takes/2, limit)
		defer cancel()
		s.want("a change", "b", false, 2, 3, true)
		s.answered()
		s.want("the limit is over", "b", false, 0, 3, false, limit.Error())
		s.queries.running.Wait()
	})
}

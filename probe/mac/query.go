package mac

import (
	"context"
	"errors"
	"sync"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// alertFirst is how much later tools start after a file has changed. Until then an
// alert has been posted, which needs the processor.
const alertFirst = 50 * time.Millisecond

var errPending = errors.New("has not answered yet")

// query is a query of one tool, with its last answer. It runs on a goroutine of its
// own, so that no snapshot waits for a tool.
type query[K comparable, T any] struct {
	cached[K, T]
	inBoot  bool      // the answer cannot change in a boot: a complete one is good for a fresh snapshot, too
	stale   bool      // the answer is good no longer, although its key is the same
	running bool      // at most once at a time
	late    int       // queries in a row that the time limit ended
	began   time.Time // the last query
}

// queries runs the queries of a Prober.
type queries struct {
	running sync.WaitGroup
	answers chan struct{} // has a value if a query has ended since the last collect

	mu     sync.Mutex
	active int      // queries that have not ended
	ended  []func() // each stores the answer of a query that has ended
}

// answerDelay is how long an answer waits for others. Each snapshot reads all files
// again, and healthy tools answer soon one after the other.
const answerDelay = 20 * time.Millisecond

// start runs a query. The function that it returns stores the answer. It is called
// by collect, so that answers never change while a snapshot is being taken.
func (q *queries) start(run func() (store func())) {
	q.mu.Lock()
	q.active++
	q.mu.Unlock()
	q.running.Go(func() {
		store := run()
		q.mu.Lock()
		q.ended = append(q.ended, store)
		q.active--
		last := q.active == 0
		q.mu.Unlock()
		if last {
			probe.Signal(q.answers)
			return
		}
		time.AfterFunc(answerDelay, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if len(q.ended) > 0 {
				probe.Signal(q.answers)
			}
		})
	})
}

// collect stores the answers of the queries that have ended.
func (q *queries) collect() {
	q.mu.Lock()
	ended := q.ended
	q.ended = nil
	q.mu.Unlock()
	for _, store := range ended {
		store()
	}
}

// shot is a snapshot that is being taken.
type shot struct {
	mac     root.FS         // reads the files; queries, which take longer, have the Prober's
	ctx     context.Context // of the queries
	now     time.Time
	how     Options
	queries *queries
	snap    probe.Snapshot
	again   time.Duration // until a tool that hung may be queried again; 0: none has to be

	starting bool // the facts about the Mac and its boot are not known yet, but soon
	held     bool // start no queries: which ones are needed is not known yet
}

func newShot(ctx context.Context, m root.FS, now time.Time, how Options, q *queries) *shot {
	return &shot{mac: m.WithPathCache(), ctx: ctx, now: now, how: how, queries: q, snap: probe.Snapshot{Attempts: how.Attempts}}
}

// answer returns the last answer of a query, and starts the query if that answer
// is not good for key. While the query runs, the snapshot is pending. facts are what
// the query tells: without any answer, they are missing facts.
//
// A tool that hung is not queried again before a pause. Until then nothing is known
// for another key.
func answer[K comparable, T any](s *shot, q *query[K, T], key K, facts []probe.Fact, run func(context.Context) (T, []probe.Gap)) (T, []probe.Gap) {
	q.stale = q.stale || s.how.Fresh && !(q.inBoot && q.valid && len(q.gaps) == 0)
	pause := q.pause(s.now)
	wanted := !q.has(key) || q.stale || q.late > 0
	switch {
	case !wanted || q.running:
	case pause > 0:
		s.queryAgain(pause)
		if !q.has(key) {
			var unknown T
			return unknown, missingFacts(facts, tool.ErrTimeout)
		}
	case !s.held && s.ctx.Err() == nil:
		q.start(s, key, run)
	}
	if q.running || !q.valid {
		s.snap.Pending = true
	}
	if q.valid {
		return q.value, q.gaps
	}
	reason := errPending
	if s.ctx.Err() != nil {
		reason = context.Cause(s.ctx)
	}
	return q.value, missingFacts(facts, reason)
}

func missingFacts(facts []probe.Fact, reason error) []probe.Gap {
	var gaps []probe.Gap
	for _, fact := range facts {
		gaps = append(gaps, probe.NewGap(fact, reason, "No action is needed: kextwatch tries again."))
	}
	return gaps
}

func (q *query[K, T]) start(s *shot, key K, run func(context.Context) (T, []probe.Gap)) {
	q.running, q.stale, q.began = true, false, s.now
	ctx, delay := s.ctx, time.Duration(0)
	if s.how.Changed {
		delay = alertFirst
	}
	s.queries.start(func() func() {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
		noting, timedOut := tool.NoteTimeouts(ctx)
		limited, cancel := context.WithTimeoutCause(noting, tool.Limit, tool.ErrTimeout)
		defer cancel()
		value, gaps := run(limited)
		late := limited.Err() != nil || timedOut()
		return func() {
			q.running = false
			switch {
			case errors.Is(ctx.Err(), context.Canceled): // the answer may be incomplete
				q.clear()
				return
			case late:
				q.late++
			default:
				q.late = 0
			}
			q.set(key, value, gaps)
		}
	})
}

// pause returns how long after now the query must not run, because it was late.
func (q *query[K, T]) pause(now time.Time) time.Duration {
	if q.late == 0 {
		return 0
	}
	return max(0, tool.Pause(q.late)-q.age(now))
}

// age returns the time since the last query, or a long time if the wall clock was
// set back. It uses the wall clock, because the monotonic clock stands still while a
// Mac sleeps.
func (q *query[K, T]) age(now time.Time) time.Duration {
	since := now.Round(0).Sub(q.began.Round(0))
	if since < 0 {
		return 24 * time.Hour
	}
	return since
}

// queryAgain notes that a tool must be queried again after a pause.
func (s *shot) queryAgain(pause time.Duration) {
	if s.again == 0 || pause < s.again {
		s.again = pause
	}
}

// missing adds missing facts to the snapshot.
func (s *shot) missing(gaps ...probe.Gap) { s.snap.Gaps = append(s.snap.Gaps, gaps...) }

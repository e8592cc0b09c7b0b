package mac

import (
	"context"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"kextwatch/probe"
)

// searchWait is how long the first snapshot, and a fresh one, wait for the search for
// kexts. Most searches take less.
const searchWait = 20 * time.Millisecond

// searchPause is how long after the begin of a search no other one follows if nothing says
// that a file has changed. The answers of tools lead to several snapshots in a row. It is
// shorter than the end of a burst of events, after which everything is read again.
const searchPause = 50 * time.Millisecond

// kextQuery runs the search for kexts on a goroutine of its own, so that no folder delays
// a window. A snapshot has what the last search found, and starts the next one. If that
// finds something else, another snapshot follows.
type kextQuery struct {
	wait     time.Duration // searchWait; longer in tests
	searcher *kextSearcher // nil while it searches
	found    *foundKexts   // of the last search; nil: none has ended
	began    time.Time     // the last search, in the clock of this machine

	// The search that runs; answers is nil if none does.
	ctx     context.Context
	answers chan searchAnswer
	awaited bool        // a snapshot is pending until it ends
	signal  atomic.Bool // no snapshot waits for its end, so the end must request the next one
	again   atomic.Bool // something may have changed since it began
}

type searchAnswer struct {
	searcher *kextSearcher
	found    foundKexts
	complete bool // the context had not ended
}

// startSearch starts a search for kexts. Only one runs at a time.
func (p *Prober) startSearch(s *shot, apps []string) {
	q := &p.kexts
	q.collect()
	wanted := q.found == nil || s.how.Changed || s.how.Fresh || time.Since(q.began) >= searchPause
	if q.answers != nil && wanted {
		q.again.Store(true)
		q.collect() // it may have ended just now
	}
	if wanted = wanted || q.again.Load(); q.answers != nil || !wanted || s.ctx.Err() != nil {
		return
	}
	searcher, before, delay := q.searcher, q.found, time.Duration(0)
	if searcher == nil {
		searcher = &kextSearcher{mac: p.mac}
	}
	q.awaited = before == nil || s.how.Fresh
	if s.how.Changed && !q.awaited {
		delay = alertFirst
	}
	q.began = time.Now().Add(delay)
	ctx, answers, done := s.ctx, make(chan searchAnswer, 1), make(chan struct{})
	q.searcher, q.ctx, q.answers = nil, ctx, answers
	q.signal.Store(!q.awaited)
	awaited := q.awaited
	go func() {
		defer close(done)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
		q.again.Store(false) // what changed until now will be found
		found := searcher.search(ctx, apps)
		answers <- searchAnswer{searcher, found, ctx.Err() == nil}
		if q.signal.Load() && (awaited || q.again.Load() || !found.equal(*before)) {
			probe.Signal(p.queries.answers)
		}
	}()
	p.queries.running.Go(func() { // a file that does not answer does not delay the end of the program
		select {
		case <-done:
		case <-ctx.Done():
		}
	})
}

// collect stores the answer of a search that has ended.
func (q *kextQuery) collect() {
	select {
	case a := <-q.answers:
		q.store(a)
	default:
		if q.answers != nil && q.ctx.Err() != nil {
			q.answers = nil
		}
	}
}

func (q *kextQuery) store(a searchAnswer) {
	q.answers, q.searcher = nil, a.searcher
	if a.complete {
		q.found = &a.found
	}
}

// searched returns what the last search found. The first search, and one for a fresh
// snapshot, has a short time to end; after that, the snapshot is pending.
func (p *Prober) searched(s *shot) (foundKexts, []probe.Gap) {
	q := &p.kexts
	if q.answers != nil && q.awaited && !q.signal.Load() {
		select {
		case a := <-q.answers:
			q.store(a)
		case <-q.ctx.Done():
		case <-time.After(q.wait):
			q.signal.Store(true)
			q.collect() // it may have ended just now
		}
	}
	s.snap.Pending = s.snap.Pending || q.answers != nil && q.awaited
	if q.found != nil {
		return *q.found, nil
	}
	reason := errPending
	if s.ctx.Err() != nil {
		reason = context.Cause(s.ctx)
	}
	return foundKexts{}, missingFacts([]probe.Fact{probe.FactOtherKexts}, reason)
}

// equal reports whether two searches found the same.
func (f foundKexts) equal(other foundKexts) bool {
	return f.left == other.left &&
		slices.EqualFunc(f.kexts, other.kexts, func(a, b foundKext) bool {
			return a.path == b.path && errText(a.err) == errText(b.err) && reflect.DeepEqual(a.info, b.info) && reflect.DeepEqual(a.code, b.code)
		}) &&
		slices.EqualFunc(f.hidden, other.hidden, func(a, b hiddenFolder) bool {
			return a.path == b.path && errText(a.err) == errText(b.err)
		})
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

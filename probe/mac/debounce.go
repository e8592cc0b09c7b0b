package mac

import (
	"time"

	"kextwatch/probe"
)

const (
	// SQLite in WAL mode writes the log, syncs it, and publishes the commit
	// through shared memory, which raises no event. So a commit can become
	// visible after its last event: a look at once alone misses most of them.
	afterLast = 20 * time.Millisecond
	// A second look for the commits that took longer than that to appear.
	afterQuiet = 150 * time.Millisecond
	// Where events come too close together for a quiet moment, look anyway;
	// and no more often than that once a burst has gone on for stormAfter.
	inStorm    = 250 * time.Millisecond
	stormAfter = time.Second
)

// burst decides when to look while events come in: at once on the first one,
// afterLast and afterQuiet after the last one, in a storm every inStorm. Idle,
// it has no timer running.
type burst struct {
	timer  *time.Timer // fires when it is time to look; call look then
	phase  phase
	first  time.Time // the first event of the burst
	last   time.Time // its last event
	looked time.Time // the last look
}

type phase int

const (
	idle     phase = iota
	starting       // the look at the first event is due
	trailing       // events may still follow
	settling       // one look is left
)

func newBurst() *burst {
	b := &burst{timer: time.NewTimer(time.Hour)}
	b.timer.Stop()
	return b
}

// touch reports an event.
func (b *burst) touch() {
	b.last = time.Now()
	switch b.phase {
	case idle:
		b.phase, b.first = starting, b.last
		b.timer.Reset(0)
	case trailing, settling:
		b.phase = trailing
		b.schedule()
	}
}

// look says that the timer fired, and whether this is the burst's last look.
func (b *burst) look() (settled bool) {
	b.looked = time.Now()
	if b.phase == settling || b.phase == trailing && b.looked.Sub(b.last) >= afterQuiet {
		b.phase = idle
		return true
	}
	b.phase = trailing
	if b.looked.Sub(b.last) >= afterLast {
		b.phase = settling
	}
	b.schedule()
	return false
}

func (b *burst) schedule() {
	due := b.last.Add(afterQuiet)
	if b.phase == trailing {
		due = b.last.Add(afterLast)
		storm := b.last.Sub(b.first) > stormAfter
		if next := b.looked.Add(inStorm); storm || next.Before(due) {
			due = next
		}
	}
	b.timer.Reset(time.Until(due))
}

// offer puts h into a channel with one slot, in place of a hint that nobody
// has taken yet. Only one goroutine may offer.
func offer(slot chan probe.Hint, h probe.Hint) {
	select {
	case untaken := <-slot:
		h.Woke = h.Woke || untaken.Woke
		h.QuietUntil = untaken.QuietUntil // up to the first change that nobody has looked at
	default:
	}
	slot <- h
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

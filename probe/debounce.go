package probe

import "time"

const (
	// SQLite in WAL mode writes the log, syncs it, and publishes the commit
	// through shared memory, which raises no event. So a commit can become
	// visible after its last event: a look at once alone misses most of them.
	afterLast = 20 * time.Millisecond
	// A second look for the commits that took longer than that to appear.
	afterQuiet = 150 * time.Millisecond
	// Where events come too close together for a quiet moment, look anyway;
	// and no more often than that once a burst has gone on for stormAfter.
	InStorm    = 250 * time.Millisecond
	stormAfter = time.Second
)

// Debounce decides when to look while events come in: at once on the first one,
// afterLast and afterQuiet after the last one, in a storm every InStorm. Idle,
// it has no timer running.
type Debounce struct {
	Timer  *time.Timer // fires when it is time to look; call look then
	Phase  phase
	first  time.Time // the first event of the burst
	last   time.Time // its last event
	looked time.Time // the last look
}

type phase int

const (
	Idle     phase = iota
	starting       // the look at the first event is due
	trailing       // events may still follow
	settling       // one look is left
)

func NewDebounce() *Debounce {
	b := &Debounce{Timer: time.NewTimer(time.Hour)}
	b.Timer.Stop()
	return b
}

// Touch reports an event.
func (b *Debounce) Touch() {
	b.last = time.Now()
	switch b.Phase {
	case Idle:
		b.Phase, b.first = starting, b.last
		b.Timer.Reset(0)
	case trailing, settling:
		b.Phase = trailing
		b.schedule()
	}
}

// Look says that the timer fired, and whether this is the burst's last look.
func (b *Debounce) Look() (settled bool) {
	b.looked = time.Now()
	if b.Phase == settling || b.Phase == trailing && b.looked.Sub(b.last) >= afterQuiet {
		b.Phase = Idle
		return true
	}
	b.Phase = trailing
	if b.looked.Sub(b.last) >= afterLast {
		b.Phase = settling
	}
	b.schedule()
	return false
}

func (b *Debounce) schedule() {
	due := b.last.Add(afterQuiet)
	if b.Phase == trailing {
		due = b.last.Add(afterLast)
		storm := b.last.Sub(b.first) > stormAfter
		if next := b.looked.Add(InStorm); storm || next.Before(due) {
			due = next
		}
	}
	b.Timer.Reset(time.Until(due))
}

// OfferHint puts h into a channel with one slot, in place of a hint that nobody
// has taken yet. Only one goroutine may offer.
func OfferHint(slot chan Hint, h Hint) {
	select {
	case untaken := <-slot:
		h.Woke = h.Woke || untaken.Woke
		h.QuietUntil = untaken.QuietUntil // up to the first change that nobody has looked at
	default:
	}
	slot <- h
}

func Signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

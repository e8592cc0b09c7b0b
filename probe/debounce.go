package probe

import "time"

const (
	// CommitDelay is how long after its last file event a commit of SQLite can
	// become visible to other processes. In WAL mode SQLite writes the log,
	// syncs it, and then publishes the commit through shared memory, which
	// raises no event. A reader that must not miss a commit reads once more
	// after this delay.
	CommitDelay = 150 * time.Millisecond

	// A commit with a rollback journal is visible when its last event comes, and
	// most commits in WAL mode are this soon after it. So the first reads after a
	// change wait only this long.
	journalDelay = 2 * time.Millisecond
	usualDelay   = 20 * time.Millisecond

	// StormInterval is the interval between two firings while events keep coming.
	StormInterval = 250 * time.Millisecond
	stormAfter    = time.Second // a burst of this length is a storm
)

// Debounce decides when to react to a burst of events: at once to the first event and to
// the first commit that is reported, again journalDelay and usualDelay after the last
// event, and a last time CommitDelay after it. In a storm it fires every StormInterval.
// When idle it has no timer running. It belongs to one goroutine.
type Debounce struct {
	// Timer fires when a reaction is due. The owner must then call Fired.
	Timer *time.Timer

	phase phase
	first time.Time // the first event of the burst
	last  time.Time // its last event
	fired time.Time // the last firing

	committed bool // Committed was called in this burst
}

type phase int

const (
	idle     phase = iota
	starting       // due for the first event
	trailing       // more events may follow: due journalDelay after the last one
	quiet          // due usualDelay after it
	ending         // one firing is left
)

// NewDebounce returns an idle Debounce.
func NewDebounce() *Debounce {
	b := &Debounce{Timer: time.NewTimer(time.Hour)}
	b.Timer.Stop()
	return b
}

// Touch reports an event.
func (b *Debounce) Touch() {
	b.last = time.Now()
	switch b.phase {
	case idle:
		b.phase, b.first, b.committed = starting, b.last, false
		b.Timer.Reset(0)
	case trailing, quiet, ending:
		b.phase = trailing
		b.schedule()
	}
}

// Committed reports an event after which the change is visible. The first one of a burst
// makes a reaction due at once.
func (b *Debounce) Committed() {
	b.Touch()
	if !b.committed {
		b.committed = true
		b.Timer.Reset(0)
	}
}

// VisibleAt is for the reaction that is due now. It returns when the changes that caused
// it became visible: see Hint.
func (b *Debounce) VisibleAt() time.Time {
	switch b.phase {
	case quiet:
		return b.last.Add(usualDelay)
	case ending:
		return b.last.Add(CommitDelay)
	}
	return b.last
}

// Postpone may be called instead of Fired while the change is not visible yet. It postpones
// only the reaction to the first event, until journalDelay after the last event. It reports
// whether it did.
func (b *Debounce) Postpone() bool {
	if b.phase != starting {
		return false
	}
	b.fired = time.Now()
	b.phase = trailing
	b.schedule()
	return true
}

// Fired must be called when Timer has fired. It reports whether this was the
// last firing of the burst.
func (b *Debounce) Fired() (last bool) {
	b.fired = time.Now()
	since := b.fired.Sub(b.last)
	switch {
	case b.phase == ending, b.phase != starting && since >= CommitDelay:
		b.phase = idle
		return true
	case since >= usualDelay:
		b.phase = ending
	case since >= journalDelay:
		b.phase = quiet
	default:
		b.phase = trailing
	}
	b.schedule()
	return false
}

// Idle reports whether no firing is due.
func (b *Debounce) Idle() bool { return b.phase == idle }

// delays are the times of the next firing after the last event.
var delays = map[phase]time.Duration{trailing: journalDelay, quiet: usualDelay, ending: CommitDelay}

func (b *Debounce) schedule() {
	due := b.last.Add(delays[b.phase])
	if b.phase != ending {
		storm := b.last.Sub(b.first) > stormAfter
		if next := b.fired.Add(StormInterval); storm || next.Before(due) {
			due = next
		}
	}
	b.Timer.Reset(time.Until(due))
}

// OfferHint puts h into a channel with one slot. It replaces a hint that was
// not received yet, and keeps its facts about sleep and quiet. Only one
// goroutine may offer hints.
func OfferHint(slot chan Hint, h Hint) {
	select {
	case pending := <-slot:
		h.Woke = h.Woke || pending.Woke
		h.QuietUntil = pending.QuietUntil // until the first change that no snapshot shows yet
	default:
	}
	slot <- h
}

// Signal sends to a channel with one slot. It does nothing if the slot is
// taken: the receiver then has a signal to receive.
func Signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package probe

import "time"

// Clock is the time of day, and a way to wait. Wall-clock time decides: a
// sleeping Mac stops timers.
type Clock struct {
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Earlier returns the first of two times.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

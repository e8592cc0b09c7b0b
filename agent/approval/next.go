package approval

import "time"

// tick is the longest time between two snapshots while a window is open. The
// minutes left are shown, and a sleeping Mac stops timers.
const tick = 15 * time.Second

// Next returns how long after At the status changes without a new event. It returns
// false if it does not.
func (s Status) Next() (time.Duration, bool) {
	next, runs := tick, false
	for _, p := range s.Products {
		for _, item := range p.Items {
			if !item.Window.Open() {
				continue
			}
			runs = true
			if minute := item.Window.Left % time.Minute; minute > 0 {
				next = min(next, minute)
			}
		}
	}
	if !s.DueAt.IsZero() {
		in := max(s.DueAt.Sub(s.At), time.Second)
		if !runs || in < next {
			next, runs = in, true
		}
	}
	return next, runs
}

package approval

import "time"

// tick is how long a look may be off while a window is open: a sleeping Mac
// stops timers, and the minutes left are shown.
const tick = 15 * time.Second

// Next is how long after At the status changes by itself, and whether it does
// so at all: only an open window runs.
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
	return next, runs
}

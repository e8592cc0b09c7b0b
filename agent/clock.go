package main

import "time"

// clock is the time of day, and a way to wait. Wall-clock time decides: a
// sleeping Mac stops timers.
type clock struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time
}

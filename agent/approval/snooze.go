package approval

import (
	"slices"
	"time"
)

// hush says whether the user asked for quiet.
type hush int

const (
	talking    hush = iota
	snoozing        // alerts are only recorded, but for the last reminder
	snoozeOver      // the quiet ended a moment ago: an open window is due again
)

// Snooze holds back alerts until a moment. The icon goes on to speak, and the
// last reminder of a window that is about to close breaks through.
func (m Memory) Snooze(until time.Time) Memory {
	m = m.clone()
	m.Snoozed = until.UTC().Truncate(time.Second)
	return m
}

// hush also ends a snooze that is over. A clock that was set back by more than
// a window cannot prolong one.
func (m *Memory) hush(now time.Time) hush {
	switch {
	case m.Snoozed.IsZero():
		return talking
	case now.Before(m.Snoozed) && m.Snoozed.Sub(now) <= WindowLength:
		return snoozing
	}
	m.Snoozed = time.Time{}
	return snoozeOver
}

// hushed makes alerts silent, but for the reminder at the last stage.
func hushed(notices []Notice, last int) {
	for i, n := range notices {
		if n.Event != WindowReminder || n.Minutes > last {
			notices[i].Urgency = Silent
		}
	}
}

// lastStage is the reminder that breaks through; 0: there is none.
func lastStage(reminders []int) int {
	if len(reminders) == 0 {
		return 0
	}
	return slices.Min(reminders)
}

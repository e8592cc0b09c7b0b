package approval

import (
	"slices"
	"time"
)

// hush is the state of the snooze.
type hush int

const (
	talking    hush = iota
	snoozing        // alerts are only recorded, except the last reminder
	snoozeOver      // it ended just now: a reminder of an open window is due
)

// Snooze silences alerts until a time. The icon still changes, and the last
// reminder before a window closes is still shown.
func (m Memory) Snooze(until time.Time) Memory {
	m = m.clone()
	m.Snoozed = until.UTC().Truncate(time.Second)
	return m
}

// hush returns the state of the snooze, and clears a snooze that is over. A snooze
// never lasts longer than a window, even if the clock is set back.
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

// hushed makes alerts silent, except the reminder at the last stage.
func hushed(notices []Notice, last int) {
	for i, n := range notices {
		if n.Event != WindowReminder || n.Minutes > last {
			notices[i].Urgency = Silent
		}
	}
}

// lastStage returns the last reminder, in minutes left. 0 means none.
func lastStage(reminders []int) int {
	if len(reminders) == 0 {
		return 0
	}
	return slices.Min(reminders)
}

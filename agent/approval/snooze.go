package approval

import (
	"slices"
	"time"
)

// snoozeState is the state of the snooze.
type snoozeState int

const (
	notSnoozed snoozeState = iota
	snoozing               // alerts are only recorded, except the last reminder
	snoozeOver             // it has just ended: a reminder of an open window is due
)

// Snooze silences alerts until a time. The icon still changes, and the last
// reminder before a window closes is still shown.
func (m Memory) Snooze(until time.Time) Memory {
	m = m.clone()
	m.Snoozed = until.UTC().Truncate(time.Second)
	return m
}

// snoozeState returns the state of the snooze, and clears a snooze that is over. A
// snooze never lasts longer than a window, even if the clock is set back.
func (m *Memory) snoozeState(now time.Time) snoozeState {
	switch {
	case m.Snoozed.IsZero():
		return notSnoozed
	case now.Before(m.Snoozed) && m.Snoozed.Sub(now) <= WindowLength:
		return snoozing
	}
	m.Snoozed = time.Time{}
	return snoozeOver
}

// silence makes alerts silent, except the reminder at the last stage.
func silence(notices []Notice, last int) {
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

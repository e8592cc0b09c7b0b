package approval

import (
	"slices"
	"time"
)

// snoozeState is the state of the snooze, for one product.
type snoozeState int

const (
	notSnoozed snoozeState = iota
	snoozing               // reminders are only recorded, except the last one
	snoozeOver             // it has just ended: a reminder of the open window is due
)

// Snooze silences the reminders of the window that closes first, until a time or until
// it closes. The icon still changes, and the last reminder before the window closes is
// still shown. Without an open window there is nothing to snooze. A zero time ends the
// snooze.
func (m Memory) Snooze(until time.Time, status Status) Memory {
	m = m.clone()
	window := m.leadingWindow(status)
	if until.IsZero() || window == "" {
		m.Snoozed, m.SnoozedWindow = time.Time{}, ""
		return m
	}
	m.Snoozed, m.SnoozedWindow = second(until), window
	return m
}

// leadingWindow returns the windowID of the open and announced window that closes
// first. It is empty if none is open.
func (m Memory) leadingWindow(status Status) string {
	var first *Window
	lead := ""
	for _, p := range status.Products {
		if w := p.Window; w.Open() && (first == nil || w.ClosesAt.Before(first.ClosesAt)) {
			first, lead = w, m.Announced[p.ID].Lead
		}
	}
	return lead
}

// snoozeFor returns the state of the snooze for each product, and clears a snooze that
// is over, or whose window is not open any more. It never lasts longer than a window,
// even if the clock is set back.
func (m *Memory) snoozeFor(status Status) func(p Product) snoozeState {
	if m.Snoozed.IsZero() {
		return func(Product) snoozeState { return notSnoozed }
	}
	if m.SnoozedWindow == "" { // an earlier version snoozed whatever was open
		m.SnoozedWindow = m.leadingWindow(status)
	}
	window, state := m.SnoozedWindow, snoozing
	left := m.Snoozed.Sub(status.At)
	open := slices.ContainsFunc(status.Products, func(p Product) bool { return p.opens(window) })
	if left <= 0 || left > WindowLength || !open {
		m.Snoozed, m.SnoozedWindow, state = time.Time{}, "", snoozeOver
	}
	return func(p Product) snoozeState {
		if p.opens(window) {
			return state
		}
		return notSnoozed
	}
}

// opens reports whether an item of the product has this window, and it is open.
func (p Product) opens(window string) bool {
	return slices.ContainsFunc(p.Items, func(i Item) bool { return i.Window.Open() && windowID(i.Key, i.Window.Number) == window })
}

// silence makes the reminders of a snoozed window silent, except the one at the last
// stage. Everything else is news.
func silence(notices []Notice, last int) {
	for i, n := range notices {
		if n.Event == WindowObstacle || n.Event == WindowReminder && n.Minutes > last {
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

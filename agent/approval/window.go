package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

// Window is the time in which the Allow button is there.
type Window struct {
	Number   int       `plist:"Number"` // counts the windows of the item
	OpenedAt time.Time `plist:"OpenedAt"`
	ClosesAt time.Time `plist:"ClosesAt"`
	Basis    Basis     `plist:"Basis"`
	Reopened int       `plist:"Reopened"` // how often it was over and came back without an alert of macOS

	// Left was the time left at LeftAt. Within one process LeftAt carries the
	// monotonic clock, so that a wall clock set back cannot prolong a window.
	Left   time.Duration `plist:"Left"`
	LeftAt time.Time     `plist:"LeftAt"`
}

// Open reports whether the window was open when it was last assessed.
func (w *Window) Open() bool { return w != nil && w.Left > 0 }

// MinutesLeft is the time left in minutes, rounded up: "1" until the end.
func (w *Window) MinutesLeft() int {
	return int((w.Left + time.Minute - 1) / time.Minute)
}

func (w Window) known() bool { return w.Number > 0 }

// advance lets the window run on to now. The time left is the smaller of what
// the wall clock and the monotonic clock allow: it never grows, is never
// negative and never above WindowLength. Where the wall clock was set back,
// the window moves with it.
func (w Window) advance(now time.Time) Window {
	if !w.known() {
		return w
	}
	byWall := w.ClosesAt.Sub(now.Round(0))
	byMonotonic := w.Left - max(0, now.Sub(w.LeftAt))
	left := max(0, min(byWall, byMonotonic, WindowLength))
	if shift := byWall - left; shift > 2*time.Second {
		w.ClosesAt = w.ClosesAt.Add(-shift)
		w.OpenedAt = w.OpenedAt.Add(-shift)
	}
	w.Left, w.LeftAt = left, now
	return w
}

// attempt adds a load attempt to an item whose window has been advanced to
// now: it opens a window, prolongs the one that was open at that time, or
// reopens one that was over. over says that the last look found it over: then
// the user may have been told so.
func (m ItemMemory) attempt(a Attempt, over bool, now time.Time) ItemMemory {
	opened := a.At
	if opened.After(now) {
		opened = now.UTC().Truncate(time.Second)
	}
	w, end := m.Window, opened.Add(WindowLength)
	switch {
	case w.known() && !end.After(w.ClosesAt):
		return m
	case w.known() && !over && !opened.After(w.ClosesAt):
		w.ClosesAt = end
	default:
		m.Windows++
		w = Window{Number: m.Windows, OpenedAt: opened, ClosesAt: end, Basis: a.Evidence, Reopened: m.Earlier}
		m.Earlier++
	}
	w.Left, w.LeftAt = max(0, min(end.Sub(now.Round(0)), WindowLength)), now
	m.Window = w
	return m
}

// dismiss remembers times that were no attempts: what showed them may be gone
// at the next look.
func (m ItemMemory) dismiss(times []Attempt) ItemMemory {
	m.Dismissed = keepNewest(m.Dismissed, times)
	return m
}

// remember adds attempts.
func (m ItemMemory) remember(attempts []Attempt) ItemMemory {
	m.Attempts = keepNewest(m.Attempts, attempts)
	return m
}

// remembers reports whether this very attempt is known already. Attempts that
// were dropped because newer ones were kept are known, too: those newer ones
// opened windows that close later.
func (m ItemMemory) remembers(a Attempt, now time.Time) bool {
	if m.has(a) {
		return true
	}
	if len(m.Attempts) < keptAttempts {
		return false
	}
	// After the clock was set back, kept attempts lie in the future. They say
	// nothing about what happens now.
	oldest := m.Attempts[len(m.Attempts)-keptAttempts].At
	return a.At.Before(oldest) && !oldest.After(now)
}

func (m ItemMemory) has(a Attempt) bool {
	is := func(old Attempt) bool { return old.BundleID == a.BundleID && old.At.Equal(a.At) }
	return slices.ContainsFunc(m.Attempts, is) || slices.ContainsFunc(m.Dismissed, is)
}

// keptAttempts is how many attempts of an item are kept, beside the newest of
// each extension.
const keptAttempts = 32

// keepNewest adds attempts and keeps the newest, and the newest of each
// extension; oldest first.
func keepNewest(attempts, more []Attempt) []Attempt {
	if len(more) == 0 {
		return attempts
	}
	all := slices.Concat(attempts, more)
	slices.SortStableFunc(all, func(x, y Attempt) int { return x.At.Compare(y.At) })
	newest := map[string]int{}
	for i, a := range all {
		newest[a.BundleID] = i
	}
	kept := all[:0]
	for i, a := range all {
		if i >= len(all)-keptAttempts || newest[a.BundleID] == i {
			kept = append(kept, a)
		}
	}
	return kept
}

// earlierSession stands for "before this start-up" where the attempt itself
// was not seen.
const earlierSession = "earlier"

// beforeLogin reports whether the last attempt was made before the user logged
// in, and that was not long ago: macOS may have held its alert back until then,
// and counted the half hour from there.
func (m ItemMemory) beforeLogin(login, now time.Time) bool {
	if len(m.Attempts) == 0 || login.IsZero() || now.Before(login) || now.Sub(login) >= WindowLength {
		return false
	}
	return m.Attempts[len(m.Attempts)-1].At.Before(login.Truncate(time.Second))
}

// beforeBoot reports whether the last attempt was made before the Mac was
// started, or before it will be. The boot session decides where it is known:
// the boot time moves when the clock is corrected.
func (m ItemMemory) beforeBoot(mac probe.Mac) bool {
	if len(m.Attempts) == 0 {
		return false
	}
	if mac.Offline {
		return true
	}
	if m.Session != "" && mac.BootSession != "" {
		return m.Session != mac.BootSession
	}
	return m.Attempts[len(m.Attempts)-1].At.Before(mac.BootedAt)
}

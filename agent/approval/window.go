package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

// Window is the time during which macOS shows the Allow button.
type Window struct {
	Number   int       `plist:"Number"` // counts the windows of the item
	OpenedAt time.Time `plist:"OpenedAt"`
	ClosesAt time.Time `plist:"ClosesAt"`
	Basis    Basis     `plist:"Basis"`
	Reopened int       `plist:"Reopened"` // how often a new attempt reopened it; macOS shows no alert then

	// Left is the time left at LeftAt. Within one process LeftAt has a monotonic
	// reading, so that setting the wall clock back does not prolong a window.
	Left   time.Duration `plist:"Left"`
	LeftAt time.Time     `plist:"LeftAt"`
}

// Open reports whether the window was open when it was last assessed.
func (w *Window) Open() bool { return w != nil && w.Left > 0 }

// MinutesLeft returns the time left in minutes, rounded up: 1 in the last minute.
func (w *Window) MinutesLeft() int {
	return int((w.Left + time.Minute - 1) / time.Minute)
}

func (w Window) known() bool { return w.Number > 0 }

// advance returns the window at now. The time left is the smaller of the values
// of the wall clock and the monotonic clock. It never grows, and it is never negative
// or longer than WindowLength. If the wall clock was set back, the window moves with
// it.
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

// attempt adds a load attempt to an item whose window was advanced to now. It
// opens a window, prolongs the window that was open at that time, or reopens a
// closed one. over reports that the previous snapshot found the window closed or, after a
// login, unknown, so the user may know that.
func (m ItemMemory) attempt(a Attempt, over bool, now time.Time) ItemMemory {
	opened := a.At
	if opened.After(now) {
		opened = second(now)
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

// dismiss remembers times that were not attempts. The evidence for that may be
// gone at the next snapshot.
func (m ItemMemory) dismiss(times []Attempt) ItemMemory {
	m.Dismissed = keepNewest(m.Dismissed, times)
	return m
}

// remember adds attempts.
func (m ItemMemory) remember(attempts []Attempt) ItemMemory {
	m.Attempts = keepNewest(m.Attempts, attempts)
	return m
}

// remembers reports whether this attempt is already known. known is m.known(). An
// attempt that was dropped in favor of newer ones is also known: the newer ones opened
// windows that close later.
func (m ItemMemory) remembers(a Attempt, known attempts, now time.Time) bool {
	if known.has(a) {
		return true
	}
	if len(m.Attempts) < keptAttempts {
		return false
	}
	// After the clock was set back, kept attempts are in the future. They are
	// ignored for the current state.
	oldest := m.Attempts[len(m.Attempts)-keptAttempts].At
	return a.At.Before(oldest) && !oldest.After(now)
}

// known returns the attempts and the dismissed times.
func (m ItemMemory) known() attempts {
	all := make(attempts, len(m.Attempts)+len(m.Dismissed))
	for _, list := range [][]Attempt{m.Attempts, m.Dismissed} {
		for _, a := range list {
			all[withoutEvidence(a)] = true
		}
	}
	return all
}

// attempts is a set of attempts. The evidence makes no difference.
type attempts map[Attempt]bool

func (s attempts) has(a Attempt) bool { return s[withoutEvidence(a)] }

// missing returns those of some attempts that the set does not have.
func (s attempts) missing(from []Attempt) []Attempt {
	return slices.DeleteFunc(slices.Clone(from), s.has)
}

// newest returns the time of the last of some attempts.
func newest(attempts []Attempt) time.Time { return attempts[len(attempts)-1].At }

// withoutEvidence returns an attempt whose time compares equal with == to that of every
// other attempt at that moment.
func withoutEvidence(a Attempt) Attempt {
	return Attempt{At: a.At.Round(0).UTC(), BundleID: a.BundleID}
}

// keptAttempts is how many attempts of an item are kept, in addition to the
// newest of each extension.
const keptAttempts = 32

// keepNewest adds attempts and keeps the newest ones, including the newest of each
// extension. The result is in order of time.
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

// earlierSession is the value for an unknown earlier boot session.
const earlierSession = "earlier"

// beforeLogin reports whether the last attempt was made before the user logged in,
// and the login was less than a window ago. macOS may have delayed its alert until
// the login and counted the 30 minutes from there.
func (m ItemMemory) beforeLogin(login, now time.Time) bool {
	if len(m.Attempts) == 0 || login.IsZero() || now.Before(login) || now.Sub(login) >= WindowLength {
		return false
	}
	return newest(m.Attempts).Before(login.Truncate(time.Second))
}

// beforeBoot reports whether the last attempt was made in an earlier boot. On the
// disk of a Mac that does not run, this is true for every attempt. The boot session
// outranks the boot time, which moves when the clock is corrected.
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
	return newest(m.Attempts).Before(mac.BootedAt)
}

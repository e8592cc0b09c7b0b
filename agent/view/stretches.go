package view

import (
	"fmt"
	"slices"
	"time"

	"kextwatch/agent/approval"
)

// stretch is a time during which something was true of a product.
type stretch struct {
	from, to time.Time
	tip      string
	product  string // see Happening.about
	resumed  bool   // it began before kextwatch started
	open     bool   // to is the last time at which it was seen
	paused   bool   // kextwatch stopped during it
}

// firstSnapshotMargin is more than a new agent needs for its first snapshot. An
// earlier state that ends within it was over before.
const firstSnapshotMargin = time.Minute

// keepsOut reports whether macOS does not load a kernel extension at this verdict.
func keepsOut(v approval.Verdict) bool {
	switch v {
	case approval.CannotLoad, approval.UpgradePending, approval.LoadFailing:
		return true
	}
	return v.Blocked()
}

// blockedStretches returns when products were blocked, as far as kextwatch ran and could
// tell. events are in order of time and end with the present state of the products.
func blockedStretches(events []Happening, _ time.Time) []*stretch {
	var all []*stretch
	for _, e := range events {
		switch e.Event {
		case approval.AgentStopped:
			for _, s := range all {
				if s.open {
					s.to, s.open, s.paused = e.At, false, true
				}
			}
		case approval.AgentStarted:
			for _, s := range all {
				if s.paused {
					s.paused = false
					all = append(all, &stretch{from: e.At, to: e.At, tip: s.tip, product: s.product, resumed: true, open: true})
				}
			}
		}
		if e.Verdict == "" {
			continue
		}
		known := false
		for _, s := range all {
			if s.product != e.about() {
				continue
			}
			s.paused = false
			if s.open {
				known, s.to, s.open = true, e.At, keepsOut(e.Verdict)
			}
		}
		if !known && keepsOut(e.Verdict) {
			s := &stretch{from: e.At, to: e.At, tip: e.Product, product: e.about(), open: true}
			if !e.OpenedAt.IsZero() && e.OpenedAt.Before(e.At) {
				s.from = e.OpenedAt
			}
			all = append(all, s)
		}
	}
	var seen []*stretch
	for _, s := range all {
		if s.resumed && !s.open && s.to.Sub(s.from) <= firstSnapshotMargin {
			continue
		}
		s.tip = fmt.Sprintf("%s: seen blocked from %s to %s", s.tip, stamp(s.from), stamp(s.to))
		seen = append(seen, s)
	}
	return seen
}

// buttonStretches returns when an Allow button was there.
func buttonStretches(events []Happening, now time.Time) []*stretch {
	var all []*stretch
	for i, e := range events {
		if e.OpenedAt.IsZero() || !e.ClosesAt.After(e.OpenedAt) || e.Event != "" && !slices.Contains(windowEvents, e.Event) {
			continue
		}
		s := &stretch{from: e.OpenedAt, to: e.ClosesAt, product: e.about(), tip: e.tip()}
		for _, later := range events[i+1:] {
			if later.about() == e.about() && later.Verdict != "" && later.Verdict != approval.BlockedOpen && later.Verdict != approval.Unknown && later.At.Before(s.to) {
				s.to = later.At // allowed, for example
				break
			}
		}
		if s.to.After(now) {
			s.to = now
		}
		if last := lastOf(all, s.product); last != nil && !s.from.After(last.to) {
			last.to = s.to // another attempt while the button was there
			continue
		}
		all = append(all, s)
	}
	return all
}

func lastOf(all []*stretch, product string) *stretch {
	for _, s := range slices.Backward(all) {
		if s.product == product {
			return s
		}
	}
	return nil
}

var windowEvents = []approval.EventName{approval.WindowOpened, approval.WindowReopened}

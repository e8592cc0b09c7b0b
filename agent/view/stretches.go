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
	last     time.Time
	resumed  bool // it began before the agent started
}

// settling is how long a new agent needs for its first snapshot, with a large margin. An
// earlier state that ends within it was over before.
const settling = time.Minute

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
func blockedStretches(events []Happening, now time.Time) []stretch {
	var all, open, paused []stretch
	end := func(s stretch, at time.Time) {
		if s.to = at; !s.resumed || at.Sub(s.from) > settling {
			all = append(all, s)
		}
	}
	for _, e := range events {
		i := slices.IndexFunc(open, func(s stretch) bool { return s.product == e.about() })
		switch {
		case e.Event == approval.AgentStopped:
			for _, s := range open {
				end(s, e.At)
			}
			paused, open = append(paused, open...), nil
		case e.Event == approval.AgentStarted:
			for _, s := range paused {
				s.from, s.last, s.resumed = e.At, e.At, true
				open = append(open, s)
			}
			paused = nil
		case e.Verdict == "":
		case keepsOut(e.Verdict) && i >= 0:
			open[i].last = e.At
		case keepsOut(e.Verdict):
			from := e.At
			if !e.OpenedAt.IsZero() && e.OpenedAt.Before(from) {
				from = e.OpenedAt
			}
			paused = slices.DeleteFunc(paused, func(s stretch) bool { return s.product == e.about() })
			open = append(open, stretch{from: from, last: e.At, product: e.about(), tip: e.Product})
		default:
			paused = slices.DeleteFunc(paused, func(s stretch) bool { return s.product == e.about() })
			if i >= 0 {
				end(open[i], e.At)
				open = slices.Delete(open, i, i+1)
			}
		}
	}
	for _, s := range open {
		s.resumed = s.resumed && !s.last.Equal(now)
		end(s, s.last) // now, unless the product is not watched any more
	}
	for i, s := range all {
		all[i].tip = fmt.Sprintf("%s: seen blocked from %s to %s", s.tip, stamp(s.from), stamp(s.to))
	}
	return all
}

// buttonStretches returns when an Allow button was there.
func buttonStretches(events []Happening, now time.Time) []stretch {
	var all []stretch
	for i, e := range events {
		if e.OpenedAt.IsZero() || !e.ClosesAt.After(e.OpenedAt) || e.Event != "" && !slices.Contains(windowEvents, e.Event) {
			continue
		}
		s := stretch{from: e.OpenedAt, to: e.ClosesAt, product: e.about(), tip: e.tip()}
		for _, later := range events[i+1:] {
			if later.about() == e.about() && later.Verdict != "" && later.Verdict != approval.BlockedOpen && later.Verdict != approval.Unknown && later.At.Before(s.to) {
				s.to = later.At // allowed, for example
				break
			}
		}
		if s.to.After(now) {
			s.to = now
		}
		known := slices.IndexFunc(all, func(k stretch) bool { return k.product == s.product && !s.from.After(k.to) })
		if known >= 0 { // another attempt while the button was there
			all[known].to = s.to
			continue
		}
		all = append(all, s)
	}
	return all
}

var windowEvents = []approval.EventName{approval.WindowOpened, approval.WindowReopened}

package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
)

// The lane Blocked is filled while something is blocked, whether there is an Allow button
// or not, and only as far as kextwatch could tell.
func TestBlockedStretches(t *testing.T) {
	const one, two = "Parallels Desktop", "macFUSE"
	now := opened.Add(24 * time.Hour)
	ago := func(hours float64) time.Time { return now.Add(-time.Duration(hours * float64(time.Hour))) }
	turns := func(hours float64, product string, v approval.Verdict) Happening {
		return Happening{At: ago(hours), Event: approval.VerdictChanged, Product: product, Verdict: v}
	}
	is := func(product string, v approval.Verdict) Happening {
		return Happening{At: now, Product: product, Verdict: v}
	}
	stops := func(hours float64) Happening { return Happening{At: ago(hours), Event: approval.AgentStopped} }
	starts := func(hours float64) Happening { return Happening{At: ago(hours), Event: approval.AgentStarted} }
	for _, tt := range []struct {
		name   string
		events []Happening
		want   string // hours ago
	}{
		{"nothing", []Happening{is(one, approval.Approved)}, ""},
		{"a button, then none, then allowed", []Happening{
			turns(9, one, approval.BlockedOpen), turns(8.5, one, approval.BlockedClosed), turns(5, one, approval.Approved), is(one, approval.Approved),
		}, "9-5"},
		{"never a button", []Happening{turns(9, one, approval.NeedsRecovery), is(one, approval.NeedsRecovery)}, "9-0"},
		{"by an organization", []Happening{turns(9, one, approval.Managed), turns(2, one, approval.RestartPending), is(one, approval.RestartPending)}, "9-2"},
		{"approved, and refused", []Happening{turns(9, one, approval.LoadFailing), is(one, approval.LoadFailing)}, "9-0"},
		{"without a history", []Happening{is(one, approval.BlockedUnknown)}, "0-0"},
		{"since the attempt", []Happening{{At: now, Product: one, Verdict: approval.BlockedOpen, OpenedAt: ago(0.25)}}, "0.25-0"},
		{"two products", []Happening{
			turns(9, one, approval.BlockedUnknown), turns(8, two, approval.BlockedUnknown), turns(7, one, approval.Approved), is(one, approval.Approved), is(two, approval.BlockedUnknown),
		}, "9-7 8-0"},
		{"cannot tell", []Happening{turns(9, one, approval.BlockedClosed), turns(6, one, approval.Unknown), is(one, approval.Unknown)}, "9-6"},
		{"kextwatch did not run", []Happening{
			turns(9, one, approval.BlockedClosed), stops(8), starts(4), is(one, approval.BlockedClosed),
		}, "9-8 4-0"},
		{"allowed while kextwatch did not run", []Happening{
			turns(9, one, approval.BlockedClosed), stops(8), starts(4), turns(3.999, one, approval.Approved), is(one, approval.Approved),
		}, "9-8"},
		{"allowed later", []Happening{
			turns(9, one, approval.BlockedClosed), stops(8), starts(4), turns(3, one, approval.Approved), is(one, approval.Approved),
		}, "9-8 4-3"},
		{"not started again", []Happening{turns(9, one, approval.BlockedClosed), stops(8), is(one, approval.BlockedClosed)}, "9-8 0-0"},
		{"not watched any more", []Happening{turns(9, two, approval.BlockedOpen), turns(8, two, approval.BlockedClosed), is(one, approval.Approved)}, "9-8"},
	} {
		var got []string
		for _, s := range blockedStretches(tt.events, now) {
			got = append(got, fmt.Sprintf("%.4g-%.4g", now.Sub(s.from).Hours(), now.Sub(s.to).Hours()))
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: blocked %q hours ago, want %q", tt.name, got, tt.want)
		}
	}
}

// A bar ends when the button is gone, and now at the latest.
func TestButtonStretches(t *testing.T) {
	now := opened.Add(3 * time.Hour)
	window := func(minutesAgo int, event approval.EventName) Happening {
		at := now.Add(-time.Duration(minutesAgo) * time.Minute)
		return Happening{At: at, Event: event, Product: "P", Verdict: approval.BlockedOpen, OpenedAt: at, ClosesAt: at.Add(30 * time.Minute)}
	}
	allowed := Happening{At: now.Add(-91 * time.Minute), Event: approval.ApprovedEvent, Product: "P", Verdict: approval.Approved}
	present := window(4, "")
	present.At = now
	reminder := window(99, approval.WindowReminder)
	var got []string
	for _, s := range buttonStretches([]Happening{window(150, approval.WindowOpened), window(100, approval.WindowReopened), reminder, allowed, window(4, approval.WindowReopened), present}, now) {
		got = append(got, fmt.Sprintf("%.0f-%.0f", now.Sub(s.from).Minutes(), now.Sub(s.to).Minutes()))
	}
	if got := strings.Join(got, " "); got != "150-120 100-91 4-0" {
		t.Errorf("there was a button %q minutes ago", got)
	}
	if got := buttonStretches([]Happening{present}, now); len(got) != 1 {
		t.Errorf("without a history: %+v, want the button that is there", got)
	}
}

package view

import (
	"fmt"
	"time"

	"kextwatch/agent/approval"
)

// times writes a moment. Words on a screen are about now and have the time of day: clock.
// A page is read later and elsewhere, so it has the date and the time zone, too: dated.
type times func(time.Time) string

// clock returns the local time of day, as "15:04".
func clock(t time.Time) string { return t.Local().Format("15:04") }

// dated returns a local time that stays true, as "15:04, 2 January, CET". A page says in
// which year it was made.
func dated(t time.Time) string { return t.Local().Format("15:04, 2 January, MST") }

// stamp returns a local time for a table or a list.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// minute returns a local time for a screen, whose time zone is that of the reader.
func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// stateOnPage is State for a page: it says until when something waits, not for how long.
func stateOnPage(p approval.Product, st approval.Status) string {
	state := verdictWords[p.Verdict].state(p)
	if p.Verdict == approval.BlockedOpen {
		state += fmt.Sprintf(" until %s", closing(p, st, dated))
	}
	return state
}

// whyOnPage is Why for a page.
func whyOnPage(p approval.Product, st approval.Status) string { return why(p, st, dated) }

// made says when a page was made, with the year.
func made(t time.Time) string { return t.Local().Format("Made on 2 January 2006 at 15:04 MST") }

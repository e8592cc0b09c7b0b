package view

import (
	"fmt"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Question is a dialog about an open window, and what its buttons mean.
type Question struct {
	notify.Dialog
	Open   notify.Answer // opens the pane
	Remind notify.Answer // snoozes; empty: there is no such button
	after  time.Duration
	closes time.Time
}

// Snooze returns how long Remind snoozes if it is pressed at now. A dialog can stay open
// for minutes: the snooze ends a minute before the window closes, or is 0.
func (q Question) Snooze(now time.Time) time.Duration {
	return max(0, min(q.after, q.closes.Sub(now)-time.Minute))
}

// Dialog returns a dialog for a notice about an open window. Its buttons work;
// those of a notification do not.
func Dialog(n approval.Notice, st approval.Status) Question {
	title, _ := alertWords(n, st, false)
	text := sentences(Why(n.Product, st), clickAllow(n.Product, st), pressTab)
	if o := obstacle(n.Product, st); o != nil {
		text = sentences(text, o.Title, o.Next)
	}
	text = title + "\n\n" + sentences(text, besideButton(n.Product, st)) + named("\n\n%s", contactLine(st))
	q := Question{
		Dialog: notify.Dialog{Title: "kextwatch", Text: text, Buttons: []string{"Later"}},
		Open:   notify.Answer(fmt.Sprintf("Open %s", PaneFor(st.Mac).Name)),
	}
	if after := remindAfter(n.Window.MinutesLeft()); after > 0 {
		q.closes = n.Window.ClosesAt
		q.after = time.Duration(after) * time.Minute
		q.Remind = notify.Answer(count(after, "Remind Me in 1 Minute", "Remind Me in %d Minutes"))
		q.Buttons = append(q.Buttons, string(q.Remind))
	}
	q.Buttons = append(q.Buttons, string(q.Open))
	q.Default = len(q.Buttons) - 1
	return q
}

// remindAfter returns in how many minutes to remind if so many are left, so that there
// is still time to click. 0: there is no such time.
func remindAfter(left int) int {
	switch {
	case left >= 8:
		return 5
	case left >= 4:
		return 2
	case left == 3:
		return 1
	}
	return 0
}

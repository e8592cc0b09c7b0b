package view

import (
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// The button that snoozes never snoozes until the Allow button is gone, however late it
// is pressed.
func TestRemindMeLeavesTimeToClick(t *testing.T) {
	for left, want := range map[int]notify.Answer{
		30: "Remind Me in 5 Minutes", 8: "Remind Me in 5 Minutes", 7: "Remind Me in 2 Minutes", 5: "Remind Me in 2 Minutes",
		4: "Remind Me in 2 Minutes", 3: "Remind Me in 1 Minute", 2: "", 1: "",
	} {
		st := statusWith(approval.BlockedOpen, "12.7.6")
		w := *st.Products[0].Window
		w.Left, w.ClosesAt = time.Duration(left)*time.Minute, st.At.Add(time.Duration(left)*time.Minute)
		q := Dialog(approval.Notice{Event: approval.WindowReminder, Product: st.Products[0], Window: &w, Minutes: left}, st)
		if q.Remind != want || len(q.Buttons) != 2+min(1, len(want)) || q.Buttons[q.Default] != string(q.Open) || q.Buttons[q.Cancel] != "Later" {
			t.Errorf("%d minutes left: %q, %v, want %q", left, q.Remind, q.Buttons, want)
		}
		for late := range time.Duration(left + 5) {
			if now := st.At.Add(late * time.Minute); q.Snooze(now) > 0 && w.ClosesAt.Sub(now.Add(q.Snooze(now))) < time.Minute {
				t.Errorf("%d minutes left, pressed after %d: a snooze of %v", left, late, q.Snooze(now))
			}
		}
	}
}

// A dialog says what helps if the button does nothing.
func TestDialogSaysWhatHelps(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	p := &st.Products[0]
	p.Reasons = []approval.Reason{{Code: approval.ReasonSIP, Severity: approval.Note, Check: "sip"}}
	q := Dialog(approval.Notice{Event: approval.WindowOpened, Product: *p, Window: p.Window}, st)
	for _, want := range []string{"press Tab", "System Integrity Protection"} {
		if !strings.Contains(q.Text, want) {
			t.Errorf("%q is missing in %q", want, q.Text)
		}
	}
}

package main

import (
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
)

// The history has one line for what happened at one moment, and says why a notification
// could not be shown.
func TestHistoryText(t *testing.T) {
	t.Setenv("TZ", "UTC")
	at := time.Date(2026, 5, 6, 5, 45, 0, 0, time.Local)
	event := func(after time.Duration, name approval.EventName, product, text, err string) store.Event {
		return store.Event{At: at.Add(after), Event: name, Product: product, Text: text, Error: err}
	}
	events := []store.Event{
		event(0, approval.AgentStarted, "", "kextwatch started.", ""),
		event(time.Minute, approval.VerdictChanged, "macFUSE", "macFUSE: waiting for your approval.", ""),
		event(time.Minute, approval.WindowOpened, "macFUSE", "macOS blocked macFUSE.", ""),
		event(time.Minute, approval.VerdictChanged, "OpenZFS", "OpenZFS: not asked for approval yet.", ""),
		event(time.Minute+time.Millisecond, approval.NotificationFailed, "", "A notification could not be shown.", "posting a notification: the server \x1b[31mdid not answer; start a notification daemon (beeep: dbus)"),
		event(2*time.Minute, approval.VerdictChanged, "macFUSE", "macFUSE: approved.", ""),
	}
	const want = `2026-05-06 05:45:00  kextwatch started.
2026-05-06 05:46:00  macOS blocked macFUSE.
2026-05-06 05:46:00  OpenZFS: not asked for approval yet.
2026-05-06 05:46:00  A notification could not be shown: the server [31mdid not answer
2026-05-06 05:47:00  macFUSE: approved.
`
	if got := historyText(events).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := historyText(nil).String(); got != "Nothing has happened yet. The agent writes the history: kextwatch install starts it.\n" {
		t.Errorf("without events: %q", got)
	}
}

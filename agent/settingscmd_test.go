package main

import (
	"testing"

	"kextwatch/agent/settings"
)

func TestExitStatusOfSettings(t *testing.T) {
	invalid := settings.Problem{Key: "Reminders", Why: "it must be a list"}
	damaged := settings.Problem{Why: "damaged property list"}
	unread := settings.Problem{Why: "permission denied", Unread: true}
	unknown := settings.Problem{Key: "Snooze", Unknown: true}
	for want, cases := range map[int][][]settings.Problem{
		0: {nil, {unknown}},
		1: {{invalid}, {damaged}, {unread, invalid}, {invalid, unread}, {unknown, invalid}},
		2: {{unread}, {unknown, unread}, {unread, unknown}},
	} {
		for _, problems := range cases {
			if got := settingsCode(problems); got != want {
				t.Errorf("%+v: exit status %d, want %d", problems, got, want)
			}
		}
	}
}

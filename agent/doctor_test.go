package main

import (
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
)

// An open window is something to do, even if only the log shows it and the policy cannot
// be read.
func TestDoctorCode(t *testing.T) {
	for name, tt := range map[string]struct {
		verdict approval.Verdict
		failed  []string
		code    int
	}{
		"a check failed":            {approval.NotAsked, []string{"agent.running"}, 1},
		"nothing is known":          {approval.Unknown, nil, 2},
		"no source":                 {approval.Unknown, []string{"policy.source", "policy.reader"}, 2},
		"no source, an open window": {approval.Unknown, []string{"policy.source", "window"}, 1},
		"a window":                  {approval.BlockedOpen, []string{"window"}, 1},
	} {
		checks := []view.Check{{ID: "restart", Level: view.Unsure}, {ID: "tray", Level: view.Warn}}
		for _, id := range tt.failed {
			checks = append(checks, view.Check{ID: id, Level: view.Fail})
		}
		st := approval.Status{Verdict: tt.verdict}
		if got := doctorCode(st, checks); got != tt.code {
			t.Errorf("%s: %d, want %d", name, got, tt.code)
		}
	}
}

package view

import (
	"fmt"
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// The check of the reader is ok only where it publishes now and launchd finds
// all of it.
func TestReaderCheck(t *testing.T) {
	works := probe.Source{Name: probe.Reader, State: probe.OK}
	stopped := probe.Source{Name: probe.Reader, State: probe.Failed, Reason: "the root reader has not run since x: y is missing", Next: "run `x`"}
	full := probe.Source{Name: probe.Reader, State: probe.Failed, Reason: "the disk is full: x", Next: "free some space on the disk"}
	silent := probe.Source{Name: probe.Reader, State: probe.Absent, Reason: "the reader is not installed", Next: "run `x`"}
	state := func(s probe.ReaderState) probe.ReaderInstallation {
		return probe.ReaderInstallation{State: s, Path: "/Library/x", Next: "run `x`"}
	}
	open := probe.ReaderInstallation{State: probe.ReaderUnguarded, Path: "/x", Reason: "users other than its owner can write to /x", Next: "move it away, then run `x`"}
	var out strings.Builder
	for _, tc := range []struct {
		name      string
		source    probe.Source
		installed probe.ReaderInstallation
		want      Level
	}{
		{"it works", works, probe.ReaderInstallation{State: probe.ReaderSound}, Ok},
		{"an earlier one works", works, state(probe.ReaderOlder), Warn},
		{"it works, its program is gone", works, state(probe.ReaderNoProgram), Fail},
		{"it works, its property list is gone", works, state(probe.ReaderNoPlist), Fail},
		{"it works, both are gone", works, state(probe.ReaderAbsent), Fail},
		{"it works, others can change it", works, open, Fail},
		{"it works, its files cannot be read", works, probe.ReaderInstallation{Path: "/x", Reason: "input/output error", Next: "run `x` again"}, Unsure},
		{"it stopped", stopped, state(probe.ReaderSound), Fail},
		{"an earlier one stopped", stopped, state(probe.ReaderOlder), Fail},
		{"it stopped, its program is gone", stopped, state(probe.ReaderNoProgram), Fail},
		{"it stopped, its files cannot be read", stopped, probe.ReaderInstallation{Path: "/x", Reason: "input/output error"}, Fail},
		{"the disk is full", full, state(probe.ReaderSound), Fail},
		{"it published nothing", silent, state(probe.ReaderSound), Fail},
		{"it published nothing, its program is gone", silent, state(probe.ReaderNoProgram), Fail},
		{"it published nothing, others can change it", silent, open, Fail},
		{"it is not installed", silent, state(probe.ReaderAbsent), Warn},
		{"nobody knows whether it is installed", silent, probe.ReaderInstallation{Path: "/x", Reason: "input/output error", Next: "run `x` again"}, Unsure},
	} {
		st := statusWith(approval.Approved, "12.7.6")
		st.Source, st.Sources = probe.Framework, []probe.Source{tc.source, {Name: probe.Framework, State: probe.OK}}
		for _, check := range Checks(st, Own{Reader: tc.installed}) {
			if check.ID != "policy.reader" {
				continue
			}
			fmt.Fprintf(&out, "=== %s\n%s", tc.name, CheckText([]Check{check}, true).String())
			if check.Level != tc.want || check.Level != Ok && check.Next == "" {
				t.Errorf("%s: %+v, want %s", tc.name, check, tc.want)
			}
		}
	}
	golden(t, "testdata/reader.txt", out.String())
}

package main

import (
	"strings"
	"testing"

	"kextwatch/agent/view"
)

// The README shows what status prints for a blocked Parallels Desktop. It is made here, on a
// simulated Mac, in a terminal of 80 columns.
func TestReadmeShowsTheStatus(t *testing.T) {
	p, mac := thisProgram(t), t.TempDir()+"/mac"
	do := func(args ...string) string {
		t.Helper()
		cmd := p.command(t, args...)
		cmd.Env = append(cmd.Environ(), "TZ=UTC")
		out, _ := cmd.Output() // status exits with 1
		return string(out)
	}
	do("sim", mac, "new", "--macos", "13.7.2", "--parallels", "18.3.2", "--now", "2026-05-06T20:00:00Z")
	do("sim", mac, "add-vm", "Windows 11", "parallels")
	do("sim", mac, "start-vm", "Windows 11", "--now", "2026-05-06T23:22:00Z")
	status := do("status", "--root", mac, "--now", "2026-05-06T23:27:00Z")
	want := "    $ bin/kextwatch status\n"
	for line := range strings.Lines(view.Untoned(status).Broken(80).String()) {
		want += "    " + line
	}
	if !strings.Contains(fileText(t, "../README.md"), want) {
		t.Errorf("README.md does not have\n%s", want)
	}
}

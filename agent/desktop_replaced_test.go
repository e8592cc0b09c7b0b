//go:build desktop && tray && linux

package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"kextwatch/agent/cli"
)

// A replaced program with an icon also exits with 75. On macOS the icon would end the
// process with 0, and launchd would not start it again.
func TestDesktopReplaced(t *testing.T) {
	t.Parallel()
	root, sim := simulated(t, "13.7.2")
	program := thisProgram(t)
	agent, panel, notifications := startOnDesktop(t, program, root)
	panel.WaitIcon(t).WaitMenu(t, shows("Parallels Desktop: not asked for approval yet"))
	data, err := os.ReadFile(program[0])
	if err := errors.Join(err, os.WriteFile(program[0]+".new", data, 0o755), os.Rename(program[0]+".new", program[0])); err != nil {
		t.Fatal(err)
	}
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	notifications.Next(t)
	if err := agent.Wait(); agent.ProcessState.ExitCode() != cli.ExitRestart {
		t.Errorf("ended with %v, want exit status 75", err)
	}
}

//go:build desktop && tray && linux

package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"kextwatch/notify/tray/desk"
)

// With an icon, too, a program that is replaced ends with 75: on macOS the
// icon would end the process, and with 0, so that launchd left it at that.
func TestDesktopReplaced(t *testing.T) {
	root, sim := simulated(t, "13.7.2")
	bus, display := desk.StartBus(t), desk.StartDisplay(t)
	notifications := desk.StartNotifications(t, bus, false)
	panel := desk.StartPanel(t, bus)
	program := thisProgram(t)
	agent := program.command(t, "run", "--root", root)
	agent.Env = append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS="+bus, "DISPLAY="+display, "NO_AT_BRIDGE=1", "GTK_A11Y=none")
	agent.Stderr = os.Stderr
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Process.Kill() })
	panel.WaitIcon(t).WaitMenu(t, shows("Parallels Desktop: not asked for approval yet"))
	data, err := os.ReadFile(program[0])
	if err := errors.Join(err, os.WriteFile(program[0]+".new", data, 0o755), os.Rename(program[0]+".new", program[0])); err != nil {
		t.Fatal(err)
	}
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	notifications.Next(t)
	if err := agent.Wait(); agent.ProcessState.ExitCode() != exitRestart {
		t.Errorf("ended with %v, want exit status 75", err)
	}
}

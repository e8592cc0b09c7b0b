// Kextwatch says when macOS waits for you to allow a kernel extension.
//
// macOS refuses a kernel extension that nobody has approved, shows one alert,
// and keeps an Allow button in Security & Privacy for 30 minutes after the
// attempt to load it. Afterwards only another attempt brings the button back,
// and that time there is no alert. Kextwatch watches the policy database and
// the places where Parallels is installed, says when such a window is open
// and for how long, opens the right pane, and says what is left to do.
//
// It never clicks Allow, never changes a file of macOS or of Parallels, and
// sends nothing anywhere.
//
//	kextwatch install     start at login, as a LaunchAgent
//	kextwatch status      look once and say where things stand
//	kextwatch demo        the whole story on a simulated Mac
//
// This package wires the parts together and is the only one that knows all of
// them: probe/mac reads the facts, agent/approval decides what they ask of
// the user, agent/view finds the words, notify shows them. One goroutine,
// (*agent).watch, owns everything that changes.
//
// Exit status: status answers 0 nothing to do, 1 something to do, 2 cannot
// tell. Every other command ends with 0, or 64 for wrong usage, 69 where a
// tool, a permission or a source is missing, 70 for a defect. Run ends with 75
// to have launchd start the program that took its place.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	program, _ := executable() // unknown is as good as: not in an app
	os.Exit(run(ctx, arguments(os.Args[1:], program, os.Stdin), newHost()))
}

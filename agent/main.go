// Kextwatch reports when macOS waits for you to allow a kernel extension.
//
// macOS refuses a kernel extension that nobody has approved, shows one alert,
// and keeps an Allow button in Security & Privacy for 30 minutes after the
// attempt to load it. Afterwards only another attempt brings the button back, and
// macOS shows no alert for it. Kextwatch watches the policy database and the folders
// of Parallels, reports when such an approval window is open and for how long,
// opens the pane, and names the next step.
//
// It never clicks Allow, never changes a file of macOS or of Parallels, and
// sends nothing anywhere.
//
//	kextwatch install     start at login, as a LaunchAgent
//	kextwatch status      show the current status
//	kextwatch demo        show everything on a simulated Mac
//
// This package wires the parts together and is the only one that knows all of
// them: probe/mac reads the facts, agent/approval decides what the user has to do,
// agent/view writes the texts, notify shows them. One goroutine in agent/loop owns
// the state of the agent.
//
// Exit status:
//
//	0   success; status and doctor: nothing to do; retry: the Allow button is there
//	1   status, doctor and upgrade-check: something to do; settings: a value is
//	    invalid or a file is damaged
//	2   status, doctor and upgrade-check: unknown; settings: a file cannot be read
//	3   retry: the Allow button is not there
//	64  wrong usage
//	69  something is missing, such as a tool or a permission
//	70  a defect of kextwatch
//	75  run: launchd has to start the new version of the program
//	130 interrupted by Ctrl-C or a signal; run, watch, demo and logs -f end with 0
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"kextwatch/agent/setup"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(start(newHost())) }

// start runs the program on a host and returns its exit status.
func start(h host) int {
	if exit, done := quick(os.Args[1:], h); done {
		return exit
	}
	ctx, stop := interruptible()
	defer stop()
	program, _ := setup.ThisProgram() // an unknown path counts as outside an app
	return run(ctx, arguments(os.Args[1:], program, h.stdin), h)
}

// interruptible returns a context that ends if the program is interrupted.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

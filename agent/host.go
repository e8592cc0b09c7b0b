package main

import (
	"context"
	"io"
	"os"
	"time"

	"kextwatch/agent/loop"
	"kextwatch/agent/setup"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/notify/tray"
	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/watch"
)

// host holds every edge of this program. Only the tests and the demo replace them.
type host struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	uid            int
	clock          probe.Clock
	newTray        func() (notify.Tray, error)
	newPoster      func(toolsRoot string) (notify.Poster, error)
	watch          func(ctx context.Context, m root.FS, also ...string) loop.Watcher
	end            func(code int) // ends the process at once
}

// newHost returns the host for the machine this program runs on.
func newHost() host {
	return host{
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		env:       os.Getenv,
		uid:       os.Geteuid(),
		clock:     probe.Clock{Now: time.Now, After: time.After},
		newTray:   tray.New,
		newPoster: newPoster,
		watch: func(ctx context.Context, m root.FS, also ...string) loop.Watcher {
			return watch.New(ctx, m, also...)
		},
		end: os.Exit,
	}
}

// newPoster posts through a short-lived child, so that a notification server
// that never answers cannot hold up the agent.
func newPoster(root string) (notify.Poster, error) {
	program, err := setup.ThisProgram()
	if err != nil {
		return nil, err
	}
	return desktop.NewPoster(program, root), nil
}

package main

import (
	"context"

	"kextwatch/agent/loop"
	"kextwatch/agent/settings"
)

// settle gives an agent its settings, the user's program to run, and an eye on
// its own file. afterwards is for when the agent has ended: it sets the exit
// code.
func (in *invocation) settle(ctx context.Context, a *loop.Loop, home string) (afterwards func()) {
	a.Settings = settings.NewReader(in.mac, home, in.log)
	if path, err := executable(); err == nil {
		a.Binary = loop.NewBinary(path)
	}
	a.Hook = loop.NewHook(in.mac, in.log)
	a.Helpers.Go(func() { a.Hook.Run(ctx) })
	return func() {
		if a.Restart {
			in.warn("launchd does that; whoever started it by hand starts it again",
				"the program was replaced: ending with %d, so that the new one is started", exitRestart)
			in.exit = exitRestart
		}
	}
}

// watchedBesides are the files whose change is noticed without haste.
func (in *invocation) watchedBesides() []string {
	var paths []string
	if path, err := executable(); err == nil {
		paths = append(paths, path)
	}
	if home, err := in.home(); err == nil {
		for _, file := range settings.Files(in.mac, home) {
			paths = append(paths, file.Path)
		}
	}
	return paths
}

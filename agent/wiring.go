package main

import (
	"context"
	"runtime/debug"

	"kextwatch/agent/loop"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/probe/kextlog"
	"kextwatch/probe/mac"
)

// edges connects the loop of the agent to this host. The caller adds the tray, the
// view, the events and the check of the program.
func (in *invocation) edges(ctx context.Context, st *store.Store, p *mac.Prober) loop.Edges {
	poster, err := in.newPoster(in.mac.Root)
	if err != nil {
		in.warn("", "cannot show notifications: %v", err)
		poster = noPoster{err}
	}
	return loop.Edges{
		Version: version,
		Clock:   in.clock,
		Logger:  in.log,
		Prober:  p,
		Watcher: in.watch(ctx, in.mac, in.watchedFiles()...),
		Log:     kextlog.New(in.mac),
		Poster:  poster,
		Asker:   desktop.Dialogs{Root: in.mac.Root, UID: in.uid},
		Actions: menuActions{in.reporter(), st},
		Hook:    loop.NewHook(in.mac, in.log),
		Rest:    debug.FreeOSMemory,
	}
}

// watchedFiles are files whose changes need no haste: the program and the
// settings.
func (in *invocation) watchedFiles() []string {
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

// noPoster returns an error for each alert, because this program was not found.
type noPoster struct{ err error }

func (p noPoster) Post(context.Context, notify.Alert) error { return p.err }
func (p noPoster) Prepare(context.Context)                  {}

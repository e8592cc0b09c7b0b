package main

import (
	"context"
	"log/slog"
	"runtime/debug"

	"kextwatch/agent/cli"
	"kextwatch/agent/loop"
	"kextwatch/agent/settings"
	"kextwatch/agent/setup"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/probe/kextlog"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// wiring is what the loop of an agent needs of this machine and of the Mac it watches.
type wiring struct {
	target    *target
	output    cli.Output
	log       *slog.Logger
	newTray   func() (notify.Tray, error)
	newPoster func(toolsRoot string) (notify.Poster, error)
	watch     func(ctx context.Context, m root.FS, also ...string) loop.Watcher
}

// edges connects the loop. The caller adds the tray, the view, the events and the check of
// the program.
func (w *wiring) edges(ctx context.Context, st *store.Store) loop.Edges {
	m := w.target.mac
	poster, err := w.newPoster(m.Root)
	if err != nil {
		w.output.Warn("", "cannot show notifications: %v", err)
		poster = noPoster{err}
	}
	return loop.Edges{
		Version: version,
		Clock:   w.target.clock,
		Logger:  w.log,
		Prober:  mac.NewProber(m),
		Watcher: w.watch(ctx, m, watchedFiles(m)...),
		Log:     kextlog.New(m),
		Poster:  poster,
		Asker:   desktop.Dialogs{Root: m.Root, UID: m.UID},
		Actions: menuActions{w.target, w.newTray, w.log, st},
		Hook:    loop.NewHook(m, w.log),
		Rest:    debug.FreeOSMemory,
	}
}

// watchedFiles are files whose changes are not urgent: the program and the settings.
func watchedFiles(m root.FS) []string {
	var paths []string
	if path, err := setup.ThisProgram(); err == nil {
		paths = append(paths, path)
	}
	if m.Home != "" {
		for _, file := range settings.Files(m, m.Home) {
			paths = append(paths, file.Path)
		}
	}
	return paths
}

// noPoster returns an error for each alert, because this program was not found.
type noPoster struct{ err error }

func (p noPoster) Post(context.Context, notify.Alert) error { return p.err }
func (p noPoster) Prepare(context.Context)                  {}

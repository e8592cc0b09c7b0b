package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"kextwatch/agent/loop"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/agent/terminal"
	"kextwatch/notify"
	"kextwatch/probe/mac"
)

func (in *invocation) runCommand() *cobra.Command {
	var headless bool
	var eventsTo string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch this Mac in the background, as the LaunchAgent does",
		Long: `run watches this Mac until you stop it, shows notifications, and shows an icon
in the menu bar. launchd starts it. You can also start it in a terminal.

The agent does not wait for the reader of the events. Up to 256 lines wait for
a reader that has stopped, or for the first reader of a named pipe. When more
lines come, the oldest are dropped, and the log says how many.`,
		Example: `  kextwatch run
  kextwatch run --headless --events -     no icon; events as JSON lines`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The agent outlives the readers of its output. Without a handler for
			// SIGPIPE, a write to a closed standard output or error ends the process.
			// The tools that it starts do not inherit a handler, but would inherit
			// signal.Ignore.
			signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
			events, err := in.openEvents(eventsTo)
			if err != nil {
				return err
			}
			return in.runAgent(cmd.Context(), headless, events)
		},
	}
	cmd.Flags().BoolVar(&headless, "headless", false, "no icon in the menu bar")
	cmd.Flags().StringVar(&eventsTo, "events", "", "append one JSON line for each event to `FILE`, or - for standard output")
	return cmd
}

// openEvents opens the file of --events. Without the flag it returns nil.
func (in *invocation) openEvents(to string) (*loop.Outlet, error) {
	const mayWrite, hint = 2, "name a file you can write to" // W_OK of access(2)
	switch to {
	case "":
		return nil, nil
	case "-":
		return loop.NewOutlet("standard output", in.out), nil
	}
	if info, err := os.Stat(to); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		if err := syscall.Access(to, mayWrite); err != nil {
			return nil, unavailable(&fs.PathError{Op: "open", Path: to, Err: err}, hint)
		}
		return loop.NewOutlet(to, &loop.NamedPipe{Path: to}), nil // opening it waits for a reader
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, unavailable(err, hint)
	}
	return loop.NewOutlet(to, f), nil
}

func (in *invocation) runAgent(ctx context.Context, headless bool, events *loop.Outlet) error {
	if in.mac.NoTools {
		return usage("use kextwatch status --volume", "another Mac's disk does not change by itself")
	}
	home, err := in.home()
	if err != nil && in.uid != 0 {
		return err
	}
	if err == nil {
		err = in.mayWriteTo(home)
	}
	// If the agent must not or need not run, it warns and exits with 0. Otherwise
	// launchd would start it again and again.
	if err != nil {
		in.warn("start it as the user who sees the menu bar: kextwatch install", "not started: %v", err)
		return nil
	}
	p := store.PlacesIn(home)
	lock, err := store.Lock(p)
	switch {
	case errors.Is(err, store.ErrRunning):
		in.warn("kextwatch status shows the current status", "not started: %v", err)
		return nil
	case err != nil:
		in.warn("let your user write to "+p.State, "approval windows will be forgotten after a restart: %v", err)
	default:
		defer lock.Close()
	}
	// Go keeps memory for each processor, and the agent never has work for more: with
	// ten, it used 3 MB more than with two.
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 2))
	own := *in // with an outlet as its standard error
	own.attend(ctx, headless, home, p, events)
	in.exit = own.exit
	return nil
}

// attend runs the agent until ctx ends or the user quits.
func (in *invocation) attend(ctx context.Context, headless bool, home string, p store.Places, events *loop.Outlet) {
	if terminal.Is(in.stderr) {
		in.logShown = true // a person reads the terminal
	}
	stderr := loop.NewOutlet("standard error", in.stderr)
	in.stderr, in.speaker.err = stderr, stderr
	in.log = slog.New(in.handler(in.stderr))
	in.openLog(p)
	outlets, listener := []*loop.Outlet{stderr}, io.Writer(nil)
	if events != nil {
		outlets, listener = append(outlets, events), events
	}
	endOutlets := loop.StartOutlets(in.log, outlets...)
	slog.SetDefault(in.log) // for the tray library
	st, warnings := store.Open(p, in.clock.Now())
	for _, w := range warnings {
		in.warn("", "%s", w)
	}
	st.Fleet = store.FleetFile{Mac: in.mac, Version: version}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	edges := in.edges(ctx, st, mac.NewProber(in.mac))
	edges.Events = listener
	if path, err := executable(); err == nil {
		edges.Binary = loop.NewBinary(path)
	}
	in.log.Info("kextwatch started", "version", version, "pid", os.Getpid(), "root", in.mac.Root)
	var tray notify.Tray
	var err error
	if !headless {
		if tray, err = in.newTray(); err != nil {
			in.warn("use --headless if you do not want an icon", "no icon in the menu bar: %v", err)
			tray = nil
		}
	}
	run := func(ctx context.Context) {
		l := loop.New(edges, st, settings.NewReader(in.mac, home, in.log))
		replaced := l.Run(ctx)
		stop()
		l.Wait()
		if replaced {
			in.warn("launchd starts it; if you started it by hand, start it again",
				"the program was replaced: ending with %d, so that the new one is started", exitRestart)
			in.exit = exitRestart
		}
		endOutlets()
	}
	if tray == nil {
		run(ctx)
		return
	}
	edges.Tray = tray
	withTray(ctx, stop, tray, func(ctx context.Context) {
		if run(ctx); in.exit != 0 {
			in.host.end(in.exit) // on macOS the tray library ends the process with 0
		}
	})
}

// withTray runs the loop beside the icon, which needs the main goroutine. On macOS
// this never returns: the process ends with the icon, after the loop.
func withTray(ctx context.Context, stop func(), tray notify.Tray, loop func(context.Context)) {
	over := make(chan struct{})
	tray.Run(func() {
		go func() {
			loop(ctx)
			close(over)
			tray.Quit()
		}()
	})
	stop()
	<-over
}

// mayWriteTo refuses to write to a home as root: sudo on macOS keeps HOME, and
// files of root in it would lock its owner out. It allows a simulated Mac whose user
// is root.
func (in *invocation) mayWriteTo(home string) error {
	if in.uid != 0 {
		return nil
	}
	info, err := os.Stat(home)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && in.mac.Root != "/" {
		return nil
	}
	return errors.New("root must not write to a user's home folder")
}

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

	"kextwatch/agent/cli"
	"kextwatch/agent/loop"
	"kextwatch/agent/settings"
	"kextwatch/agent/setup"
	"kextwatch/agent/store"
	"kextwatch/agent/terminal"
	"kextwatch/notify"
	"kextwatch/probe/root"
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
			events, err := openEvents(eventsTo, in.out.Stdout)
			if err != nil {
				return err
			}
			r := &runCommand{
				target: &in.target, output: in.out, logging: in.logging,
				newTray: in.newTray, newPoster: in.newPoster, watch: in.watch, end: in.end,
				headless: headless, events: events,
			}
			in.exit, err = r.run(cmd.Context())
			return err
		},
	}
	cmd.Flags().BoolVar(&headless, "headless", false, "no icon in the menu bar")
	cmd.Flags().StringVar(&eventsTo, "events", "", "append one JSON line for each event to `FILE`, or - for standard output")
	return cmd
}

// openEvents opens the file of --events. Without the flag it returns nil.
func openEvents(to string, stdout io.Writer) (*loop.Outlet, error) {
	const mayWrite, hint = 2, "name a file you can write to" // W_OK of access(2)
	switch to {
	case "":
		return nil, nil
	case "-":
		return loop.NewOutlet("standard output", stdout), nil
	}
	if info, err := os.Stat(to); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		if err := syscall.Access(to, mayWrite); err != nil {
			return nil, cli.Unavailable(&fs.PathError{Op: "open", Path: to, Err: err}, hint)
		}
		return loop.NewOutlet(to, &loop.NamedPipe{Path: to}), nil // opening it waits for a reader
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, cli.Unavailable(err, hint)
	}
	return loop.NewOutlet(to, f), nil
}

// runCommand runs the agent of one user.
type runCommand struct {
	target    *target
	output    cli.Output
	logging   logging
	newTray   func() (notify.Tray, error)
	newPoster func(toolsRoot string) (notify.Poster, error)
	watch     func(ctx context.Context, m root.FS, also ...string) loop.Watcher
	end       func(code int) // ends the process at once
	headless  bool
	events    *loop.Outlet // nil: no --events
}

func (r *runCommand) run(ctx context.Context) (exit int, err error) {
	if r.target.mac.NoTools {
		return 0, cli.Usage("use kextwatch status --volume", "another Mac's disk does not change by itself")
	}
	home, err := r.target.home()
	if err != nil && r.target.mac.UID != 0 {
		return 0, err
	}
	if err == nil {
		err = setup.MayWriteTo(r.target.mac, home)
	}
	// If the agent must not or need not run, it warns and exits with 0. Otherwise
	// launchd would start it again and again.
	if err != nil {
		r.output.Warn("start it as the user who sees the menu bar: kextwatch install", "not started: %v", err)
		return 0, nil
	}
	p := store.PlacesIn(home)
	lock, err := store.Lock(p)
	switch {
	case errors.Is(err, store.ErrRunning):
		r.output.Warn("kextwatch status shows the current status", "not started: %v", err)
		return 0, nil
	case err != nil:
		r.output.Warn("let your user write to "+p.State, "approval windows will be forgotten after a restart: %v", err)
	default:
		defer lock.Close()
	}
	// Go keeps memory for each processor, and the agent never has work for more: with
	// ten, it used 3 MB more than with two.
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 2))
	return r.attend(ctx, p), nil
}

// attend runs the agent until ctx ends or the user quits, and returns the exit status.
func (r *runCommand) attend(ctx context.Context, p store.Places) (exit int) {
	if terminal.Is(r.output.Stderr) {
		r.logging.shown = true // a person reads the terminal
	}
	stderr := loop.NewOutlet("standard error", r.output.Stderr)
	r.output.Stderr = stderr
	log := r.logging.open(p, &r.output)
	outlets, listener := []*loop.Outlet{stderr}, io.Writer(nil)
	if r.events != nil {
		outlets, listener = append(outlets, r.events), r.events
	}
	endOutlets := loop.StartOutlets(log, outlets...)
	slog.SetDefault(log) // for the tray library
	st, warnings := store.Open(p, r.target.clock.Now())
	for _, w := range warnings {
		r.output.Warn("", "%s", w)
	}
	st.Fleet = store.FleetFile{Mac: r.target.mac, Version: version}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := wiring{r.target, r.output, log, r.newTray, r.newPoster, r.watch}
	edges := w.edges(ctx, st)
	edges.Events = listener
	if path, err := setup.ThisProgram(); err == nil {
		edges.Binary = loop.NewBinary(path)
	}
	log.Info("kextwatch started", "version", version, "pid", os.Getpid(), "root", r.target.mac.Root)
	var tray notify.Tray
	var err error
	if !r.headless {
		if tray, err = r.newTray(); err != nil {
			r.output.Warn("use --headless if you do not want an icon", "no icon in the menu bar: %v", err)
			tray = nil
		}
	}
	run := func(ctx context.Context) {
		l := loop.New(edges, st, settings.NewReader(r.target.mac, r.target.mac.Home, log))
		replaced := l.Run(ctx)
		stop()
		l.Wait()
		if replaced {
			r.output.Warn("launchd starts it; if you started it by hand, start it again",
				"the program was replaced: ending with %d, so that the new one is started", cli.ExitRestart)
			exit = cli.ExitRestart
		}
		endOutlets()
	}
	if tray == nil {
		run(ctx)
		return exit
	}
	edges.Tray = tray
	withTray(ctx, stop, tray, func(ctx context.Context) {
		if run(ctx); exit != 0 {
			r.end(exit) // on macOS the tray library ends the process with 0
		}
	})
	return exit
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

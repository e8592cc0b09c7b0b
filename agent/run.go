package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
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
		Short: "Watch in the background: what the LaunchAgent starts",
		Long: `run watches this Mac until it is told to stop, raises notifications, and shows
an icon in the menu bar. launchd starts it; by hand it is good for a look.

Nothing waits for the reader of the events. Up to 256 lines wait for a reader
that has stopped, or for the first reader of a named pipe. When more come, the
oldest are dropped, and the log says how many.`,
		Example: `  kextwatch run
  kextwatch run --headless --events -     no icon; events as JSON lines`,
		Args: cobra.NoArgs,
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

// openEvents opens what --events names; nil: nothing.
func (in *invocation) openEvents(to string) (*loop.Outlet, error) {
	const mayWrite, hint = 2, "name a file you may write to" // W_OK of access(2)
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
		return usage("kextwatch status --volume looks at it once", "another Mac's disk does not change by itself")
	}
	home, err := in.home()
	if err != nil {
		return err
	}
	// What may not or need not run says so and ends well: launchd would start
	// a failure again and again.
	if err := in.mayWriteTo(home); err != nil {
		in.warn("start it as the user who sees the menu bar: kextwatch install", "not started: %v", err)
		return nil
	}
	p := store.PlacesIn(home)
	lock, err := store.Lock(p)
	switch {
	case errors.Is(err, store.ErrRunning):
		in.warn("kextwatch status asks what it knows", "not started: %v", err)
		return nil
	case err != nil:
		in.warn("let your user write to "+p.State, "windows will not be remembered over a restart: %v", err)
	default:
		defer lock.Close()
	}
	own := *in // its standard error is an outlet
	own.attend(ctx, headless, home, p, events)
	in.exit = own.exit
	return nil
}

// attend runs the agent until ctx ends or the user quits.
func (in *invocation) attend(ctx context.Context, headless bool, home string, p store.Places, events *loop.Outlet) {
	if terminal.Is(in.stderr) {
		in.logShown = true // a person watches
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
	temp, done := copiesIn(p)
	defer done()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	edges := in.edges(ctx, st, mac.NewProber(in.mac, temp))
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
			in.host.end(in.exit) // on macOS the end of the icon ends the process with 0
		}
	})
}

// withTray runs the loop beside the icon, which wants the main goroutine. On
// macOS this never returns: the process ends with the icon, after the loop.
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
// files of root in it would lock its owner out. A simulated Mac whose user is
// root itself is another matter.
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
	return errors.New("root never writes to a user's home")
}

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

func (in *invocation) runCommand() *cobra.Command {
	var headless bool
	var eventsTo string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch in the background: what the LaunchAgent starts",
		Long: `run watches this Mac until it is told to stop, raises notifications, and shows
an icon in the menu bar. launchd starts it; by hand it is good for a look.`,
		Example: `  kextwatch run
  kextwatch run --headless --events -     no icon; events as JSON lines`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			events, done, err := in.openEvents(eventsTo)
			if err != nil {
				return err
			}
			defer done()
			return in.runAgent(cmd.Context(), headless, events)
		},
	}
	cmd.Flags().BoolVar(&headless, "headless", false, "no icon in the menu bar")
	cmd.Flags().StringVar(&eventsTo, "events", "", "append one JSON line for each event to `FILE`, or - for standard output")
	return cmd
}

func (in *invocation) openEvents(to string) (io.Writer, func(), error) {
	switch to {
	case "":
		return nil, func() {}, nil
	case "-":
		return in.out, func() {}, nil
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, unavailable(err, "name a file you may write to")
	}
	return f, func() { f.Close() }, nil
}

func (in *invocation) runAgent(ctx context.Context, headless bool, events io.Writer) error {
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
	p := placesIn(home)
	lock, err := lockState(p)
	switch {
	case errors.Is(err, errRunning):
		in.warn("kextwatch status asks what it knows", "not started: %v", err)
		return nil
	case err != nil:
		in.warn("let your user write to "+p.state, "windows will not be remembered over a restart: %v", err)
	default:
		defer lock.Close()
	}
	in.openLog(p)
	st, warnings := openStore(p, in.clock.now())
	for _, w := range warnings {
		in.warn("", "%s", w)
	}
	temp, done := copiesIn(p)
	defer done()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := in.newAgent(ctx, st, mac.NewProber(in.mac, temp), home, events)
	settled := in.settle(ctx, a, home)
	afterwards := func() {
		stop()
		a.helpers.Wait() // no tool outlives this process
		settled()
	}
	in.log.Info("kextwatch started", "version", version, "pid", os.Getpid(), "root", in.mac.Root)
	if headless {
		a.watch(ctx)
		afterwards()
		return nil
	}
	tray, err := in.newTray()
	if err != nil {
		in.warn("--headless says that none is wanted", "no icon in the menu bar: %v", err)
		a.watch(ctx)
		afterwards()
		return nil
	}
	withTray(ctx, stop, tray, func(ctx context.Context) {
		a.show, a.clicks, a.tray = tray.Show, tray.Clicks(), true
		a.watch(ctx)
		if afterwards(); in.exit != 0 {
			in.host.end(in.exit) // on macOS the icon ends the process, and well
		}
	})
	return nil
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

// newAgent wires an agent to this host.
func (in *invocation) newAgent(ctx context.Context, st *store, prober *mac.Prober, home string, events io.Writer) *agent {
	poster, err := in.newPoster(in.mac.Root)
	if err != nil {
		in.warn("", "notifications cannot be shown: %v", err)
		poster = noPoster{err}
	}
	log := mac.FollowLog(in.mac)
	a := &agent{
		clock:   in.clock,
		log:     in.log,
		look:    prober.Look,
		askIn:   prober.AskFrameworkIn,
		loads:   log,
		watcher: in.watch(ctx, in.mac, in.watchedBesides()...),
		poster:  poster,
		asker:   desktop.Dialogs{Root: in.mac.Root, UID: in.uid},
		do:      in.menuAction(st, home),
		retry:   in.menuRetry,
		atLogin: func() probe.Answer { return installed(home) },
		store:   st,
		events:  events,
	}
	a.helpers.Go(func() { log.Run(ctx) })
	return a
}

// copiesIn is the folder for private copies of the policy database: the
// agent's own, or a temporary one where that cannot be written.
func copiesIn(p places) (temp string, done func()) {
	mac.SweepCopies(p.state)
	if probe, err := os.CreateTemp(p.state, "writable"); err == nil {
		probe.Close()
		os.Remove(probe.Name())
		return p.state, func() {}
	}
	temp, err := os.MkdirTemp("", "kextwatch-")
	if err != nil {
		return "", func() {}
	}
	return temp, func() { os.RemoveAll(temp) }
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

// noPoster stands in where notifications cannot even be tried.
type noPoster struct{ err error }

func (p noPoster) Post(context.Context, notify.Alert) error { return p.err }

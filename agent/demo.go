package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

func (in *invocation) demoCommand() *cobra.Command {
	d := demo{}
	var keep, name string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story, on a simulated Mac, before your eyes",
		Long: `demo makes a simulated Mac in a temporary directory, runs the real agent
against it, and plays a story. Where there is a desktop, the icon and the
notifications are real. Nothing on your own Mac is read or changed.

Stories:
` + storyHelp(),
		Example: `  kextwatch demo
  kextwatch demo --story restart --speed 120
  kextwatch demo --keep /tmp/demo     then: kextwatch explain --root /tmp/demo/mac`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.speed < 1 || d.speed > 240 {
				return usage("60 plays a minute in a second", "--speed %g is not between 1 and 240", d.speed)
			}
			s, ok := stories[name]
			if !ok {
				return usage("kextwatch demo --help lists the stories", "there is no story %q", name)
			}
			d.story = s
			return in.demo(cmd.Context(), d, keep)
		},
	}
	cmd.Flags().Float64Var(&d.speed, "speed", 60, "how many times faster than real time: `N`")
	cmd.Flags().StringVar(&name, "story", "update", "which story: `NAME`")
	cmd.Flags().StringVar(&keep, "keep", "", "keep the simulated Mac in the new directory `DIR`")
	return cmd
}

// demo plays one story. It replaces edges of the host (the clock, the root,
// the poster, the tray) and nothing else: the agent does not know.
type demo struct {
	*invocation
	story  story
	speed  float64
	start  time.Time
	sim    *simmac.Mac
	stop   context.CancelFunc
	screen *screen
	happen chan store.Event
	tray   notify.Tray // nil: no desktop
	alone  *sync.Once  // has it been said that there are no notifications?
}

func (in *invocation) demo(ctx context.Context, d demo, keep string) error {
	dir, clean, err := demoDir(keep)
	if err != nil {
		return unavailable(err, "--keep names a new directory")
	}
	d.start = in.clock.Now()
	own := *in
	own.clock = spedUp(d.start, d.speed)
	own.mac = root.FS{Root: filepath.Join(dir, "mac")}
	own.homeFlag = ""
	own.log = slog.New(slog.DiscardHandler) // the screen tells all of it
	d.invocation, d.happen, d.alone = &own, make(chan store.Event, 64), new(sync.Once)
	d.screen = newScreen(in.out, own.clock, d.start)
	ctx, d.stop = context.WithCancel(ctx)
	defer d.stop()
	tell := func(ctx context.Context) {
		if err = d.play(ctx); errors.Is(err, context.Canceled) {
			d.screen.say("demo", "Stopped.")
			err = nil
		}
		d.screen.close()
		clean()
	}
	var missing error
	if d.tray, missing = in.newTray(); missing != nil {
		d.screen.say("demo", "No icon in a menu bar here ("+missing.Error()+"): the story is told in words.")
		tell(ctx)
	} else {
		withTray(ctx, d.stop, d.tray, tell)
	}
	return err
}

func demoDir(keep string) (dir string, done func(), err error) {
	if keep != "" {
		dir, err = filepath.Abs(keep)
		if err == nil {
			err = os.Mkdir(dir, 0o755)
		}
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "kextwatch-demo-")
	return dir, func() { os.RemoveAll(dir) }, err
}

// spedUp is a clock that starts at start and runs speed times as fast.
func spedUp(start time.Time, speed float64) probe.Clock {
	begin := time.Now()
	return probe.Clock{
		Now: func() time.Time {
			return start.Add(time.Duration(float64(time.Since(begin)) * speed))
		},
		After: func(d time.Duration) <-chan time.Time {
			return time.After(time.Duration(float64(d) / speed))
		},
	}
}

// play runs the agent and lets the story happen to its Mac. A restart of the
// Mac ends the agent, and it starts again with the next login.
func (d *demo) play(ctx context.Context) error {
	var err error
	d.sim, err = simmac.New(d.mac.Root, simmac.Options{
		MacOS: d.story.macOS, Parallels: d.story.parallels, User: "you", Now: d.start.Add(-24 * time.Hour),
	})
	if err != nil {
		return err
	}
	d.screen.say("demo", fmt.Sprintf("%s %g times faster than real time. This Mac is a directory: %s.", d.story.title, d.speed, d.mac.Root))
	end := d.login(ctx)
	defer func() { end() }()
	for _, s := range d.story.steps {
		at := d.start.Add(time.Duration(s.minute * float64(time.Minute)))
		if err := d.waitUntil(ctx, at); err != nil {
			return err
		}
		if s.says != "" {
			d.screen.say("story", s.says)
		}
		if s.restarts {
			end()
		}
		if s.do != nil {
			if err := s.do(d.sim, d.clock.Now()); err != nil {
				return fmt.Errorf("the story went wrong: %w", err)
			}
		}
		if s.restarts {
			end = d.login(ctx)
		}
		for _, want := range s.expect {
			if err := d.expect(ctx, want); err != nil {
				return err
			}
		}
	}
	end()
	d.screen.say("demo", "The end.")
	return nil
}

// login starts the agent, as launchd does, and waits until it has looked once:
// what happens next is news to it. The result ends it.
func (d *demo) login(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	home, err := d.home()
	if err != nil {
		cancel()
		return func() {}
	}
	p := store.PlacesIn(home)
	st, _ := store.Open(p, d.clock.Now())
	d.mac.Home, d.mac.UID = home, d.uid
	a := d.newAgent(ctx, st, mac.NewProber(d.mac, p.State), home, &eventLines{d})
	a.Poster = shownPoster{d.screen, a.Poster, d.alone}
	a.Show = d.screen.follow(a)
	if d.tray != nil {
		show := a.Show
		a.Show = func(m notify.Menu) { show(m); d.tray.Show(m) }
		a.Clicks, a.Tray = d.tray.Clicks(), true
	}
	looked := make(chan struct{})
	first, show := sync.OnceFunc(func() { close(looked) }), a.Show
	a.Show = func(m notify.Menu) {
		if len(a.Status.Products) > 0 {
			first()
		}
		show(m)
	}
	over := make(chan struct{})
	go func() {
		a.Run(ctx)
		if ctx.Err() == nil {
			d.stop() // the user chose Quit
		}
		a.Helpers.Wait()
		close(over)
	}()
	select {
	case <-looked:
	case <-over:
	}
	return func() {
		cancel()
		<-over
	}
}

func (d *demo) waitUntil(ctx context.Context, at time.Time) error {
	for {
		left := at.Sub(d.clock.Now())
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.clock.After(left):
		}
	}
}

// expect waits for an event of the agent: the demo only ends well when the
// agent did its work.
func (d *demo) expect(ctx context.Context, want approval.EventName) error {
	// A window may pass before it happens, and then the machine may be slow.
	const slow = 10 * time.Second
	late := time.After(slow + time.Duration(float64(approval.WindowLength)/d.speed))
	for {
		select {
		case e := <-d.happen:
			if e.Event == want {
				return nil
			}
		case <-late:
			return fmt.Errorf("the story went wrong: %s did not happen", want)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// eventLines hears the agent's events, as `run --events` writes them.
type eventLines struct{ d *demo }

func (l *eventLines) Write(line []byte) (int, error) {
	if e, ok := store.ParseEvent(string(line)); ok {
		if e.Event != approval.VerdictChanged {
			l.d.screen.say("kextwatch", e.Text)
		}
		select {
		case l.d.happen <- e:
		default:
		}
	}
	return len(line), nil
}

// shownPoster shows an alert in the terminal, and on the desktop where there
// is one.
type shownPoster struct {
	screen *screen
	real   notify.Poster
	alone  *sync.Once
}

func (p shownPoster) Post(ctx context.Context, alert notify.Alert) error {
	p.screen.say("alert", alert.Title+" — "+strings.ReplaceAll(alert.Body, "\n", " "))
	if err := p.real.Post(ctx, alert); err != nil {
		p.alone.Do(func() { p.screen.say("demo", "No notification service here: alerts are shown in this terminal alone.") })
	}
	return nil
}

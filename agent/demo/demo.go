// Package demo plays a story: things happen to a simulated Mac, and the real
// agent notices them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/loop"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// Options say what to play, and where.
type Options struct {
	Story Story
	Speed float64   // how many times faster than real time
	Start time.Time // when the story begins
	Root  string    // the new directory that becomes the simulated Mac
	Out   io.Writer

	// Edges returns the edges and the store of an agent on a Mac. It is called
	// again after each restart of the Mac.
	Edges func(ctx context.Context, m root.FS, clock probe.Clock) (loop.Edges, *store.Store)

	// Install installs the LaunchAgent for a program on a Mac. It writes a line for
	// each step.
	Install func(ctx context.Context, m root.FS, program string, out io.Writer) error

	Tray   notify.Tray  // nil: there is no icon
	NoTray error        // why there is no icon
	Asker  notify.Asker // shows dialogs on the desktop; nil: there is no desktop

	Next view.Lines // what to try after the end
}

// user is the name of the home folder on the simulated Mac.
const user = "you"

// demo plays one story. The agent gets another clock, Mac, poster and tray,
// and does not know that it is in a demo.
type demo struct {
	Options
	clock  probe.Clock
	stop   context.CancelFunc
	sim    *simmac.Mac
	screen *screen
	happen chan approval.EventName // what the agent has noticed
	unseen unseen
	icon   *icon
	opened chan notify.Action // clicks after which the Mac opened something

	mu   sync.Mutex
	seen int // how much the Mac has opened

	alone, noDialogs sync.Once // report once what this desktop cannot show
}

// slow is how long this machine may take for anything.
const slow = 20 * time.Second

// Play plays the story to its end, or until ctx ends or the user quits.
func Play(ctx context.Context, o Options) error {
	d := demo{Options: o, clock: FastClock(o.Start, o.Speed), happen: make(chan approval.EventName, 64), opened: make(chan notify.Action, 8)}
	d.screen = newScreen(o.Out, d.clock, o.Start)
	defer d.screen.close()
	ctx, d.stop = context.WithCancel(ctx)
	defer d.stop()
	d.icon = newIcon(ctx, o.Tray)
	if o.Tray == nil {
		why, _, _ := strings.Cut(o.NoTray.Error(), "; ") // what follows is advice for kextwatch run
		d.screen.say("demo", fmt.Sprintf("There is no menu bar icon here: %s. The demo prints text instead.", why))
	}
	err := d.play(ctx)
	if errors.Is(err, context.Canceled) {
		d.screen.say("demo", "Stopped.")
		return nil
	}
	return err
}

// FastClock returns a clock that starts at start and runs speed times as fast.
func FastClock(start time.Time, speed float64) probe.Clock {
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
	d.sim, err = simmac.New(d.Root, simmac.Options{
		MacOS: d.Story.macOS, Parallels: d.Story.parallels, Arch: d.Story.arch, User: user, Now: d.Start.Add(-24 * time.Hour),
	})
	if err != nil {
		return err
	}
	if prepare := d.Story.prepare; prepare != nil {
		if err := prepare(d.sim, d.Start.Add(-24*time.Hour)); err != nil {
			return err
		}
	}
	d.screen.say("demo", fmt.Sprintf("%s %g times faster than real time. This Mac is a directory: %s.", d.Story.title, d.Speed, d.Root))
	d.screen.say("story", d.Story.begins+" You install kextwatch as a LaunchAgent: macOS starts it now and at each login.")
	if err := d.install(ctx); err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	end := d.login(ctx)
	defer func() { end() }()
	last, done := 0.0, d.clock.Now()
	for _, s := range d.Story.steps {
		if err := d.waitUntil(ctx, s.begins(d.Start, last, done)); err != nil {
			return err
		}
		if s.says != "" {
			d.screen.say("story", s.says)
		}
		if s.restarts {
			if err := d.seeAlerts(ctx); err != nil {
				return err
			}
			end()
		}
		if s.do != nil {
			if err := s.do(d.sim, d.clock.Now()); err != nil {
				return fmt.Errorf("the demo failed: %w", err)
			}
		}
		if s.restarts {
			end = d.login(ctx)
		}
		last, done = s.minute, d.clock.Now()
		for _, want := range s.expect {
			if err := d.expect(ctx, want); err != nil {
				return err
			}
		}
		if s.click != "" {
			if err := d.click(ctx, s.click); err != nil {
				return fmt.Errorf("the demo failed: %w", err)
			}
		}
	}
	if err := d.seeAlerts(ctx); err != nil {
		return err
	}
	end()
	d.screen.say("demo", "The end.")
	d.screen.write(d.Next)
	return nil
}

// install installs the LaunchAgent on the simulated Mac.
func (d *demo) install(ctx context.Context) error {
	program, err := d.sim.AddKextwatch()
	if err != nil {
		return err
	}
	return d.Install(ctx, d.mac(), filepath.Join(d.Root, program), installLines{d})
}

func (d *demo) mac() root.FS {
	return root.FS{Root: d.Root, Home: filepath.Join(d.Root, "Users", user)}
}

// onMac shortens the paths in a text to those of the simulated Mac.
func (d *demo) onMac(text string) string { return strings.ReplaceAll(text, d.Root+"/", "/") }

// newlyOpened returns what the Mac has opened since the last call.
func (d *demo) newlyOpened() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, _ := d.sim.Opened()
	fresh := all[min(d.seen, len(all)):]
	d.seen = len(all)
	return fresh
}

// login starts the agent, as launchd does, and waits for its first snapshot:
// the agent must see the next step of the story as a change. end ends it.
func (d *demo) login(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	edges, st := d.Edges(ctx, d.mac(), d.clock)
	edges.Events = eventLines{d.screen}
	edges.Poster = &poster{d.screen, &d.unseen, edges.Poster, &d.alone}
	edges.Asker = asker{d.screen, &d.unseen, edges.Asker, d.Asker, &d.noDialogs}
	edges.Actions = actions{edges.Actions, d}
	edges.Tray = d.icon
	polled := make(chan struct{})
	edges.View = agentView{d, sync.OnceFunc(func() { close(polled) })}
	l := loop.New(edges, st, nil)
	over := make(chan struct{})
	go func() {
		l.Run(ctx)
		if ctx.Err() == nil {
			d.stop() // the user chose Quit
		}
		l.Wait()
		close(over)
	}()
	select {
	case <-polled:
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

// expect waits for an event of the agent. The demo fails if the agent misses
// it.
func (d *demo) expect(ctx context.Context, want approval.EventName) error {
	// A window may pass before the event, and the machine may be slow.
	late := time.After(slow + time.Duration(float64(approval.WindowLength)/d.Speed))
	for {
		select {
		case event := <-d.happen:
			if event == want {
				return nil
			}
		case <-late:
			return fmt.Errorf("the demo failed: the event %s did not come", want)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// seeAlerts waits until the alerts that the agent has announced are shown, but not longer
// than this machine may take: on a slow machine the story is faster than they are.
func (d *demo) seeAlerts(ctx context.Context) error {
	late := time.After(slow)
	for !d.unseen.none() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

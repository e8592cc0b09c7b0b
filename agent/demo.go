package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"kextwatch/agent/demo"
	"kextwatch/agent/loop"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

func (in *invocation) demoCommand() *cobra.Command {
	var o demo.Options
	var keep, name string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show how kextwatch works, on a simulated Mac",
		Long: `demo makes a simulated Mac in a temporary directory, runs the real agent
against it, and plays a story. If there is a desktop, the icon and the
notifications are real. demo neither reads nor changes your own Mac.

Stories:
` + demo.Help(),
		Example: `  kextwatch demo
  kextwatch demo --story restart --speed 120
  kextwatch demo --keep /tmp/demo     then: kextwatch explain --root /tmp/demo/mac`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Speed < 1 || o.Speed > 240 {
				return usage("use for example 60, which plays a minute in a second", "--speed %g is not between 1 and 240", o.Speed)
			}
			var ok bool
			if o.Story, ok = demo.Find(name); !ok {
				return usage("kextwatch demo --help lists the stories", "unknown story %q", name)
			}
			o.Start, o.Out, o.Edges = in.clock.Now(), in.out, in.demoEdges
			return playDemo(cmd.Context(), o, in.newTray, keep)
		},
	}
	cmd.Flags().Float64Var(&o.Speed, "speed", 60, "how many times faster than real time: `N`")
	cmd.Flags().StringVar(&name, "story", "update", "which story: `NAME`")
	cmd.Flags().StringVar(&keep, "keep", "", "keep the simulated Mac in the new directory `DIR`")
	return cmd
}

// playDemo plays the demo, with the icon if this host can show one.
func playDemo(ctx context.Context, o demo.Options, newTray func() (notify.Tray, error), keep string) error {
	dir, clean, err := demoDir(keep)
	if err != nil {
		return unavailable(err, "--keep names a new directory")
	}
	o.Root = filepath.Join(dir, "mac")
	tray, err := newTray()
	if err != nil {
		defer clean()
		o.NoTray = err
		return demo.Play(ctx, o)
	}
	o.Tray = tray
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	withTray(ctx, stop, tray, func(ctx context.Context) {
		err = demo.Play(ctx, o)
		clean() // on macOS the process ends with the icon
	})
	return err
}

// demoDir returns the new directory of a demo, and a function that removes it
// unless the user keeps it.
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

// demoEdges connects an agent to the Mac and the clock of a demo.
func (in *invocation) demoEdges(ctx context.Context, m root.FS, clock probe.Clock) (loop.Edges, *store.Store) {
	own := *in
	own.clock, own.mac, own.homeFlag = clock, m, ""
	own.mac.UID = in.uid
	own.log = slog.New(slog.DiscardHandler) // the demo shows the events
	p := store.PlacesIn(m.Home)
	st, _ := store.Open(p, clock.Now())
	return own.edges(ctx, st, mac.NewProber(own.mac, p.State)), st
}

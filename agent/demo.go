package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/demo"
	"kextwatch/agent/loop"
	"kextwatch/agent/setup"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

func demoCommand(h host, out *cli.Output) *cobra.Command {
	var o demo.Options
	var keep, name string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show how kextwatch works, on a simulated Mac",
		Long: `demo makes a simulated Mac in a temporary directory, runs the real agent
against it, and plays a story. If there is a desktop, the icon and the
notifications are real. demo neither reads nor changes your own Mac.

Every story begins with the installation as a LaunchAgent. If there is an icon, you
can click it when the demo asks you to.

Stories:
` + definitions(demo.Each()),
		Example: `  kextwatch demo
  kextwatch demo --story macfuse
  kextwatch demo --story restart --speed 120
  kextwatch demo --keep /tmp/demo     then: kextwatch explain --root /tmp/demo/mac`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Speed < 1 || o.Speed > 240 {
				return cli.Usage("use a value such as 60, which plays a minute in a second", "--speed %g is not between 1 and 240", o.Speed)
			}
			var ok bool
			if o.Story, ok = demo.Find(name); !ok {
				return cli.Usage("kextwatch demo --help lists the stories", "unknown story %q", name)
			}
			agent := &demoAgent{*out, h.env, h.uid, h.newTray, h.newPoster, h.watch}
			o.Start, o.Out, o.Edges, o.Install = h.clock.Now(), h.stdout, agent.edges, agent.install
			o.Asker = desktop.HostDialogs(h.uid)
			o.Next = demoNext(os.Args[0], name, keep)
			return playDemo(cmd.Context(), o, h.newTray, keep)
		},
	}
	cmd.Flags().Float64Var(&o.Speed, "speed", 60, "how many times faster than real time: `N`")
	cmd.Flags().StringVar(&name, "story", demo.DefaultStory, "which story: `NAME`")
	cmd.Flags().StringVar(&keep, "keep", "", "keep the simulated Mac in the new directory `DIR`")
	var stories []cobra.Completion
	for name, title := range demo.Each() {
		stories = append(stories, cobra.CompletionWithDesc(name, title))
	}
	// The flag exists and has no other completion, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("story", cobra.FixedCompletions(stories, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// demoNext returns commands to try after the demo. program is the program as the user
// called it.
func demoNext(program, story, keep string) view.Lines {
	if !strings.ContainsRune(program, filepath.Separator) {
		program = "kextwatch"
	}
	program = probe.ShellWord(program)
	other := "macfuse"
	if story == other {
		other = demo.DefaultStory
	}
	again, mac := "", keep
	if keep == "" {
		mac = "demo-mac"
		again = fmt.Sprintf("  %s demo --speed 240 --keep %s\n", program, mac)
	}
	return view.Untoned("Try next: another story, and what kextwatch says about a simulated Mac.\n" +
		fmt.Sprintf("  %s demo --story %s\n", program, other) + again +
		fmt.Sprintf("  %s status --root %s\n", program, probe.ShellWord(filepath.Join(mac, "mac"))))
}

// playDemo plays the demo, with the icon if this host can show one.
func playDemo(ctx context.Context, o demo.Options, newTray func() (notify.Tray, error), keep string) error {
	dir, clean, err := demoDir(keep)
	if err != nil {
		return cli.Unavailable(err, "use --keep with the name of a new directory")
	}
	o.Root = filepath.Join(dir, "mac")
	tray, err := newTray()
	if err != nil {
		defer clean()
		o.NoTray, o.Asker = err, nil
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

// demoAgent is the agent of a demo: on a simulated Mac, with the icon and the notifications
// of this machine.
type demoAgent struct {
	output    cli.Output
	env       func(string) string
	uid       int
	newTray   func() (notify.Tray, error)
	newPoster func(toolsRoot string) (notify.Poster, error)
	watch     func(ctx context.Context, m root.FS, also ...string) loop.Watcher
}

// edges connects an agent to the Mac and the clock of a demo.
func (d *demoAgent) edges(ctx context.Context, m root.FS, clock probe.Clock) (loop.Edges, *store.Store) {
	m.UID = d.uid
	w := &wiring{
		target:    &target{mac: m, clock: clock, env: d.env},
		output:    d.output,
		log:       slog.New(slog.DiscardHandler), // the demo shows the events
		newTray:   d.newTray,
		newPoster: func(string) (notify.Poster, error) { return d.newPoster("/") }, // on this desktop
		watch:     d.watch,
	}
	st, _ := store.Open(store.PlacesIn(m.Home), clock.Now())
	return w.edges(ctx, st), st
}

// install installs the LaunchAgent on the Mac of a demo.
func (d *demoAgent) install(ctx context.Context, m root.FS, program string, out io.Writer) error {
	m.UID = d.uid
	s := &setup.Setup{
		Out:     cli.Output{Stdout: out, Stderr: d.output.Stderr},
		Mac:     m,
		Env:     func(string) string { return filepath.Dir(program) }, // PATH: the command is there
		HasIcon: hasIcon(d.newTray),
	}
	_, err := s.Install(ctx, program, false) // without --json the exit status is that of the error
	return err
}

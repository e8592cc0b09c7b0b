package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/loop"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

func (in *invocation) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Show the status and update it in this terminal",
		Long: `watch shows the status and updates it, with a bar for an open window, until you
press q or Ctrl-C. The key o opens the pane with the Allow button; r tries again,
as kextwatch retry does, and asks first. If the output is not a terminal, watch
writes one line for each change; with --json, one document.

It reads the facts itself and writes no file. It works with and without the agent.`,
		Example: `  kextwatch watch
  kextwatch watch --root /tmp/mac     a simulated Mac`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return watchCommand{&in.target, in.out, keyboard{in.stdin, in.stderr}, in.watch}.run(cmd.Context())
		},
	}
}

// watchCommand follows the state of one Mac.
type watchCommand struct {
	*target
	cli.Output
	keyboard keyboard
	watch    func(ctx context.Context, m root.FS, also ...string) loop.Watcher
}

// run shows the status until ctx ends, which is the normal end.
func (w watchCommand) run(ctx context.Context) error {
	if w.mac.NoTools {
		return cli.Usage("use kextwatch status --volume", "another Mac's disk does not change by itself")
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	mem, _ := w.memory() // status reports the error
	rules, unread := w.rules()
	ctx, end := context.WithCancel(ctx)
	defer end()
	f := &loop.Follower{
		Clock:    w.clock,
		Prober:   mac.NewProber(w.mac),
		Watcher:  w.watch(ctx, w.mac),
		Settings: rules,
		Memory:   mem,
		Missing:  append(w.personGaps(), unread...),
		Screen:   w.screen(),
		Resized:  resized,
	}
	if screen, ok := f.Screen.(*terminalFollowed); ok {
		if k, ok := terminal.NewKeys(w.keyboard.in); ok {
			defer k.Pause()
			between := make(chan func())
			f.Between, screen.keys = between, true
			go keysOfWatch{w, k, screen, between, end}.read(ctx)
		}
	}
	f.Run(ctx)
	return nil
}

// screen returns what shows the status on this output.
func (w watchCommand) screen() loop.Screen {
	if w.JSON {
		return &jsonFollowed{output: w.Output}
	}
	if f, ok := terminal.CanDraw(w.Stdout); ok {
		return &terminalFollowed{out: f, colors: terminal.Colors(), past: w.recent()}
	}
	return &plainFollowed{out: w.Stdout}
}

// recent returns the events of the last 24 hours. It is empty if the history cannot
// be read.
func (t *target) recent() []view.Past {
	events, _ := t.events(t.clock.Now().Add(-24 * time.Hour))
	var past []view.Past
	for _, e := range events {
		if e.Event != approval.VerdictChanged {
			past = append(past, view.Past{At: e.At, Text: e.Text})
		}
	}
	return past
}

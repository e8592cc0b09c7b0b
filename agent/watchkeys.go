package main

import (
	"context"
	"fmt"

	"kextwatch/agent/retry"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
)

// keysOfWatch does what the keys of `kextwatch watch` say. Only the loop draws on the
// screen, so what changes it runs there, through between.
type keysOfWatch struct {
	command watchCommand
	keys    *terminal.Keys
	screen  *terminalFollowed
	between chan<- func()
	end     context.CancelFunc
}

// read reads the next key after the last one is done.
func (k keysOfWatch) read(ctx context.Context) {
	for {
		key, err := k.keys.Read()
		switch {
		case err != nil:
			return // watch goes on without keys
		case key == view.KeyQuit || key == terminal.CtrlC:
			k.end()
			return
		case key == view.KeyOpen:
			k.open(ctx)
		case key == view.KeyRetry:
			k.onLoop(ctx, func() {
				if !k.screen.st.NoRetry {
					k.retry(ctx)
				}
			})
		}
	}
}

// onLoop waits until do has run.
func (k keysOfWatch) onLoop(ctx context.Context, do func()) {
	done := make(chan struct{})
	select {
	case k.between <- func() { defer close(done); do() }:
	case <-ctx.Done():
		return
	}
	<-done
}

// open opens the pane and shows the result. The tool that opens it may be slow, so the
// loop does not wait for it.
func (k keysOfWatch) open(ctx context.Context) {
	pane, err := openPane(ctx, k.command.mac)
	k.onLoop(ctx, func() {
		switch {
		case err != nil:
			k.screen.say("%s. Open it yourself: %s.", err, pane.Path)
		case !view.PaneHelps(k.screen.st):
			why, _ := view.PaneIsEmpty(k.screen.st)
			k.screen.say("Opened %s. %s", pane.Path, why)
		default:
			k.screen.say("Opened %s.", pane.Path)
		}
	})
}

// retry runs `kextwatch retry` in the terminal as it was before.
func (k keysOfWatch) retry(ctx context.Context) {
	k.screen.leave()
	if err := k.keys.Pause(); err != nil {
		k.screen.say("cannot ask for confirmation: %s", err)
		return
	}
	w := k.command
	o := retry.Options{Timeout: retryTimeout, User: retryQuestions{w.keyboard, k.screen.st.Mac}}
	w.forRetry(&o)
	if _, err := (retryCommand{Output: w.Output, options: o}).run(ctx); err != nil {
		w.Output.Fail(err)
	}
	w.keyboard.ask(ctx, "Press Return to go back. ")
	if err := k.keys.Resume(); err != nil {
		k.screen.keys = false
	}
	fmt.Fprintln(w.Stdout)
}

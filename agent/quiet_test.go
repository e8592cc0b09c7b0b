//go:build desktop && tray && linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/demo"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe/mactest"
)

// hurried is kextwatch with a clock that advances two minutes in a second. It writes
// the number of its goroutines at each SIGUSR1.
const (
	hurried = "kextwatch-hurried"
	hurry   = 120
)

func init() {
	programs[hurried] = func() {
		h := newHost()
		h.clock = demo.FastClock(time.Now(), hurry)
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGUSR1)
		go func() {
			for range asked {
				fmt.Println(runtime.NumGoroutine())
			}
		}()
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := run(ctx, os.Args[1:], h)
		stop()
		os.Exit(code)
	}
}

// onDesk is a hurried agent in a panel that counts signals.
type onDesk struct {
	panel *desk.Panel
	icon  desk.Icon
	agent *exec.Cmd
	lines *bufio.Scanner
}

func startHurried(t *testing.T, root string) onDesk {
	t.Helper()
	bus, display := desk.StartBus(t), desk.StartDisplay(t)
	desk.StartNotifications(t, bus, false)
	d := onDesk{panel: desk.StartPanel(t, bus)}
	d.agent = programNamed(t, hurried).command(t, "run", "--root", root)
	d.agent.Env = onDesktop(bus, display)
	d.agent.Stderr = os.Stderr
	out, err := d.agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.lines = bufio.NewScanner(out)
	if err := d.agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.agent.Process.Kill(); d.agent.Wait() })
	d.icon = d.panel.WaitIcon(t)
	return d
}

func (d onDesk) goroutines(t *testing.T) int {
	t.Helper()
	if err := d.agent.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if !d.lines.Scan() {
		t.Fatalf("the agent writes nothing: %v", d.lines.Err())
	}
	n, err := strconv.Atoi(d.lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A panel that redraws what has not changed costs energy, and on macOS each
// write waits for the main thread. So the agent writes
// nothing while nothing changes, and a click leaves no goroutine behind.
func TestQuietWhileNothingChanges(t *testing.T) {
	t.Parallel()
	root, sim := simulated(t, "10.15.7")
	d := startHurried(t, root)
	d.icon.WaitMenu(t, shows("Parallels Desktop: not asked for approval yet"))
	clicks := 0
	look := func(times int) {
		for range times { // each is a look, and a text that is opened
			d.icon.Click(t, "Check Now")
			d.icon.Click(t, "History…")
			clicks++
			mactest.Eventually(t, "the history was opened", func() bool {
				opened, err := sim.Opened()
				return err == nil && len(opened) == clicks
			})
		}
		d.panel.WaitQuiet()
	}
	look(1)
	before, goroutines := d.panel.SignalsByName(), d.goroutines(t)
	began := time.Now()
	look(40)
	if passed := time.Since(began) * hurry; passed < 10*time.Minute {
		time.Sleep((10*time.Minute - passed) / hurry)
	}
	d.panel.WaitQuiet()
	if after := d.panel.SignalsByName(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("signals %v, were %v", after, before)
	}
	// Before the clicks, some that end soon may have run, too: 14 on a busy machine, in one
	// of six runs. 40 clicks that leave one behind are still noticed.
	mactest.Eventually(t, "the goroutines of the clicks have ended", func() bool { return d.goroutines(t) <= goroutines })
}

// While a window is open, only the minutes left change. A panel shows a new title only
// after a signal.
func TestOneWriteAMinuteWhileAWindowIsOpen(t *testing.T) {
	t.Parallel()
	root, sim := simulated(t, "10.15.7")
	d := startHurried(t, root)
	d.icon.WaitMenu(t, shows("Parallels Desktop: not asked for approval yet"))
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	minutesLeft := func(n int) func([]desk.Entry) bool {
		return func(m []desk.Entry) bool {
			var left int
			if len(m) == 0 {
				return false
			}
			_, state, _ := strings.Cut(m[0].Label, ", ")
			_, err := fmt.Sscanf(state, "%d minutes left", &left)
			return err == nil && left <= n
		}
	}
	d.icon.WaitMenu(t, minutesLeft(28))
	before := d.panel.SignalsByName()
	d.icon.WaitMenu(t, minutesLeft(18))
	after := d.panel.SignalsByName()
	for name, n := range after {
		const minutes = 28 - 18 + 2 // the ends may count
		if more := n - before[name]; more > minutes {
			t.Errorf("%d signals %s in %d minutes, want one a minute at most", more, name, minutes)
		}
	}
	if icons := after["NewIcon"] - before["NewIcon"]; icons > 0 {
		t.Errorf("%d signals NewIcon, want none: the icon stays the same", icons)
	}
	if titles := after["XAyatanaNewLabel"] - before["XAyatanaNewLabel"]; titles < 5 {
		t.Errorf("%d signals XAyatanaNewLabel, want about one a minute", titles)
	}
}

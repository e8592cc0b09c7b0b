//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"kextwatch/agent/terminal"
	"kextwatch/probe/mactest"
)

// testTerminal is a pseudoterminal with a program in it.
type testTerminal struct {
	t    *testing.T
	keys *os.File
	ends func() error

	mu     sync.Mutex
	screen bytes.Buffer // all that was written since the last take
}

func inTerminal(t *testing.T, env []string, args ...string) *testTerminal {
	t.Helper()
	return thisProgram(t).inTerminal(t, env, args...)
}

func (p program) inTerminal(t *testing.T, env []string, args ...string) *testTerminal {
	t.Helper()
	cmd := p.command(t, args...)
	cmd.Env = append(append(cmd.Env, "TERM=xterm", "TZ=UTC"), env...)
	keys, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	term := &testTerminal{t: t, keys: keys, ends: func() error { <-read; return cmd.Wait() }}
	go func() {
		io.Copy(term, keys) // an error tells that the program has ended
		close(read)
	}()
	t.Cleanup(func() { cmd.Process.Kill(); keys.Close() })
	return term
}

func (term *testTerminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.Write(p)
}

// wait waits until the texts were written in this order and returns all output.
func (term *testTerminal) wait(texts ...string) string {
	term.t.Helper()
	var got string
	mactest.Eventually(term.t, fmt.Sprintf("the terminal shows %q", texts), func() bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		got = term.screen.String()
		rest, found := got, true
		for _, text := range texts {
			if _, rest, found = strings.Cut(rest, text); !found {
				return false
			}
		}
		term.screen.Reset()
		return true
	})
	return got
}

// rest returns the output since the last call of wait or rest.
func (term *testTerminal) rest() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	defer term.screen.Reset()
	return term.screen.String()
}

var (
	sequence      = regexp.MustCompile(`\x1b\[[?0-9;]*[A-Za-z]`)
	colorSequence = regexp.MustCompile(`\x1b\[[0-9;]*m`)
)

func TestWatchInATerminal(t *testing.T) {
	root, sim := simulated(t, "10.15.7")
	before := footprints(t, root)
	term := inTerminal(t, []string{"NO_COLOR=1"}, "watch", "--root", root)
	first := term.wait("q  quit")
	if !strings.HasPrefix(first, terminal.EnterScreen+terminal.Home) || !strings.Contains(first, "not asked for approval yet") {
		t.Errorf("began with %q, want the alternate screen and the state", first)
	}
	if after := footprints(t, root); after != before {
		t.Errorf("watching wrote: before\n%s\nafter\n%s", before, after)
	}

	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	open := term.wait("macOS blocked Parallels Desktop; the Allow button is there until", "q  quit")
	if !strings.Contains(open, "waiting for your approval, 30 minutes left") || !strings.Contains(open, "████") {
		t.Errorf("showed %q, want the state and a bar", open)
	}

	if err := pty.Setsize(term.keys, &pty.Winsize{Rows: 12, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	linesOf := func(picture string) []string { return strings.Split(sequence.ReplaceAllString(picture, ""), "\r\n") }
	small := term.wait("q  quit")
	if len(linesOf(small)) > 12 { // a picture of the old size was under way
		small = term.wait("q  quit")
	}
	lines := linesOf(small)
	if len(lines) > 12 {
		t.Errorf("%d lines in a terminal of 12", len(lines))
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 40 {
			t.Errorf("a line of %d characters in a terminal of 40: %q", n, line)
		}
	}

	term.press("\x03")
	if err := term.ends(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit 0", err)
	}
	last := term.wait(terminal.LeaveScreen)
	if _, after, _ := strings.Cut(last, terminal.LeaveScreen); !strings.Contains(after, "waiting for your approval") || sequence.MatchString(after) {
		t.Errorf("left %q on the terminal, want the last state in plain text", after)
	}
	if all := first + open + small + last; colorSequence.MatchString(all) {
		t.Errorf("colors despite NO_COLOR: %q", colorSequence.FindString(all))
	}
}

// Keys open the pane, try again and end the program. What retry writes stands on the
// terminal as it was before.
func TestKeysOfWatch(t *testing.T) {
	t.Parallel()
	if !mactest.AsOrdinaryUser(t, "testdata", "../docs") { // retry does not run Parallels Desktop as root
		return
	}
	root, sim := simulated(t, "10.15.7")
	if err := sim.Attempt(time.Now().Add(-40 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	term := inTerminal(t, []string{"NO_COLOR=1"}, "watch", "--root", root)
	term.wait("the time to approve it is over", "r  try again", "q  quit")
	term.press("x") // another key does nothing
	term.press("o")
	term.wait("Opened System Preferences > Security & Privacy > General. There is no Allow", "button there now.", "q  quit")
	if opened, err := sim.Opened(); err != nil || !slices.Equal(opened, []string{"x-apple.systempreferences:com.apple.preference.security?General"}) {
		t.Errorf("opened %q, %v", opened, err)
	}

	term.press("r")
	if asked := term.wait("Continue? [y/N] "); !strings.Contains(asked, terminal.LeaveScreen) {
		t.Errorf("asked on the alternate screen: %q", asked)
	}
	term.press("n\r")
	term.wait("Nothing was tried.", "Press Return to go back. ")
	term.press("\r")
	term.wait(terminal.EnterScreen, "the time to approve it is over", "q  quit")

	term.press("r")
	term.wait("Continue? [y/N] ")
	term.press("y\r")
	term.wait("Waiting for the Allow button")
	if err := sim.Attempt(time.Now()); err != nil { // Parallels Desktop tries
		t.Fatal(err)
	}
	term.wait("The Allow button is there until", "Press Return to go back. ")
	term.press("\r")
	term.wait(terminal.EnterScreen, "waiting for your approval, 30 minutes left", "o  open the pane", "q  quit")

	term.press("q")
	if err := term.ends(); err != nil {
		t.Errorf("after q: %v, want exit 0", err)
	}
	if rest := term.rest(); !strings.Contains(rest, terminal.LeaveScreen) {
		t.Errorf("ended with %q, want the terminal as before", rest)
	}
}

func (term *testTerminal) press(keys string) {
	term.t.Helper()
	if _, err := term.keys.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

func TestWatchHasColorsInATerminal(t *testing.T) {
	root, sim := simulated(t, "10.15.7")
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	term := inTerminal(t, []string{"NO_COLOR="}, "watch", "--root", root)
	if shown := term.wait("q  quit"); !strings.Contains(shown, terminal.BoldMagenta+"Parallels Desktop 16.5.1") {
		t.Errorf("showed %q, want the headline in color", shown)
	}
}

func TestWatchInADumbTerminal(t *testing.T) {
	root, _ := simulated(t, "10.15.7")
	term := inTerminal(t, []string{"NO_COLOR=", "TERM=dumb"}, "watch", "--root", root)
	if line := term.wait("not asked for approval yet", "\n"); sequence.MatchString(line) {
		t.Errorf("wrote %q, want a plain line", line)
	}
}

// footprints returns the contents of the folders of the policy and of the agent.
func footprints(t *testing.T, root string) string {
	t.Helper()
	return footprint(t, root+"/private/var/db/SystemPolicyConfiguration") + footprint(t, root+"/Users/me/Library/Application Support")
}

//go:build linux

package main

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// drawn is what a terminal shows after it received text: carriage returns and
// erased lines are applied.
func drawn(text string) []string {
	var lines []string
	line := ""
	for _, r := range strings.NewReplacer(eraseLine, "\x00", "\r\n", "\n").Replace(text) {
		switch r {
		case '\r':
			line = "" // what follows erases the line
		case '\n':
			lines, line = append(lines, line), ""
		case '\x00':
		default:
			line += string(r)
		}
	}
	return append(lines, line)
}

// In a terminal the demo shows a bar below whole lines, without colors, and
// removes it at the end.
func TestDemoInATerminal(t *testing.T) {
	term := inTerminal(t, nil, "demo", "--speed", "240", "--story", "restart")
	all := term.wait("[######", "min left", "The end.")
	if err := term.ends(); err != nil {
		t.Fatalf("the demo ended with %v", err)
	}
	all += term.rest()
	if colorSequence.MatchString(all) {
		t.Errorf("the demo wrote colors: %q", colorSequence.FindString(all))
	}
	lines := drawn(all)
	for _, line := range lines[:len(lines)-1] {
		if !regexp.MustCompile(`^ *\d+ min  (demo|story|kextwatch|alert) +\S`).MatchString(line) {
			t.Errorf("the demo left the line %q", line)
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("the demo left %q on the last line", last)
	}
}

// retry shows how long it has waited, and removes the bar before its answer.
func TestRetryInATerminal(t *testing.T) {
	root, _ := simulated(t, "10.15.7")
	term := programNamed(t, "kextwatch-as-user").inTerminal(t, nil, "retry", "--root", root, "--timeout", "3s")
	term.wait("Parallels Desktop")
	term.keys.WriteString("y\n")
	all := term.wait("Waiting for the Allow button [---", "0:00 of 0:03", "###", "0:01 of 0:03", "No Allow button came")
	if lines := drawn(all); !slices.Contains(lines, "No Allow button came.") {
		t.Errorf("the terminal shows %q, want the answer on a line of its own", lines)
	}
}

// A dumb terminal cannot erase a line. The user can still answer.
func TestRetryInADumbTerminal(t *testing.T) {
	root, _ := simulated(t, "10.15.7")
	term := programNamed(t, "kextwatch-as-user").inTerminal(t, []string{"TERM=dumb"}, "retry", "--root", root, "--timeout", "1s")
	term.wait("Parallels Desktop")
	term.keys.WriteString("y\n")
	if all := term.wait("Waiting for the Allow button, up to 1s.", "No Allow button came"); sequence.MatchString(all) {
		t.Errorf("wrote %q, want plain lines", all)
	}
}

func TestDemoInADumbTerminal(t *testing.T) {
	term := inTerminal(t, []string{"TERM=dumb"}, "demo", "--speed", "240", "--story", "restart")
	if all := term.wait("The end."); sequence.MatchString(all) || strings.Contains(all, "min left") {
		t.Errorf("wrote %q, want plain lines", all)
	}
}

// A line that is wider than the terminal would wrap and could not be erased.
func TestLastLineInANarrowTerminal(t *testing.T) {
	keys, screen, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	defer screen.Close()
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 5, Cols: 20}); err != nil {
		t.Fatal(err)
	}
	l := lastLine{terminal: screen}
	l.set(strings.Repeat("x", 50))
	l.above(screen, "a line\n")
	l.set("")
	x := strings.Repeat("x", 19)
	want := "\r\x1b[K" + x + "\r\x1b[Ka line\r\n" + x + "\r\x1b[K"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(keys, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

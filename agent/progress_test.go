//go:build linux

package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/terminal"
)

// drawn returns what a terminal shows after it received text. It applies carriage
// returns and erased lines.
func drawn(text string) []string {
	var lines []string
	line := ""
	for _, r := range strings.NewReplacer(terminal.EraseLine, "\x00", "\r\n", "\n").Replace(text) {
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

var boldAlert = regexp.MustCompile(regexp.QuoteMeta(terminal.Bold) + ` +\d+ min  alert +Parallels Desktop needs your approval`)

// In a terminal the demo shows a bar below whole lines, and removes it. Words wrap below the
// words before them. What the user of the Mac sees is emphasized without a color, unless the
// user of the terminal does not want it.
func TestDemoInATerminal(t *testing.T) {
	t.Parallel()
	const next = "Try next"
	for name, c := range map[string]struct {
		env  []string
		bold bool
	}{"emphasis": {nil, true}, "NO_COLOR": {[]string{"NO_COLOR=1"}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := inTerminal(t, c.env, "demo", "--speed", "240", "--story", "restart")
			all := term.wait("██████", "min left", "The end.")
			if err := term.ends(); err != nil {
				t.Fatalf("the demo ended with %v", err)
			}
			all += term.rest()
			if bold := boldAlert.MatchString(all); bold != c.bold {
				t.Errorf("bold %t, want %t: %q", bold, c.bold, all)
			}
			all = strings.NewReplacer(terminal.Bold, "", terminal.Faint, "", terminal.Plain, "").Replace(all)
			if colorSequence.MatchString(all) {
				t.Errorf("the demo wrote colors: %q", colorSequence.FindString(all))
			}
			lines := drawn(all)
			told, _, _ := strings.Cut(strings.Join(lines, "\n"), next)
			for line := range strings.SplitSeq(strings.TrimSuffix(told, "\n"), "\n") {
				if !regexp.MustCompile(`^( *\d+ min  (demo|story|install|kextwatch|alert|menu|macOS) +| {20})\S`).MatchString(line) {
					t.Errorf("the demo left the line %q", line)
				}
				if runes := []rune(line); len(runes) > 80 && !strings.Contains(line, "/") { // a path stays whole
					t.Errorf("a line of %d characters in a terminal of 80: %q", len(runes), line)
				}
			}
			if last := lines[len(lines)-1]; last != "" {
				t.Errorf("the demo left %q on the last line", last)
			}
		})
	}
}

// retry shows how long it has waited and removes the bar before its answer.
func TestRetryInATerminal(t *testing.T) {
	t.Parallel()
	root, _ := simulated(t, "10.15.7")
	term := programNamed(t, "kextwatch-as-user").inTerminal(t, nil, "retry", "--root", root, "--timeout", "3s")
	term.wait("Parallels Desktop")
	term.keys.WriteString("y\n")
	all := term.wait("Waiting for the Allow button ░░░", "0:00 of 0:03", "███", "0:01 of 0:03", "The Allow button did not appear")
	if lines := drawn(all); !slices.Contains(lines, "The Allow button did not appear.") {
		t.Errorf("the terminal shows %q, want the answer on a line of its own", lines)
	}
}

// A dumb terminal cannot erase a line. The user can still answer.
func TestRetryInADumbTerminal(t *testing.T) {
	t.Parallel()
	root, _ := simulated(t, "10.15.7")
	term := programNamed(t, "kextwatch-as-user").inTerminal(t, []string{"TERM=dumb"}, "retry", "--root", root, "--timeout", "1s")
	term.wait("Parallels Desktop")
	term.keys.WriteString("y\n")
	if all := term.wait("Waiting for the Allow button, up to 1s.", "The Allow button did not appear"); sequence.MatchString(all) {
		t.Errorf("wrote %q, want plain lines", all)
	}
}

func TestDemoInADumbTerminal(t *testing.T) {
	t.Parallel()
	term := inTerminal(t, []string{"TERM=dumb"}, "demo", "--speed", "240", "--story", "restart")
	if all := term.wait("The end."); sequence.MatchString(all) || strings.Contains(all, "Allow button █") {
		t.Errorf("wrote %q, want plain lines", all)
	}
}

// In a terminal, words wrap at its width, and headlines have a color unless the user does
// not want it.
func TestAnswersInATerminal(t *testing.T) {
	root, sim := simulated(t, "10.15.7")
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env     []string
		colored bool
	}{
		"colors": {nil, true}, "NO_COLOR": {[]string{"NO_COLOR=1"}, false}, "a dumb terminal": {[]string{"TERM=dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			all := inTerminal(t, c.env, "status", "--root", root).wait("Policy read from the database")
			if colored := strings.Contains(all, terminal.BoldMagenta+"Parallels Desktop"); colored != c.colored || sequence.MatchString(all) != c.colored {
				t.Errorf("colored %t, want %t: %q", colored, c.colored, all)
			}
			for line := range strings.Lines(sequence.ReplaceAllString(all, "")) {
				if line = strings.TrimRight(line, "\r\n"); len([]rune(line)) > 80 {
					t.Errorf("a line of %d characters in a terminal of 80: %q", len([]rune(line)), line)
				}
			}
		})
	}
}

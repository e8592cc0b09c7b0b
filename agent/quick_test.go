package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"kextwatch/agent/cli"
	"kextwatch/notify/desktop"
	"kextwatch/probe/mactest"
)

// The quick way gives the same answer, also if it fails.
func TestQuickCallsAnswerAsCommandsDo(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("PATH", t.TempDir())
	closed, err := os.CreateTemp(t.TempDir(), "")
	mactest.NoError(t, err)
	mactest.NoError(t, closed.Close())
	version := []string{"version"}
	for _, c := range []struct {
		name   string
		args   []string
		input  string
		stdout io.Writer // nil: one that can be read
		exit   int
	}{
		{"the version", version, "", nil, 0},
		{"the version, written nowhere", version, "", closed, cli.ExitDefect},
		{"an alert without a title", desktop.PostArguments(false), "\nText", nil, cli.ExitUsage},
		{"an alert that no service accepts", desktop.PostArguments(false), "Title\nText", nil, cli.ExitUnavailable},
		{"an urgent one", desktop.PostArguments(true), "Title\nText", nil, cli.ExitUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			type answer struct {
				exit        int
				out, stderr string
			}
			ask := func(call func(h host) int) answer {
				var out, stderr bytes.Buffer
				h := newHost()
				h.stdin, h.stdout, h.stderr = strings.NewReader(c.input), &out, &stderr
				if c.stdout != nil {
					h.stdout = c.stdout
				}
				exit := call(h)
				return answer{exit, out.String(), stderr.String()}
			}
			usual := ask(func(h host) int { return run(t.Context(), c.args, h) })
			got := ask(func(h host) int {
				exit, done := quick(c.args, h)
				if !done {
					t.Error("quick does not know the call")
				}
				return exit
			})
			if got != usual || got.exit != c.exit {
				t.Errorf("%+v, want %+v with exit %d", got, usual, c.exit)
			}
			if got.out+got.stderr == "" {
				t.Error("no answer")
			}
		})
	}
}

// With all commands it takes about 900 allocations, without them about 10.
func TestTheVersionBuildsNoCommands(t *testing.T) {
	h := newHost()
	h.stdout = io.Discard
	if n := testing.AllocsPerRun(100, func() { quick([]string{"version"}, h) }); n > 20 {
		t.Errorf("the version takes %.0f allocations", n)
	}
}

// Every other call has flags or arguments that only its command knows.
func TestOtherCallsAreNotQuick(t *testing.T) {
	for _, line := range []string{"", "status", "version --json", "version extra", "--version", "post --root /", "post extra", "--urgent post", "post --urgent --urgent"} {
		if _, done := quick(strings.Fields(line), newHost()); done {
			t.Errorf("%q was quick", line)
		}
	}
	if _, done := quick([]string{strings.Join(desktop.PostArguments(true), " ")}, newHost()); done {
		t.Error("one argument of two words was quick")
	}
}

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kextwatch/agent/cli"
	"kextwatch/notify/desktop"
	"kextwatch/probe/mactest"
)

// readsInput reports whether a thread of the process is in the system call read(0, …).
func readsInput(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	return slices.ContainsFunc(threads, func(file string) bool {
		return strings.HasPrefix(mactest.Content(file), fmt.Sprintf("%d 0x0 ", syscall.SYS_READ))
	})
}

// Ctrl-C ends a command that waits for a tool, or for its standard input, with the shell's
// exit status for it, and not with that of a missing tool. watch and run end in this way
// normally.
func TestInterruptedCommands(t *testing.T) {
	t.Parallel()
	root, _ := simulated(t, "10.15.7")
	asked := filepath.Join(t.TempDir(), "asked by ")
	replaceTools(t, root, "touch '"+asked+"'$PPID\nexec sleep 60\n", "usr/sbin/sysctl")
	for _, c := range []struct {
		args string
		exit int
	}{
		{"status", cli.ExitInterrupted}, {"status --json", cli.ExitInterrupted}, {"doctor", cli.ExitInterrupted}, {"doctor --facts", cli.ExitInterrupted},
		{"report", cli.ExitInterrupted}, {"guide", cli.ExitInterrupted}, {"upgrade-check", cli.ExitInterrupted}, {"post", cli.ExitInterrupted}, {"post --urgent", cli.ExitInterrupted}, {"watch", 0}, {"run --headless", 0},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			if !slices.Equal(args, desktop.PostArguments(true)) { // the agent calls it without a Mac
				args = append(args, "--root", root)
			}
			cmd := thisProgram(t).command(t, args...)
			var out, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &stderr
			input, err := cmd.StdinPipe() // post waits for its end
			mactest.NoError(t, err)
			defer input.Close()
			mactest.NoError(t, cmd.Start())
			defer cmd.Process.Kill()
			mactest.Eventually(t, "it waits", func() bool {
				_, err := os.Stat(asked + strconv.Itoa(cmd.Process.Pid))
				return err == nil || readsInput(cmd.Process.Pid)
			})
			mactest.NoError(t, cmd.Process.Signal(os.Interrupt))
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.exit {
				t.Errorf("exit %d, want %d; %s", code, c.exit, &stderr)
			}
			if c.exit == 0 {
				return
			}
			if strings.HasSuffix(c.args, "--json") {
				var doc struct{ Error struct{ Code string } }
				if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Error.Code != "interrupted" {
					t.Errorf("%v, %s", err, &out)
				}
			} else if lines := strings.Split(strings.TrimSpace(stderr.String()), "\n"); lines[len(lines)-1] != "kextwatch: error: interrupted" {
				t.Errorf("%q, want that it was interrupted, and no advice", lines)
			}
		})
	}
}

// The same at the question of retry, and while it waits for the button.
func TestInterruptedRetry(t *testing.T) {
	for name, answer := range map[string]string{"at the question": "", "while it waits": "y\n"} {
		t.Run(name, func(t *testing.T) {
			root, _ := simulated(t, "10.15.7")
			term := programNamed(t, "kextwatch-as-user").inTerminal(t, nil, "retry", "--root", root)
			term.wait("Continue? [y/N]")
			if answer != "" {
				term.keys.WriteString(answer)
				term.wait("Waiting for the Allow button")
			}
			term.keys.WriteString("\x03")
			term.wait("kextwatch: error: interrupted")
			if exit, ok := term.ends().(*exec.ExitError); !ok || exit.ExitCode() != cli.ExitInterrupted {
				t.Errorf("%v, want exit %d", exit, cli.ExitInterrupted)
			}
		})
	}
}

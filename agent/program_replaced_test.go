package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/store"
	"kextwatch/probe/mactest"
)

// A program that is replaced, by rename or by another copy at its path, exits with 75
// at the next snapshot, and the new one continues. A removed program keeps running.
func TestProgramReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(program string, data []byte) error{
		"by rename": func(program string, data []byte) error {
			return errors.Join(os.WriteFile(program+".new", data, 0o755), os.Rename(program+".new", program))
		},
		"overwritten": func(program string, data []byte) error {
			return errors.Join(os.Remove(program), os.WriteFile(program, data, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := thisProgram(t)
			data, err := os.ReadFile(p[0])
			if err != nil {
				t.Fatal(err)
			}
			root, sim := simulated(t, "12.7.6")
			agent := p.run(t, root)
			if err := replace(p[0], data); err != nil {
				t.Fatal(err)
			}
			if err := sim.Attempt(time.Now()); err != nil {
				t.Fatal(err)
			}
			agent.want(t, approval.WindowOpened)
			agent.want(t, approval.AgentStopped)
			agent.cmd.Wait()
			if code := agent.cmd.ProcessState.ExitCode(); code != cli.ExitRestart {
				t.Errorf("exit %d, want 75; %s", code, &agent.stderr)
			}
			if !strings.Contains(agent.stderr.String(), "the program was replaced") {
				t.Errorf("it does not report the reason: %s", &agent.stderr)
			}
			if doc, _ := p.status(t, root); doc.Verdict != approval.BlockedOpen {
				t.Errorf("the new program reports %s, want blocked-open", doc.Verdict)
			}
			p.run(t, root)
		})
	}
	t.Run("removed", func(t *testing.T) {
		t.Parallel()
		p := thisProgram(t)
		root, sim := simulated(t, "12.7.6")
		agent := p.run(t, root)
		if err := os.Remove(p[0]); err != nil {
			t.Fatal(err)
		}
		if err := sim.Attempt(time.Now()); err != nil {
			t.Fatal(err)
		}
		log := store.PlacesIn(filepath.Join(root, "Users", "me")).LogFile
		mactest.Eventually(t, "the log says so", func() bool {
			data, _ := os.ReadFile(log)
			return strings.Contains(string(data), "the program was removed or moved away")
		})
		if err := sim.Allow(time.Now()); err != nil {
			t.Fatal(err)
		}
		agent.want(t, approval.ApprovedEvent)
	})
}

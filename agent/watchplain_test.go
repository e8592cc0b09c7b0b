package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"kextwatch/agent/store"
	"kextwatch/agent/view"
)

// following is a `kextwatch watch` whose output is not a terminal.
func following(t *testing.T, root string, more ...string) (cmd *exec.Cmd, out io.Reader) {
	t.Helper()
	cmd = thisProgram(t).command(t, append([]string{"watch", "--root", root}, more...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir(), "TZ=UTC")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, out
}

// With a pipe or a log as output, watch writes one line for each change, with the
// time, and changes no file of the agent.
func TestWatchInAPipe(t *testing.T) {
	t.Parallel()
	root, sim := simulated(t, "10.15.7")
	cmd, out := following(t, root)
	lines := bufio.NewScanner(out)
	want := func(pattern string) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the command ended: %v", lines.Err())
		}
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ` + pattern + `$`).MatchString(lines.Text()) {
			t.Errorf("wrote %q, want %s", lines.Text(), pattern)
		}
	}
	want(`Parallels Desktop 16\.5\.1 \(49187\): not asked for approval yet\. Next: Nothing to do yet\. .*`)
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	want(`macOS blocked Parallels Desktop; the Allow button is there until \d\d:\d\d\. Next: Open .* click Allow\..*`)
	if err := sim.Allow(time.Now()); err != nil {
		t.Fatal(err)
	}
	want(`Parallels Desktop was approved\. Next: If Parallels Desktop is open .*`)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() {
		t.Errorf("wrote %q after its end", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit 0", err)
	}
	if _, err := os.Stat(store.PlacesIn(filepath.Join(root, "Users/me")).State); !os.IsNotExist(err) {
		t.Errorf("the agent's folder: %v, want none", err)
	}
}

// With --json, watch writes the status at the start and after each change.
func TestWatchAsJSON(t *testing.T) {
	t.Parallel()
	root, sim := simulated(t, "10.15.7")
	_, out := following(t, root, "--json")
	documents := json.NewDecoder(out)
	next := func() (doc view.Document) {
		t.Helper()
		if err := documents.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	if doc := next(); doc.Verdict != "not-asked" {
		t.Errorf("at first %s, want not-asked", doc.Verdict)
	}
	if err := sim.UpdateParallels("16.5.2", time.Now()); err != nil {
		t.Fatal(err)
	}
	if doc := next(); doc.Products[0].Version != "16.5.2" {
		t.Errorf("then version %s, want 16.5.2", doc.Products[0].Version)
	}
}

package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// The kernel releases the lock of an agent that was killed.
func TestLockIsFreeAfterACrash(t *testing.T) {
	root, _ := simulated(t, "10.15.7")
	p := store.PlacesIn(filepath.Join(root, "Users/me"))
	cmd := programNamed(t, "kextwatch-as-user").command(t, "run", "--root", root)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	mactest.Eventually(t, "the agent holds the lock", func() bool { return store.AgentRuns(p) == probe.Yes })
	cmd.Process.Kill()
	if err := cmd.Wait(); !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if got := store.AgentRuns(p); got != probe.No {
		t.Errorf("after the crash: runs %q, want no", got)
	}
	lock, err := store.Lock(p)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

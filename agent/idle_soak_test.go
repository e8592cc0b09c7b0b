//go:build soak && linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/soak"
)

// held is what a running agent holds.
type held struct {
	memory      int // bytes
	descriptors int
	processes   int // started by it
}

func heldBy(t *testing.T, pid int) held {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", pid)
	statm := strings.Fields(mactest.Content(dir + "/statm"))
	if len(statm) < 2 {
		t.Fatal("the agent has ended")
	}
	pages, _ := strconv.Atoi(statm[1])
	files, _ := os.ReadDir(dir + "/fd")
	h := held{memory: pages * os.Getpagesize(), descriptors: len(files)}
	tasks, _ := filepath.Glob(dir + "/task/*/children")
	for _, task := range tasks {
		h.processes += len(strings.Fields(mactest.Content(task)))
	}
	return h
}

// idleGrowth is the most that the memory may grow in a run of any length. A leak of 1 KiB
// for each of the 60 commits a minute would exceed it within an hour.
const idleGrowth = 3 << 20

// TestSoakIdle runs the agent for an hour beside commits that change nothing for the user:
// its memory, goroutines, descriptors and processes stay where they are.
func TestSoakIdle(t *testing.T) {
	long := soak.Idle(t)
	root, _ := simulated(t, "12.7.6")
	syspolicyd := policyDaemon(t, root)
	agent := thisProgram(t).command(t, "run", "--root", root, "--headless")
	var stderr bytes.Buffer
	agent.Stderr = &stderr
	mactest.NoError(t, agent.Start())
	defer func() { agent.Process.Kill(); agent.Wait() }()
	commit := func(i int) {
		syspolicyd.commit(fmt.Sprintf(`INSERT OR REPLACE INTO kext_policy VALUES ('OTHER', 'com.example.allowed', 1, 'Another developer', %d)`, i))
		time.Sleep(time.Second)
	}
	commits := 0
	for range 90 { // the memory that the work itself needs
		commits++
		commit(commits)
	}
	first := heldBy(t, agent.Process.Pid)
	most, last := first, first
	for end := time.Now().Add(long); time.Now().Before(end); {
		commits++
		commit(commits)
		last = heldBy(t, agent.Process.Pid)
		most = held{max(most.memory, last.memory), max(most.descriptors, last.descriptors), max(most.processes, last.processes)}
	}
	mactest.NoError(t, agent.Process.Signal(syscall.SIGQUIT)) // Go prints each goroutine
	agent.Wait()
	goroutines := strings.Count(stderr.String(), "\ngoroutine ")
	if last.memory > first.memory+idleGrowth || most.descriptors > 32 || most.processes > 4 || goroutines == 0 || goroutines > 40 {
		t.Errorf("at first %+v, at last %+v, at most %+v, %d goroutines", first, last, most, goroutines)
	}
	soak.Row{Part: "The running agent", Fault: fmt.Sprintf("runs for %v beside a commit each second", long), Tried: commits,
		Happened: fmt.Sprintf("Memory %.1f MB at first, %.1f MB at last, %.1f MB at most. At most: descriptors %d, processes that it started %d. Goroutines at the end: %d.",
			mb(first.memory), mb(last.memory), mb(most.memory), most.descriptors, most.processes, goroutines)}.Record(t)
}

func mb(bytes int) float64 { return float64(bytes) / 1e6 }

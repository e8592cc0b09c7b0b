//go:build soak && linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/soak"
)

// TestSoakKills kills the running agent at random moments, while another process commits
// windows and other rows. After each kill it starts again at once. Each window is in the
// history once, and no first alert comes twice.
func TestSoakKills(t *testing.T) {
	rng := soak.Random(t)
	root, _ := simulated(t, "12.7.6")
	syspolicyd := policyDaemon(t, root)
	places := store.PlacesIn(filepath.Join(root, "Users/me"))
	program := thisProgram(t)
	var agent *exec.Cmd
	start := func() {
		agent = program.command(t, "run", "--root", root, "--headless")
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
	}
	start()
	defer func() { agent.Process.Kill(); agent.Wait() }()

	var churn sync.WaitGroup
	stop := make(chan struct{})
	pauses := make([]time.Duration, 1000)
	for i := range pauses {
		pauses[i] = time.Duration(rng.IntN(20)) * time.Millisecond
	}
	churn.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(pauses[i%len(pauses)]):
				syspolicyd.commit(fmt.Sprintf(`INSERT OR REPLACE INTO kext_policy VALUES ('OTHER', 'com.example.allowed', 1, 'Another developer', %d)`, i))
			}
		}
	})
	defer churn.Wait()
	defer close(stop)

	opened := func(team string) (n int) {
		events, err := places.Journal().Read(time.Time{})
		if err != nil {
			return 0
		}
		for _, e := range events {
			if e.Event == approval.WindowOpened && e.TeamID == team {
				n++
			}
		}
		return n
	}
	kills, early, most := 0, 0, soak.Count(8, 400)
	for round := 1; kills < most; round++ {
		team := fmt.Sprintf("TEAM%06d", round)
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond) // the agent starts, or waits
		now := time.Now().UTC().Format(time.DateTime)
		syspolicyd.commit(fmt.Sprintf(`INSERT INTO kext_policy VALUES ('%s', 'com.example.kext', 0, 'Developer %[1]s', 4)`, team),
			fmt.Sprintf(`INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, created_at, last_seen, flags)
				VALUES ('/Library/Extensions/%s.kext', '%[1]s', 'com.example.kext', '%s', '%[2]s', 53)`, team, now))
		for again := true; again; again = rng.IntN(3) == 0 {
			time.Sleep(time.Duration(rng.IntN(250_000)) * time.Microsecond)
			agent.Process.Kill()
			agent.Wait()
			if opened(team) == 0 {
				early++
			}
			kills++
			start()
		}
		mactest.Eventually(t, "the window of "+team+" is in the history", func() bool { return opened(team) > 0 })
		syspolicyd.commit(fmt.Sprintf(`UPDATE kext_policy SET allowed = 1 WHERE team_id = '%s'`, team))
		syspolicyd.commit(fmt.Sprintf(`DELETE FROM kext_policy WHERE team_id = '%s'`, team), fmt.Sprintf(`DELETE FROM kext_load_history_v3 WHERE team_id = '%s'`, team))
		posted := strings.Count(mactest.Content(places.LogFile), team+" needs your approval")
		if n := opened(team); n != 1 || posted > 1 {
			t.Fatalf("round %d: the window of %s is %d times in the history, and its first alert was posted %d times", round, team, n, posted)
		}
	}
	if damaged, _ := filepath.Glob(filepath.Join(places.State, "*damaged*")); len(damaged) > 0 {
		t.Errorf("damaged: %q", damaged)
	}
	soak.Row{Part: "The running agent", Fault: "killed beside a process that commits windows", Tried: kills,
		Happened: fmt.Sprintf("No window lost, no first alert twice. Kills before the window was in the history: %d, after: %d.", early, kills-early)}.Record(t)
}

package main

import (
	"os"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// The status reports an unreadable memory as a missing fact.
func TestStatusNamesAMemoryThatCannotBeRead(t *testing.T) {
	home := t.TempDir()
	user := target{mac: root.FS{Home: home}, clock: probe.Clock{Now: time.Now}}
	mactest.WriteFile(t, store.PlacesIn(home).Memory, "rubbish")
	if _, gaps := user.memory(); len(gaps) != 1 || gaps[0].Source != "agent's memory" {
		t.Errorf("gaps %+v, want one about the memory", gaps)
	}
}

// The clock was set back, so the agent read the policy in the future. What it remembers still
// holds: without it, a Mac that needs a restart looks well. Only with --now is it left out.
func TestMemoryOutlivesAClockThatWasSetBack(t *testing.T) {
	home, now := t.TempDir(), time.Now()
	saved := approval.Memory{LastRead: approval.LastRead{Source: probe.Database, At: now.AddDate(0, 0, 2), Session: "B00C"}}
	mactest.NoError(t, os.MkdirAll(store.PlacesIn(home).State, 0o700))
	mactest.NoError(t, store.SaveMemory(store.PlacesIn(home).Memory, store.MemoryFile{Memory: saved}))
	for _, whatIf := range []bool{false, true} {
		user := target{mac: root.FS{Home: home}, clock: probe.Clock{Now: func() time.Time { return now }}, whatIf: whatIf}
		if m, gaps := user.memory(); len(gaps) != 0 || (m.LastRead.Session == "") != whatIf {
			t.Errorf("with --now %t: %+v, gaps %+v", whatIf, m.LastRead, gaps)
		}
	}
}

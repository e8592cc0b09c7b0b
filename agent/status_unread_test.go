package main

import (
	"testing"
	"time"

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

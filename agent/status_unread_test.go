package main

import (
	"testing"
	"time"

	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// The status names a memory that cannot be read as missing.
func TestStatusNamesAMemoryThatCannotBeRead(t *testing.T) {
	home := t.TempDir()
	in := &invocation{host: host{clock: probe.Clock{Now: time.Now}}, homeFlag: home}
	mactest.WriteFile(t, store.PlacesIn(home).Memory, "rubbish")
	if _, gaps := in.remembered(); len(gaps) != 1 || gaps[0].Source != "agent's memory" {
		t.Errorf("gaps %+v, want one about the memory", gaps)
	}
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// Too few descriptors are no damage: the memory stays where it is, is not
// overwritten, and is read as soon as that is possible.
func TestMemoryThatCannotBeReadNow(t *testing.T) {
	p := placesIn(t.TempDir())
	mactest.WriteFile(t, p.lock, "")
	st, _ := openStore(p, time.Now())
	if _, err := st.save(fullMemory()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(p.memory)
	if err != nil {
		t.Fatal(err)
	}

	restore := mactest.NoDescriptors(t)
	st, warnings := openStore(p, time.Now())
	mem, more := st.catchUp(approval.Memory{}, time.Now())
	restore()
	if len(warnings) != 1 || !strings.Contains(warnings[0], "too many open files") || len(more) > 0 {
		t.Errorf("warnings %q and %q, want one about the descriptors", warnings, more)
	}
	if gaps := st.gaps(); len(gaps) != 1 || !strings.Contains(gaps[0].Err, "too many open files") {
		t.Errorf("gaps %+v, want one", gaps)
	}
	mem.Seq = 7
	if wrote, err := st.save(mem); wrote || !errors.Is(err, errSaidAlready) {
		t.Errorf("wrote %v, %v; want nothing before it is read", wrote, err)
	}
	after, err := os.ReadFile(p.memory)
	if aside, _ := filepath.Glob(p.memory + ".*"); err != nil || string(after) != string(before) || len(aside) > 0 {
		t.Fatalf("the memory was changed, or set aside as %q (%v)", aside, err)
	}

	mem, more = st.catchUp(mem, time.Now())
	if len(more) > 0 || len(st.gaps()) > 0 || mem.Seq != 42 || len(mem.Told["Parallels Desktop"].Windows) != 1 {
		t.Errorf("caught up with %+v (%q)", mem, more)
	}
	mem.Seq++
	if wrote, err := st.save(mem); !wrote || err != nil {
		t.Errorf("wrote %v, %v", wrote, err)
	}
}

// A damaged memory that cannot be set aside is not overwritten either.
func TestDamagedMemoryThatCannotBeSetAside(t *testing.T) {
	p := placesIn(t.TempDir())
	mactest.WriteFile(t, p.memory, "rubbish")
	now := time.Now()
	aside := p.memory + ".damaged-" + now.UTC().Format("20060102T150405Z")
	mactest.WriteFile(t, filepath.Join(aside, "in the way"), "")
	st, _ := openStore(p, now)
	if wrote, _ := st.save(fullMemory()); wrote {
		t.Error("it was overwritten")
	}
	_, warnings := st.catchUp(approval.Memory{}, now.Add(time.Second))
	if len(warnings) != 1 || !strings.Contains(warnings[0], "set aside") {
		t.Errorf("warnings %q, want that it was set aside", warnings)
	}
	if wrote, err := st.save(fullMemory()); !wrote || err != nil {
		t.Errorf("wrote %v, %v", wrote, err)
	}
}

func TestDamage(t *testing.T) {
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EIO, syscall.EACCES, syscall.ETIMEDOUT, root.ErrLate} {
		if root.Damaged(err) {
			t.Errorf("%v counts as damage", err)
		}
	}
}

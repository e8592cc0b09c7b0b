package store

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

// With too few descriptors the memory is not damaged: it stays in place, is not
// overwritten, and is read as soon as that is possible.
func TestMemoryThatCannotBeReadNow(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Lock, "")
	st, _ := Open(p, time.Now())
	if _, err := st.Save(fullMemory()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(p.Memory)
	if err != nil {
		t.Fatal(err)
	}

	restore := mactest.NoDescriptors(t)
	st, warnings := Open(p, time.Now())
	mem, more := st.CatchUp(approval.Memory{}, time.Now())
	restore()
	if len(warnings) != 1 || !strings.Contains(warnings[0], "too many open files") || len(more) > 0 {
		t.Errorf("warnings %q and %q, want one about the descriptors", warnings, more)
	}
	if gaps := st.Gaps(); len(gaps) != 1 || !strings.Contains(gaps[0].Err, "too many open files") {
		t.Errorf("gaps %+v, want one", gaps)
	}
	mem.Seq = 7
	if wrote, err := st.Save(mem); wrote || !errors.Is(err, ErrReported) {
		t.Errorf("wrote %v, %v; want nothing before it is read", wrote, err)
	}
	after, err := os.ReadFile(p.Memory)
	if renamed, _ := filepath.Glob(p.Memory + ".*"); err != nil || string(after) != string(before) || len(renamed) > 0 {
		t.Fatalf("the memory was changed, or renamed to %q (%v)", renamed, err)
	}

	mem, more = st.CatchUp(mem, time.Now())
	if len(more) > 0 || len(st.Gaps()) > 0 || mem.Seq != 42 || len(mem.Announced["4C6364ACXT com.parallels.kext."].Windows) != 1 {
		t.Errorf("caught up with %+v (%q)", mem, more)
	}
	mem.Seq++
	if wrote, err := st.Save(mem); !wrote || err != nil {
		t.Errorf("wrote %v, %v", wrote, err)
	}
}

// A damaged memory that cannot be renamed is not overwritten either.
func TestDamagedMemoryThatCannotBeRenamed(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Memory, "rubbish")
	now := time.Now()
	renamed := p.Memory + ".damaged-" + now.UTC().Format("20060102T150405Z")
	mactest.WriteFile(t, filepath.Join(renamed, "occupied"), "")
	st, _ := Open(p, now)
	if wrote, _ := st.Save(fullMemory()); wrote {
		t.Error("it was overwritten")
	}
	_, warnings := st.CatchUp(approval.Memory{}, now.Add(time.Second))
	if len(warnings) != 1 || !strings.Contains(warnings[0], "keeps the file as") {
		t.Errorf("warnings %q, want the name of the file that is kept", warnings)
	}
	if wrote, err := st.Save(fullMemory()); !wrote || err != nil {
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

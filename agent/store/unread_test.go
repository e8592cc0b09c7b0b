package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
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
		t.Error("the unreadable memory was overwritten")
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

// A full disk is one missing fact with one reason, and each file is reported once. The
// missing fact goes when every file can be written again.
func TestFullDiskIsReportedOnce(t *testing.T) {
	p := PlacesIn(t.TempDir())
	st, _ := Open(p, time.Now())
	mem := fullMemory()
	save := func() (fresh []error) {
		mem.Seq++
		st.Pending = append(st.Pending, Event{Schema: 1, Seq: mem.Seq, Event: approval.WindowOpened})
		_, saved := st.Save(mem)
		_, recorded := st.Record()
		for _, err := range []error{saved, recorded, st.Publish(view.NewDocument(approval.Status{}))} {
			if err != nil && !errors.Is(err, ErrReported) {
				fresh = append(fresh, err)
			}
		}
		return fresh
	}
	mactest.OnFullDisk(t, 0, func() error {
		if fresh := save(); len(fresh) != 3 {
			t.Errorf("first %q, want an error for each file", fresh)
		}
		gaps := st.Gaps()
		if len(gaps) != 1 || !strings.Contains(gaps[0].Err, "memory.plist") || !strings.Contains(gaps[0].Err, "forgets") {
			t.Errorf("gaps %+v", gaps)
		}
		if fresh := save(); len(fresh) > 0 || !reflect.DeepEqual(st.Gaps(), gaps) {
			t.Errorf("then %q, gaps %+v", fresh, st.Gaps())
		}
		return nil
	})
	if fresh := save(); len(fresh) > 0 || len(st.Gaps()) > 0 {
		t.Errorf("with space again: %q, gaps %+v", fresh, st.Gaps())
	}
	if events, err := st.Journal.Read(time.Time{}); err != nil || len(events) != 3 {
		t.Errorf("history %+v, %v; want three events", events, err)
	}
}

// A history that cannot be written is reported once, although the memory can be.
func TestHistoryThatCannotBeWritten(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.NoError(t, os.MkdirAll(p.History, 0o700))
	st, _ := Open(p, time.Now())
	mem := fullMemory()
	for i, want := range []bool{true, false} {
		mem.Seq++
		st.Pending = []Event{{Schema: 1, Seq: mem.Seq, Event: approval.WindowOpened}}
		if wrote, err := st.Save(mem); !wrote || err != nil {
			t.Errorf("%d: wrote %v, %v", i, wrote, err)
		}
		if _, err := st.Record(); err == nil || errors.Is(err, ErrReported) == want || len(st.Gaps()) != 1 {
			t.Errorf("%d: %v, gaps %+v", i, err, st.Gaps())
		}
	}
}

// The folder of the agent's files is made as soon as that is possible.
func TestStateFolderIsMadeLater(t *testing.T) {
	home := t.TempDir()
	p := PlacesIn(home)
	library := filepath.Join(home, "Library")
	mactest.WriteFile(t, library, "")
	st, warnings := Open(p, time.Now())
	if len(warnings) == 0 {
		t.Error("no warning about a state folder that cannot be used")
	}
	if wrote, err := st.Save(fullMemory()); wrote || err == nil {
		t.Errorf("wrote %v, %v", wrote, err)
	}
	mactest.NoError(t, os.Remove(library))
	if wrote, err := st.Save(fullMemory()); !wrote || err != nil {
		t.Errorf("wrote %v, %v", wrote, err)
	}
	if info, err := os.Stat(p.State); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
}

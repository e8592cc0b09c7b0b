package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe/root"
)

// noDescriptors takes away the right to open one more file, until the result
// is called.
func noDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	limit.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restored := false
	restore = func() {
		if restored {
			return
		}
		restored = true
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(restore)
	return restore
}

// Too few descriptors are no damage: the memory stays where it is, is not
// overwritten, and is read as soon as that is possible.
func TestMemoryThatCannotBeReadNow(t *testing.T) {
	p := placesIn(t.TempDir())
	writeFile(t, p.lock, "")
	st, _ := openStore(p, time.Now())
	if _, err := st.save(fullMemory()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(p.memory)
	if err != nil {
		t.Fatal(err)
	}

	restore := noDescriptors(t)
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
	writeFile(t, p.memory, "rubbish")
	now := time.Now()
	aside := p.memory + ".damaged-" + now.UTC().Format("20060102T150405Z")
	writeFile(t, filepath.Join(aside, "in the way"), "")
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

// An agent that starts without descriptors announces the window that is open,
// catches up with its memory, and tells nothing of it again.
func TestLoopCatchesUpWithItsMemory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stop := d.start(t, dir)
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		stop()
		d.said()

		restore := noDescriptors(t)
		st, warnings := openStore(placesIn(dir), time.Now())
		restore()
		if len(warnings) != 1 {
			t.Fatalf("warnings %q, want one", warnings)
		}
		a := d.agent(st)
		over := make(chan struct{})
		go func() {
			a.watch(t.Context())
			close(over)
		}()
		d.want(t) // it was read before the first look
		d.hint(settled)
		d.want(t)
		d.clicks <- "quit"
		<-over
		if again, warnings := openStore(placesIn(dir), time.Now()); len(warnings) > 0 || len(again.memory.Memory.Told["Parallels Desktop"].Windows) != 1 {
			t.Errorf("saved %+v (%q), want the one window", again.memory.Memory.Told, warnings)
		}
	})
}

// Settings that cannot be read now stay as they were, and are read again
// although their file did not change.
func TestSettingsThatCannotBeReadNow(t *testing.T) {
	p := newPreferences(t)
	p.set(ofTheUser, map[string]any{"SnoozeMinutes": 20})
	s := newSettingsReader(p.mac, p.home, slog.New(slog.DiscardHandler))
	p.set(ofTheUser, map[string]any{"SnoozeMinutes": 25, "Reminders": []any{3}})
	restore := noDescriptors(t)
	kept := s.current()
	restore()
	if kept.SnoozeMinutes != 20 {
		t.Errorf("%d minutes while it cannot be read, want 20", kept.SnoozeMinutes)
	}
	if !slices.ContainsFunc(s.problems, func(p settingProblem) bool { return strings.Contains(p.Why, "too many open files") }) {
		t.Errorf("problems %+v, want one that says so", s.problems)
	}
	if now := s.current(); now.SnoozeMinutes != 25 || !slices.Equal(now.Reminders, []int{3}) || len(s.problems) > 0 {
		t.Errorf("then %d minutes, problems %+v", now.SnoozeMinutes, s.problems)
	}

	restore = noDescriptors(t)
	first := newSettingsReader(p.mac, p.home, slog.New(slog.DiscardHandler))
	restore()
	if now := first.current(); now.SnoozeMinutes != 25 {
		t.Errorf("%d minutes after a start without descriptors, want 25", now.SnoozeMinutes)
	}
}

func TestDamage(t *testing.T) {
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EIO, syscall.EACCES, syscall.ETIMEDOUT, root.ErrLate} {
		if root.Damaged(err) {
			t.Errorf("%v counts as damage", err)
		}
	}
}

// The status names a memory that cannot be read as missing.
func TestStatusNamesAMemoryThatCannotBeRead(t *testing.T) {
	home := t.TempDir()
	in := &invocation{host: host{clock: clock{now: time.Now}}, homeFlag: home}
	writeFile(t, placesIn(home).memory, "rubbish")
	if _, gaps := in.remembered(); len(gaps) != 1 || gaps[0].Source != "agent's memory" {
		t.Errorf("gaps %+v, want one about the memory", gaps)
	}
}

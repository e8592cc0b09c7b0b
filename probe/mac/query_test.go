package mac

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
	"kextwatch/probe/tool/tooltest"
)

// slowTool is a tool that answers after a time, in a synctest bubble.
type slowTool struct {
	t       *testing.T
	ctx     context.Context
	queries queries
	query   query[string, int]
	takes   time.Duration
	changed bool // see Options
	started atomic.Int32
}

func newSlowTool(t *testing.T) *slowTool {
	return &slowTool{t: t, ctx: t.Context(), queries: queries{answers: make(chan struct{}, 1)}}
}

// read is a snapshot now. Each query answers with its number.
func (s *slowTool) read(key string, fresh bool) (value int, shot *shot) {
	s.queries.collect()
	shot = newShot(s.ctx, root.FS{}, time.Now(), Options{Fresh: fresh, Changed: s.changed}, &s.queries)
	value, gaps := answer(shot, &s.query, key, []probe.Fact{probe.FactAdmin}, func(ctx context.Context) (int, []probe.Gap) {
		n := int(s.started.Add(1))
		select {
		case <-time.After(s.takes):
			return n, nil
		case <-ctx.Done():
			return 0, []probe.Gap{{Source: probe.FactAdmin, Err: context.Cause(ctx).Error(), Next: "wait"}}
		}
	})
	shot.missing(gaps...)
	synctest.Wait()
	return value, shot
}

func (s *slowTool) want(after, key string, fresh bool, value, started int, pending bool, gaps ...string) *shot {
	s.t.Helper()
	got, shot := s.read(key, fresh)
	var missing []string
	for _, gap := range shot.snap.Gaps {
		missing = append(missing, gap.Err)
	}
	if got != value || int(s.started.Load()) != started || shot.snap.Pending != pending || !slices.Equal(missing, gaps) {
		s.t.Errorf("%s: answer %d after %d queries, pending %v, missing %q; want %d, %d, %v, %q",
			after, got, s.started.Load(), shot.snap.Pending, missing, value, started, pending, gaps)
	}
	return shot
}

// answered waits until the query that runs has ended.
func (s *slowTool) answered() {
	s.t.Helper()
	select {
	case <-s.queries.answers:
	case <-time.After(time.Minute):
		s.t.Error("no answer came")
	}
}

const notYet = "has not answered yet"

// No snapshot waits for a tool. The last answer is used until there is a new one.
func TestSnapshotsDoNotWaitForATool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.takes = 3 * time.Second
		start := time.Now()
		s.want("the first snapshot", "a", false, 0, 1, true, notYet)
		s.want("a snapshot meanwhile", "a", false, 0, 1, true, notYet)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("two snapshots took %v", waited)
		}
		s.answered()
		s.want("the answer", "a", false, 1, 1, false)
		s.want("no change", "a", false, 1, 1, false)
		s.want("a change", "b", false, 1, 2, true)
		s.want("another change meanwhile", "c", false, 1, 2, true)
		s.answered()
		s.want("the answer about the first change", "c", false, 2, 3, true)
		s.answered()
		s.want("the answer about the second", "c", false, 3, 3, false)
		s.want("somebody asks", "c", true, 3, 4, true)
		s.want("a snapshot meanwhile", "c", false, 3, 4, true)
		s.want("somebody asks again", "c", true, 3, 4, true)
		s.answered()
		s.want("the answer began before the second question", "c", false, 4, 5, true)
		s.answered()
		s.want("the last answer", "c", false, 5, 5, false)
	})
}

// After a file has changed, an alert may be posted: tools leave the processor to it.
func TestToolsStartAfterAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.changed = true
		s.want("a file has changed", "a", false, 0, 0, true, notYet)
		time.Sleep(alertFirst - time.Nanosecond)
		s.want("before the end of the delay", "a", false, 0, 0, true, notYet)
		s.answered()
		s.want("the answer", "a", false, 1, 1, false)
	})
}

// A tool that hangs is killed, and is not started again before a growing pause.
func TestToolThatHangsIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.want("a healthy tool", "a", false, 0, 1, true, notYet)
		s.answered()
		s.want("its answer", "a", false, 1, 1, false)
		s.takes = time.Hour
		started := 1
		late := tool.ErrTimeout.Error()
		for _, pause := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
			started++
			began := time.Now()
			s.read("b", false)
			s.answered()
			if took := time.Since(began); took != tool.Limit {
				t.Errorf("it was killed after %v, not after %v", took, tool.Limit)
			}
			shot := s.want("it was killed", "b", true, 0, started, false, late)
			if want := pause - tool.Limit; shot.again != want {
				t.Errorf("the next query is in %v, want %v", shot.again, want)
			}
			time.Sleep(shot.again - 1)
			s.want("the end of the pause", "c", false, 0, started, false, late)
			time.Sleep(time.Nanosecond)
		}
		s.takes = 0
		s.want("after the pause", "c", false, 0, started+1, true, late)
		s.answered()
		s.want("it works again", "c", false, started+1, started+1, false)
		s.takes = time.Hour
		s.read("d", false)
		s.answered()
		if shot := s.want("it hangs again", "d", false, 0, started+2, false, late); shot.again != time.Minute-tool.Limit {
			t.Errorf("after a good answer the next pause is %v, not the first one", shot.again)
		}
	})
}

// The clock may be set back during a pause.
func TestPauseAfterTheClockWasSetBack(t *testing.T) {
	now := time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC)
	q := query[string, int]{late: 1, began: now}
	for at, want := range map[time.Time]time.Duration{
		now: time.Minute, now.Add(20 * time.Second): 40 * time.Second, now.Add(time.Hour): 0, now.Add(-time.Second): 0,
	} {
		if got := q.pause(at); got != want {
			t.Errorf("at %v: a pause of %v, want %v", at, got, want)
		}
	}
}

// The end of a snapshot's context ends its queries. Their answers may be incomplete,
// so the next snapshot queries again. A context with a time limit differs: what did
// not answer in time is a missing fact.
func TestQueriesOfAContextThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowTool(t)
		s.takes = time.Second
		ctx, cancel := context.WithCancel(t.Context())
		s.ctx = ctx
		s.want("the first snapshot", "a", false, 0, 1, true, notYet)
		cancel()
		s.answered()
		s.want("a snapshot after the end", "a", false, 0, 1, true, context.Canceled.Error())
		s.ctx = t.Context()
		s.want("another context", "a", false, 0, 2, true, notYet)
		s.answered()
		s.want("its answer", "a", false, 2, 2, false)

		limit := errors.New("the limit of the command")
		s.ctx, cancel = context.WithTimeoutCause(t.Context(), s.takes/2, limit)
		defer cancel()
		s.want("a change", "b", false, 2, 3, true)
		s.answered()
		s.want("the limit is over", "b", false, 0, 3, false, limit.Error())
		s.queries.running.Wait()
	})
}

// needStory's tools hang from now on, and its snapshots are later by a time.
func (s *needStory) hang(tools ...string) {
	s.t.Helper()
	tooltest.ShortLimit(s.t, 200*time.Millisecond)
	for _, tool := range tools {
		mactest.AddTool(s.t, s.m.Root, tool, "sleep 600 & wait")
	}
}

// While prlctl hangs, the configurations of the virtual machines are still read:
// they are files.
func TestMachinesWhilePrlctlHangs(t *testing.T) {
	s := newNeedStory(t)
	s.hang(probe.PrlctlTool)
	want := func(after string, hypervisor probe.Hypervisor) {
		t.Helper()
		got, gaps := s.machines(t.Context(), false)
		if len(got.List) != 1 || got.List[0].Hypervisor != hypervisor || len(gaps) == 0 {
			t.Errorf("%s: %+v, %+v; want one on the hypervisor %s, and a gap", after, got, gaps, hypervisor)
		}
	}
	file := "/Users/me/Parallels/One.pvm/config.pvs"
	mactest.AddFile(t, s.m.Root, file, config(vmID, "One", "1"))
	want("prlctl hangs", probe.AppleHypervisor)
	mactest.AddFile(t, s.m.Root, file, config(vmID, "Another", "0"))
	want("the machine was changed during the pause", probe.ParallelsHypervisor)
}

// A profile is a file. It counts at once, whatever the profiles tool does.
func TestProfileWhileItsToolHangs(t *testing.T) {
	s := newNeedStory(t)
	s.hang(probe.ProfilesTool)
	if got, gaps := s.enforcement(t.Context(), false); got.Profile.Present != "" || len(gaps) != 1 {
		t.Errorf("the tool hangs: %+v, %+v", got.Profile, gaps)
	}
	addPlist(t, s.m, probe.ManagedKextPolicy, map[string]any{})
	if got, gaps := s.enforcement(t.Context(), false); got.Profile.UserOverrides != probe.No || len(gaps) != 0 {
		t.Errorf("a profile was installed: %+v, %+v", got.Profile, gaps)
	}
	mactest.Remove(t, s.m.Root, probe.ManagedKextPolicy)
	if got, gaps := s.enforcement(t.Context(), false); got.Profile.Present != "" || len(gaps) != 1 {
		t.Errorf("the profile was removed: %+v, %+v; want an unknown one", got.Profile, gaps)
	}
}

// An extension that was loaded before an attempt may not be loaded any more: while
// the tool hangs, that is not known.
func TestLoadedBeforeAChangeIsNotKnown(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	s.sql(mactest.BlockedRow, insertRecord, `UPDATE kext_policy SET allowed = 1`)
	if snap, _ := s.snapshot(false); !snap.Loaded.Known {
		t.Fatalf("%+v", snap.Loaded)
	}
	tooltest.ShortLimit(t, 200*time.Millisecond)
	mactest.AddTool(t, s.m.Root, kextstatTool, "sleep 600 & wait")
	s.sql(`UPDATE kext_load_history_v3 SET last_seen = '2026-07-01 20:56:00'`)
	snap := s.prober.SnapshotNow(t.Context(), snapshotAt, Options{})
	if snap.Loaded.Known || !snap.Pending {
		t.Errorf("before the tool answered: %+v, pending %v", snap.Loaded, snap.Pending)
	}
	snap, _ = s.snapshot(false)
	if snap.Loaded.Known || snap.Pending || len(snap.Gaps) != 1 {
		t.Errorf("the tool was killed: %+v, pending %v, %+v", snap.Loaded, snap.Pending, snap.Gaps)
	}
}

// The processor and the boot cannot change while kextwatch runs: a sysctl that hangs
// later takes nothing away.
func TestBootIsKeptIfSysctlHangsLater(t *testing.T) {
	s := newSnapshotStory(t, "14.0", "")
	before, _ := s.snapshot(false)
	tooltest.ShortLimit(t, 200*time.Millisecond)
	mactest.AddTool(t, s.m.Root, probe.SysctlTool, "sleep 600 & wait")
	after, _ := s.snapshot(true)
	lost := slices.ContainsFunc(after.Gaps, func(g probe.Gap) bool { return slices.Contains(machineFacts(probe.OSVersion{}), g.Source) })
	if after.Mac != before.Mac || after.Mac.BootSession == "" || lost {
		t.Errorf("%+v, %+v; want %+v", after.Mac, after.Gaps, before.Mac)
	}
}

// Up to macOS 10.15 a Mac has an Intel processor, so no tool waits for sysctl: here
// sysctl answers only after csrutil was run. What was queried before the boot session
// was known is not queried again.
func TestIntelMacQueriesAllToolsAtOnce(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	ran := filepath.Join(s.m.Root, "csrutil")
	mactest.AddTool(t, s.m.Root, probe.CsrutilTool, "echo csrutil >>'"+ran+"'\n"+prints(sipHead+"enabled."))
	mactest.AddTool(t, s.m.Root, probe.SysctlTool, "tries=0; until [ -e '"+ran+"' ]; do tries=$((tries + 1)); [ $tries -lt 60 ] || exit 1; sleep 0.1; done\n"+sysctlScript(""))
	s.prober.SnapshotNow(t.Context(), snapshotAt, Options{Fresh: true})
	s.prober.Wait()
	snap := s.prober.Snapshot(t.Context(), snapshotAt, Options{})
	if snap.Mac.BootSession != testSession || snap.Enforcement.SIP.State != probe.SIPEnabled {
		t.Errorf("%+v, %+v, %+v", snap.Mac, snap.Enforcement, snap.Gaps)
	}
	if calls, err := os.ReadFile(ran); err != nil || string(calls) != "csrutil\n" {
		t.Errorf("csrutil ran %q, %v; want once", calls, err)
	}
}

// At the first snapshot the other tools wait for the processor, but not for a sysctl
// that hangs.
func TestOtherToolsDoNotWaitForSysctl(t *testing.T) {
	t.Parallel()
	s := newSnapshotStory(t, "14.0", "")
	mactest.AddTool(t, s.m.Root, probe.SysctlTool, "sleep 600 & wait")
	snap := s.prober.Snapshot(t.Context(), snapshotAt, Options{Fresh: true, Limit: 2 * holdTime})
	if snap.Mac.BootSession != "" || snap.Enforcement.SIP.State != probe.SIPEnabled {
		t.Errorf("%+v, %+v", snap.Mac, snap.Enforcement)
	}
}

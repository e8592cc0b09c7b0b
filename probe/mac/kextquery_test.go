package mac

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// searchStory takes snapshots of the kexts of a Mac.
type searchStory struct {
	t      *testing.T
	m      root.FS
	prober *Prober
	dead   atomic.Bool // /Library/Filesystems does not answer
	answer chan struct{}
}

func newSearchStory(t *testing.T, dir string) *searchStory {
	s := &searchStory{t: t, answer: make(chan struct{})}
	s.m = root.FS{Root: dir, Files: &root.Files{Before: func(p string) {
		if s.dead.Load() && strings.HasPrefix(p, probe.Filesystems) {
			<-s.answer
		}
	}}}
	s.prober = NewProber(s.m)
	addKext(t, s.m, "/Library/Extensions/a.kext", "com.example.a", "1")
	return s
}

// take takes a snapshot, and returns the IDs of its kexts and how long it took.
func (s *searchStory) take(ctx context.Context, how Options) (snap probe.Snapshot, ids string, took time.Duration) {
	start := time.Now()
	shot := newShot(ctx, s.prober.mac, start, how, &s.prober.queries)
	s.prober.queries.collect()
	s.prober.readApps(shot)
	var all []string
	for _, k := range shot.snap.Kexts {
		all = append(all, strings.TrimPrefix(k.BundleID, "com.example."))
	}
	return shot.snap, strings.Join(all, " "), time.Since(start)
}

func (s *searchStory) want(after, ids string, how Options, pending bool) {
	s.t.Helper()
	snap, got, _ := s.take(s.t.Context(), how)
	if got != ids || snap.Pending != pending {
		s.t.Errorf("%s: kexts %q, pending %v; want %q, %v", after, got, snap.Pending, ids, pending)
	}
}

// signaled reports whether another snapshot is asked for when everything has ended.
func (s *searchStory) signaled() bool {
	time.Sleep(time.Second)
	synctest.Wait()
	select {
	case <-s.prober.Answers():
		return true
	default:
		return false
	}
}

// The first snapshot has the kexts. Later ones do not wait for the search: if it finds
// something new, another snapshot follows, and only then.
func TestSearchAsksForSnapshot(t *testing.T) {
	dir := mactest.Root(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSearchStory(t, dir)
		s.want("first", "a", Options{Changed: true}, false)
		if s.signaled() {
			t.Error("the first search: another snapshot was asked for")
		}
		s.want("unchanged", "a", Options{Changed: true}, false)
		if s.signaled() {
			t.Error("unchanged: another snapshot was asked for")
		}
		addKext(t, s.m, "/Library/Extensions/b.kext", "com.example.b", "1")
		s.want("before the search", "a", Options{Changed: true}, false)
		if !s.signaled() {
			t.Error("a new kext: no other snapshot was asked for")
		}
		s.want("after the search", "a b", Options{}, false)
		addKext(t, s.m, "/Library/Extensions/c.kext", "com.example.c", "1")
		s.signaled()
		s.want("fresh", "a b c", Options{Fresh: true}, false)
		s.signaled()

		// Two events in a row: what came after the start of the search is found, too.
		s.want("one event", "a b c", Options{Changed: true}, false)
		time.Sleep(10 * time.Millisecond)
		addKext(t, s.m, "/Library/Extensions/d.kext", "com.example.d", "1")
		s.want("another event", "a b c", Options{Changed: true}, false)
		if !s.signaled() {
			t.Error("a kext during the search: no other snapshot was asked for")
		}
		s.want("after both", "a b c d", Options{}, false)
		s.signaled()
	})
}

// A change while a search reads leads to another search.
func TestChangeDuringSearch(t *testing.T) {
	dir := mactest.Root(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSearchStory(t, dir)
		s.want("first", "a", Options{}, false)
		s.signaled()
		s.dead.Store(true)
		s.want("it begins", "a", Options{}, false)
		synctest.Wait() // it waits for Filesystems, and has read Extensions
		addKext(t, s.m, "/Library/Extensions/b.kext", "com.example.b", "1")
		s.want("it runs", "a", Options{Changed: true}, false)
		close(s.answer)
		if !s.signaled() {
			t.Error("no other snapshot was asked for")
		}
		s.want("it has ended", "a", Options{}, false)
		if !s.signaled() {
			t.Error("no snapshot was asked for after the second search")
		}
		s.want("the second has ended", "a b", Options{}, false)
		s.signaled()
	})
}

// A folder that does not answer delays no snapshot, and the end of the program neither.
func TestSearchDelaysNothing(t *testing.T) {
	dir := mactest.Root(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSearchStory(t, dir)
		s.dead.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		snap, ids, took := s.take(ctx, Options{Changed: true})
		if took > searchWait || ids != "" || !snap.Pending || !probe.HasGap(snap.Gaps, probe.FactOtherKexts) {
			t.Errorf("first: %q after %v, pending %v, %+v", ids, took, snap.Pending, snap.Gaps)
		}
		if _, _, took := s.take(ctx, Options{Changed: true}); took > 0 {
			t.Errorf("the second snapshot took %v", took)
		}
		if time.Sleep(3 * time.Second); !s.signaled() {
			t.Error("the first search has ended: no other snapshot was asked for")
		}
		snap, ids, took = s.take(ctx, Options{Changed: true})
		if took > 0 || ids != "a" || snap.Pending || !slices.ContainsFunc(snap.Gaps, func(g probe.Gap) bool { return g.Next == lateNext }) {
			t.Errorf("after the first search: %q after %v, pending %v, %+v", ids, took, snap.Pending, snap.Gaps)
		}
		s.signaled()

		// At the end, a search that waits for a file is left behind.
		time.Sleep(time.Hour)
		s.prober = NewProber(root.FS{Root: dir, Files: &root.Files{Before: s.m.Files.Before}})
		s.take(ctx, Options{})
		cancel()
		start := time.Now()
		if s.prober.Wait(); time.Since(start) > 0 {
			t.Errorf("the end took %v", time.Since(start))
		}
		snap, _, _ = s.take(ctx, Options{})
		if len(snap.Gaps) == 0 || !strings.Contains(snap.Gaps[0].Err, context.Canceled.Error()) {
			t.Errorf("after the end: %+v", snap.Gaps)
		}
		// Another one begins with the next context.
		close(s.answer)
		s.dead.Store(false)
		time.Sleep(time.Hour)
		s.want("another context", "a", Options{}, false)
		s.signaled()
	})
}

// A kext that claims to be one of Parallels does not make an application.
func TestClaimedKextOfParallels(t *testing.T) {
	s := newSearchStory(t, mactest.Root(t))
	addCode(t, s.m, "/Library/Extensions/claim.kext", hypervisorID, "1", probe.ParallelsTeamID, probe.Intel)
	snap, _, _ := s.take(t.Context(), Options{})
	if len(snap.Apps) > 0 || len(snap.Kexts) != 2 || len(snap.Gaps) > 0 {
		t.Errorf("apps %+v, kexts %+v, gaps %+v; want no app", snap.Apps, snap.Kexts, snap.Gaps)
	}
}

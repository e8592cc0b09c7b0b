package watch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	_ "modernc.org/sqlite"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const patience = 30 * time.Second // for a slow machine; usually it takes milliseconds

// story is a running Watcher of a simulated Mac.
type story struct {
	*testing.T
	root string
	w    *Watcher

	mu      sync.Mutex
	live    *fsnotify.Watcher // the one in use
	openErr error
}

// watch starts a story; prepare may change the Watcher before it starts.
func watch(t *testing.T, dir string, prepare func(w *Watcher)) *story {
	t.Helper()
	s := &story{T: t, root: dir, w: newWatcher(root.FS{Root: dir})}
	s.w.open = s.open
	if prepare != nil {
		prepare(s.w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.w.start(ctx)
	t.Cleanup(func() {
		cancel()
		for range s.w.Hints() {
		}
	})
	return s
}

func (s *story) open() (*fsnotify.Watcher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.openErr != nil {
		return nil, s.openErr
	}
	var err error
	s.live, err = fsnotify.NewWatcher()
	return s.live, err
}

// watched lists the watched directories and files as paths of the Mac.
func (s *story) watched() (paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range s.live.WatchList() {
		paths = append(paths, strings.TrimPrefix(p, root))
	}
	slices.Sort(paths)
	return paths
}

func (s *story) hint() probe.Hint {
	s.Helper()
	select {
	case h := <-s.w.Hints():
		return h
	case <-time.After(patience):
		s.Fatalf("no hint; gaps: %+v; watched: %q", s.w.Gaps(), s.watched())
		panic("unreachable")
	}
}

func (s *story) settled() {
	s.Helper()
	for !s.hint().Settled {
	}
}

// calm waits for the hints that still result from earlier changes.
func (s *story) calm() {
	for {
		select {
		case <-s.w.Hints():
		case <-time.After(probe.StormInterval):
			return
		}
	}
}

// eventually waits until ok holds.
func (s *story) eventually(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("never: %s; gaps: %+v; watched: %q", what, s.w.Gaps(), s.watched())
		}
	}
}

func (s *story) put(path string) {
	s.Helper()
	put(s.T, s.root+path, time.Now().String())
}

func (s *story) remove(path string) { mactest.NoError(s.T, os.RemoveAll(s.root+path)) }

func (s *story) move(from, to string) { mactest.NoError(s.T, os.Rename(s.root+from, s.root+to)) }

func (s *story) chmod(path string, mode fs.FileMode) {
	mactest.NoError(s.T, os.Chmod(s.root+path, mode))
}

// put writes a file, and creates the missing folders above it.
func put(t *testing.T, path, text string) {
	t.Helper()
	mactest.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	mactest.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

const (
	db   = probe.PolicyFolder + "/KextPolicy"
	wal  = db + "-wal"
	app  = "/Applications/Parallels Desktop.app"
	info = app + "/Contents/Info.plist"
	kext = "/Library/Extensions/prl_hypervisor.kext/Contents/Info.plist"
)

// Each change causes a hint. Files that it created are then watched.
func TestWatchFollows(t *testing.T) {
	policy := func(s *story) { s.put(db) }
	parallels := func(s *story) { s.put(info) }
	tests := []struct {
		name   string
		before func(s *story)
		change func(s *story)
		then   string // a path to write after the change; its folder exists by then
	}{
		{"commit in WAL mode", policy, func(s *story) { s.put(wal) }, wal},
		{"commit in rollback mode", policy, func(s *story) { s.put(db + "-journal"); s.put(db); s.remove(db + "-journal") }, db},
		{"log removed", func(s *story) { s.put(db); s.put(wal) }, func(s *story) { s.remove(wal) }, wal},
		{"database made readable", policy, func(s *story) { s.chmod(db, 0o600) }, db},
		{"the root reader says that it could not publish", func(s *story) { s.put(probe.PublishedPolicy) },
			func(s *story) { mactest.NoError(s.T, os.Chtimes(s.root+probe.PublishedPolicy, time.Now(), time.Now())) }, probe.PublishedPolicy},
		{"database replaced", func(s *story) { s.put(db); s.put(probe.PolicyFolder + "/new") },
			func(s *story) { s.move(probe.PolicyFolder+"/new", db) }, db},
		{"database moved away, then a new one", policy,
			func(s *story) { s.move(db, db+".old"); s.put(db) }, db},
		{"policy made where there was nothing", func(*story) {}, policy, wal},
		{"policy made, parents step by step", func(*story) {}, func(s *story) {
			for _, dir := range []string{"/var", "/var/db", probe.PolicyFolder} {
				mactest.NoError(s.T, os.Mkdir(s.root+dir, 0o755))
				time.Sleep(5 * time.Millisecond)
			}
			s.put(db)
		}, wal},
		{"policy removed and made again", func(s *story) { s.put(db); s.put(wal) },
			func(s *story) { s.remove(probe.PolicyFolder); s.put(db) }, wal},
		{"policy and its parents removed and made again", policy,
			func(s *story) { s.remove("/var"); s.hint(); s.put(db) }, wal},
		{"policy renamed, a new one in its place", func(s *story) { s.put(db); s.put(wal) },
			func(s *story) { s.move(probe.PolicyFolder, probe.PolicyFolder+".old"); s.put(db) }, wal},
		{"policy renamed, later a new one", func(s *story) { s.put(db); s.put(wal) },
			func(s *story) { s.move(probe.PolicyFolder, probe.PolicyFolder+".old"); s.hint(); s.put(db) }, wal},
		{"app installed", func(s *story) { s.put("/Applications/Safari.app/x") }, parallels, info},
		{"app installed where there was nothing", func(*story) {}, parallels, info},
		{"app moved in", func(s *story) { s.put("/Users/me/Parallels Desktop.app/Contents/Info.plist"); s.put("/Applications/x") },
			func(s *story) { s.move("/Users/me/Parallels Desktop.app", app) }, info},
		{"app replaced", func(s *story) { s.put(info); s.put("/Applications/new/Contents/Info.plist") },
			func(s *story) { s.move(app, "/Applications/old"); s.move("/Applications/new", app) }, info},
		{"app replaced later", func(s *story) { s.put(info); s.put("/Applications/new/Contents/Info.plist") },
			func(s *story) { s.move(app, "/Applications/old"); s.hint(); s.move("/Applications/new", app) }, info},
		{"app's contents replaced", parallels,
			func(s *story) { s.move(app+"/Contents", app+"/Old"); s.put(info) }, info},
		{"app updated in place", parallels, func(s *story) { s.put(info) }, info},
		{"app removed and installed again", parallels, func(s *story) { s.remove(app); s.hint(); s.put(info) }, info},
		{"extension installed", func(s *story) { s.put("/Library/Extensions/a") }, func(s *story) { s.put(kext) }, "/Library/Extensions/b"},
		{"file system installed", func(s *story) { s.put("/Library/Filesystems/NetFSPlugins/a") },
			func(s *story) { s.put("/Library/Filesystems/macfuse.fs/Contents/Info.plist") }, "/Library/Filesystems/b.fs/x"},
		{"file system replaced", func(s *story) {
			s.put("/Library/Filesystems/macfuse.fs/Contents/Info.plist")
			s.put("/Library/new.fs/Contents/Info.plist")
		}, func(s *story) {
			s.move("/Library/Filesystems/macfuse.fs", "/Library/old.fs")
			s.move("/Library/new.fs", "/Library/Filesystems/macfuse.fs")
		}, "/Library/Filesystems/b.fs/x"},
		{"first extension staged", func(*story) {},
			func(s *story) { s.put("/Library/StagedExtensions/Library/x") }, "/Library/StagedExtensions/y"},
		{"system extension", func(*story) {},
			func(s *story) { s.put("/Library/SystemExtensions/db.plist") }, "/Library/SystemExtensions/db.plist"},
		{"policy published", func(s *story) { s.put("/Library/Application Support/other/x") },
			func(s *story) { s.put("/Library/Application Support/io.kextwatch.agent/policy.plist") },
			"/Library/Application Support/io.kextwatch.agent/policy.plist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &story{T: t, root: t.TempDir()}
			tt.before(s)
			s = watch(t, s.root, nil)
			tt.change(s)
			s.settled()
			s.calm()
			s.put(tt.then)
			s.settled()
			if gaps := s.w.Gaps(); gaps != nil {
				t.Errorf("gaps = %+v", gaps)
			}
		})
	}
}

func TestWatchIgnores(t *testing.T) {
	tests := []struct {
		name   string
		before []string
		change func(s *story)
	}{
		{"programs started", []string{db, probe.PolicyFolder + "/ExecPolicy-wal"}, func(s *story) {
			s.put(probe.PolicyFolder + "/ExecPolicy-wal")
			s.put(probe.PolicyFolder + "/ExecPolicy-journal")
			s.remove(probe.PolicyFolder + "/ExecPolicy-journal")
		}},
		{"shared memory of the database", []string{db}, func(s *story) {
			s.put(db + "-shm")
			s.put(db + "-shm")
			s.chmod(db+"-shm", 0o600)
			s.remove(db + "-shm")
		}},
		{"another app", []string{"/Applications/Safari.app/x"}, func(s *story) { s.put("/Applications/Chess.app/x") }},
		{"a neighbor of a missing folder", []string{"/var/log/x"}, func(s *story) { s.put("/var/run/y") }},
		{"inside the app", []string{info, app + "/Contents/MacOS/prl"}, func(s *story) {
			s.put(app + "/Contents/MacOS/prl")
			s.put(app + "/Contents/CodeResources")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, path := range append(tt.before, db, info) {
				if tt.name == "another app" && path == info || tt.name == "a neighbor of a missing folder" && path == db {
					continue
				}
				put(t, root+path, "before")
			}
			s := watch(t, root, nil)
			tt.change(s)
			time.Sleep(probe.StormInterval) // time for a wrong hint
			select {
			case h := <-s.w.Hints():
				t.Errorf("hint %+v", h)
			default:
			}
			s.put("/Library/Extensions/new") // the Watcher must still work
			s.hint()
		})
	}
}

func TestCounts(t *testing.T) {
	e := &fileEvents{targets: targets, spots: make([]spot, len(targets))}
	for i, target := range targets {
		e.spots[i] = spot{dir: target.dir, found: true}
	}
	e.spots[len(targets)-1].found = false // /Library/SystemExtensions stands for a mere ancestor
	tests := []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{db, fsnotify.Write, true},
		{db, fsnotify.Create, true},
		{db, fsnotify.Rename, true},
		{db, fsnotify.Chmod, true},
		{wal, fsnotify.Write, true},
		{wal, fsnotify.Remove, true},
		{wal, fsnotify.Chmod, false},
		{wal, fsnotify.Write | fsnotify.Chmod, true},
		{probe.PublishedPolicy, fsnotify.Chmod, true},
		{db + "-journal", fsnotify.Remove, true},
		{db + "-shm", fsnotify.Write, false},
		{db + "-shm", fsnotify.Create, false},
		{probe.PolicyFolder + "/ExecPolicy", fsnotify.Write, false},
		{probe.PolicyFolder + "/ExecPolicy-wal", fsnotify.Write, false},
		{probe.PolicyFolder, fsnotify.Chmod, false},
		{info, fsnotify.Write, true},
		{info, fsnotify.Chmod, false},
		{app + "/Contents/Library", fsnotify.Create, true},
		{app + "/Contents/Resources", fsnotify.Create, false},
		{app + "/Icon", fsnotify.Create, false},
		{"/Applications/Chess.app", fsnotify.Create, false},
		{"/Library/Extensions/any.kext", fsnotify.Create, true},
		{"/Library/Extensions/any.kext", fsnotify.Chmod, false},
		{"/Library/Filesystems/any.fs", fsnotify.Create, true},
		{"/Library/Application Support/any", fsnotify.Create, false},
		{"/Library/SystemExtensions/db.plist", fsnotify.Write, false},
	}
	for _, tt := range tests {
		if got := e.counts(fsnotify.Event{Name: tt.name, Op: tt.op}); got != tt.want {
			t.Errorf("%v %s counts: %t, want %t", tt.op, tt.name, got, tt.want)
		}
	}
}

// A transaction with a rollback journal is recognized, and its end, because its rows are
// visible then.
func TestCommitted(t *testing.T) {
	watcher := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	e := &fileEvents{
		targets: targets[:1], spots: []spot{{dir: probe.PolicyFolder, found: true}}, watcher: watcher,
		moved: make(chan struct{}, 1), counted: make(chan struct{}, 1), committed: make(chan struct{}, 1),
		errs: make(chan error, 1), ended: make(chan struct{}),
	}
	go e.read()
	watcher.Events <- fsnotify.Event{Name: db + "-journal", Op: fsnotify.Create}
	<-e.counted
	if !e.transaction.Load() {
		t.Error("the start of a transaction is not recognized")
	}
	for _, other := range []string{wal, probe.PolicyFolder + "/ExecPolicy-journal", "/elsewhere/KextPolicy-journal"} {
		watcher.Events <- fsnotify.Event{Name: other, Op: fsnotify.Remove}
	}
	<-e.counted // of the -wal
	if len(e.committed) > 0 || !e.transaction.Load() {
		t.Error("another event is taken for the end of a transaction")
	}
	watcher.Events <- fsnotify.Event{Name: db + "-journal", Op: fsnotify.Remove}
	<-e.committed
	if e.transaction.Load() {
		t.Error("the end of a transaction is not recognized")
	}
	close(watcher.Events)
	<-e.ended
	if len(e.counted) > 0 {
		t.Error("the end of a transaction counts twice")
	}
}

// A journal that goes away without an event that tells so is noticed at the end of the
// burst. Otherwise each later burst would have its first hint late.
func TestTransactionWhoseEndWasLost(t *testing.T) {
	root := t.TempDir()
	put(t, root+db, "x")
	s := watch(t, root, nil)
	s.put(db + "-journal")
	for !s.w.events.transaction.Load() {
		time.Sleep(time.Millisecond)
	}
	s.move(db+"-journal", probe.PolicyFolder+"/other")
	s.settled()
	if s.w.events.transaction.Load() {
		t.Error("a transaction without a journal")
	}
}

// The errors that the system may report, one after the other.
func TestReadErrors(t *testing.T) {
	disk := errors.New("input/output error")
	watcher := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	e := &fileEvents{
		watcher: watcher,
		moved:   make(chan struct{}, 1), counted: make(chan struct{}, 1),
		errs: make(chan error, 1), ended: make(chan struct{}),
	}
	go e.read()

	watcher.Errors <- fsnotify.ErrEventOverflow
	<-e.moved
	<-e.counted
	for range 3 { // nobody receives the errors, and read must not block
		watcher.Errors <- disk
	}
	watcher.Errors <- syscall.EINVAL
	<-e.moved
	if err := <-e.errs; err != disk {
		t.Errorf("reported %v, want %v", err, disk)
	}
	close(watcher.Errors)
	watcher.Events <- fsnotify.Event{Name: db, Op: fsnotify.Create}
	<-e.moved
	close(watcher.Events)
	<-e.ended
	if err := <-e.errs; err != errEventsEnded {
		t.Errorf("reported %v, want %v", err, errEventsEnded)
	}
	if len(e.counted) > 0 {
		t.Error("an error, or an event outside of all spots, counted")
	}
}

func TestApplicationsWatchedOnlyWithoutApp(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root+"/Applications/Safari.app/x", "")
	s := watch(t, root, nil)
	is := func(paths ...string) func() bool {
		return func() bool {
			return slices.Equal(paths, slices.DeleteFunc(s.watched(), func(p string) bool {
				return !strings.HasPrefix(p, "/Applications")
			}))
		}
	}
	s.eventually("only /Applications", is("/Applications"))
	s.put(info)
	s.eventually("only the app", is(app, app+"/Contents", info))
	s.remove(app)
	s.eventually("only /Applications again", is("/Applications"))
}

func TestWatchThroughLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root+"/private/var/db/x", "")
	mactest.NoError(t, os.Symlink("private/var", root+"/var"))
	put(t, root+"/opt/Parallels Desktop.app/Contents/Info.plist", "")
	mactest.NoError(t, os.Mkdir(root+"/Applications", 0o755))
	mactest.NoError(t, os.Symlink("/opt/Parallels Desktop.app", root+app))
	s := watch(t, root, nil)
	s.put("/opt/Parallels Desktop.app/Contents/Info.plist")
	s.settled()
	s.calm()
	s.put("/private" + db)
	s.settled()
	s.calm()
	s.put("/private" + wal)
	s.settled()
}

func TestSpotIsWithoutLinks(t *testing.T) {
	real, err := filepath.EvalSymlinks(t.TempDir())
	mactest.NoError(t, err)
	link := filepath.Join(t.TempDir(), "link")
	mactest.NoError(t, os.Symlink(real, link))
	mactest.NoError(t, os.MkdirAll(real+"/opt/there", 0o755))
	mactest.NoError(t, os.MkdirAll(real+"/Volumes/Fast/there", 0o755))
	mactest.NoError(t, os.Symlink("/opt", real+"/Library"))
	mactest.NoError(t, os.Symlink("/Volumes/Fast", real+"/Applications"))
	m := root.FS{Root: link}
	if s := findSpot(m, "/Library/there", math.MaxInt); s.dir != real+"/opt/there" || !s.found {
		t.Errorf("spot of a link = %+v, want %s", s, real+"/opt/there")
	}
	if s := findSpot(m, "/Library/missing/too", math.MaxInt); s.dir != real+"/opt" || s.found {
		t.Errorf("spot beneath a link = %+v, want its ancestor %s", s, real+"/opt")
	}
	if s := findSpot(m, "/Applications/there", math.MaxInt); s.dir != real || s.found {
		t.Errorf("spot on another volume = %+v, want the folder of the link, %s", s, real)
	}
	if s := findSpot((root.FS{Root: link + "/missing"}), "/Applications", math.MaxInt); s != (spot{}) {
		t.Errorf("spot without a root = %+v", s)
	}
}

// A file that is created between the search for the spots and the watch raises no
// event.
func TestWatchCreatedMeanwhile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := watch(t, root, func(w *Watcher) {
		open := w.open
		w.open = func() (*fsnotify.Watcher, error) {
			if err := os.MkdirAll(root+probe.PolicyFolder, 0o755); err != nil {
				return nil, err
			}
			return open()
		}
	})
	s.settled()
	s.calm()
	s.put(db)
	s.settled()
}

// A renamed parent raises no event on the watched directory beneath it.
func TestWatchParentReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root+db, "")
	s := watch(t, root, func(w *Watcher) { w.liveEvery = 50 * time.Millisecond })
	s.calm()
	s.mu.Lock()
	before := s.live
	s.mu.Unlock()
	s.move("/var/db", "/var/db.old")
	mactest.NoError(t, os.MkdirAll(root+probe.PolicyFolder, 0o755))
	s.settled()
	s.eventually("watched again", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.live != before
	})
}

func TestWatchManyEntries(t *testing.T) {
	root := t.TempDir()
	for i := range 5000 {
		put(t, fmt.Sprintf("%s/Library/Extensions/%04d.kext", root, i), "")
	}
	s := watch(t, root, func(w *Watcher) { w.blindEvery = 50 * time.Millisecond }) // kqueue has no events of it
	s.put("/Library/Extensions/new.kext")
	s.settled()
	s.calm()
	s.put(db)
	s.settled()
}

// Many changes in a folder above a missing target cause no hint, and the target is
// still found when it is created.
func TestWatchStormInAncestor(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	mactest.NoError(t, os.MkdirAll(root+"/var/db", 0o755))
	s := watch(t, root, nil)
	for i := range 2000 {
		s.put(fmt.Sprintf("/var/db/%d", i%100))
		s.remove(fmt.Sprintf("/var/db/%d", i%100))
	}
	s.put(db)
	s.settled()
	s.calm()
	s.put(wal)
	s.settled()
}

func TestLostEventSource(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root+db, "")
	s := watch(t, root, func(w *Watcher) { w.blindEvery = 50 * time.Millisecond })
	s.mu.Lock()
	s.openErr = syscall.EMFILE
	s.live.Close()
	s.mu.Unlock()
	s.hint()
	if len(s.w.Gaps()) == 0 {
		t.Error("a hint, but no gap")
	}
	s.calm()
	s.put(db)
	s.settled()
	s.calm()

	s.mu.Lock()
	s.openErr = nil
	s.mu.Unlock()
	s.eventually("no gap", func() bool { return len(s.w.Gaps()) == 0 })
	s.calm()
	s.put(wal)
	s.settled()
}

// Not every lost watch is reported: an unmounted disk ends one silently.
func TestWatchLostSilently(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root+db, "")
	s := watch(t, root, func(w *Watcher) { w.liveEvery = 50 * time.Millisecond })
	s.calm()
	s.mu.Lock()
	for _, path := range s.live.WatchList() {
		if err := s.live.Remove(path); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) {
			t.Error(err)
		}
	}
	s.mu.Unlock()
	s.settled()
	s.eventually("watched again", func() bool { return slices.Contains(s.watched(), probe.PolicyFolder) })
}

func TestUnreadableIsAGap(t *testing.T) {
	if !mactest.AsOrdinaryUser(t) {
		return
	}
	root := t.TempDir()
	put(t, root+db, "")
	mactest.NoError(t, os.Chmod(root+db, 0))
	mactest.NoError(t, os.MkdirAll(root+"/Library/Extensions", 0o755))
	mactest.NoError(t, os.Chmod(root+"/Library/Extensions", 0o300))
	s := watch(t, root, func(w *Watcher) { w.blindEvery = 50 * time.Millisecond })
	gaps := s.w.Gaps()
	if len(gaps) != 2 ||
		gaps[0].Err != "watching /Library/Extensions: permission denied" ||
		gaps[1].Err != "watching "+db+": permission denied" || !strings.Contains(gaps[1].Next, "within a minute") {
		t.Fatalf("gaps = %+v", gaps)
	}
	put(t, root+"/unwatched/new", "replaced")
	s.chmod("/unwatched/new", 0)
	s.calm()
	s.move("/unwatched/new", db) // kqueue has no event of it
	s.settled()
	s.chmod(db, 0o600)
	s.chmod("/Library/Extensions", 0o700)
	s.eventually("no gap", func() bool { return len(s.w.Gaps()) == 0 })
	s.calm()
	s.put(db)
	s.settled()
}

// A commit in WAL mode may be visible only after its last event.
func TestEveryCommitIsSeen(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"wal", "delete", "truncate", "persist"} {
		t.Run(mode, func(t *testing.T) { everyCommitIsSeen(t, mode) })
	}
}

func everyCommitIsSeen(t *testing.T, journalMode string) {
	t.Parallel()
	root := t.TempDir()
	mactest.NoError(t, os.MkdirAll(root+probe.PolicyFolder, 0o755))
	writer, err := sql.Open("sqlite", "file:"+root+db+"?_pragma=journal_mode("+journalMode+")")
	mactest.NoError(t, err)
	defer writer.Close()
	writer.SetMaxOpenConns(1) // one open connection, like the daemon of macOS
	_, err = writer.Exec("CREATE TABLE kext_policy (bundle_id TEXT)")
	mactest.NoError(t, err)
	visible := func() (n int) {
		reader, err := sql.Open("sqlite", "file:"+root+db+"?mode=ro&_pragma=busy_timeout(5000)")
		mactest.NoError(t, err)
		defer reader.Close()
		mactest.NoError(t, reader.QueryRow("SELECT count(*) FROM kext_policy").Scan(&n))
		return n
	}
	s := watch(t, root, nil)
	for i := 1; i <= 30; i++ {
		_, err := writer.Exec("INSERT INTO kext_policy VALUES ('com.parallels.kext.hypervisor')")
		mactest.NoError(t, err)
		last, settled := 0, false
		for !settled {
			settled = s.hint().Settled
			last = visible()
		}
		if last != i {
			t.Fatalf("commit %d: %d rows at the last hint", i, last)
		}
	}
}

func TestWatchEnds(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+db, "")
	ours := func() int {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return strings.Count(string(stacks), "watch.(*Watcher).run(") +
			strings.Count(string(stacks), "watch.(*fileEvents).read(") +
			strings.Count(string(stacks), ").readEvents(")
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := New(ctx, root.FS{Root: dir})
	put(t, dir+db, "changed") // nobody receives the hint
	wait := func(n int) {
		for end := time.Now().Add(patience); ours() != n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines, want %d", ours(), n)
			}
		}
	}
	wait(3)
	cancel()
	for range w.Hints() {
	}
	wait(0)
}

// A folder is missing at the moment when it is to be watched, and comes back with
// the same inode. Its stamp is unchanged, and there is no event.
func TestWatchOfAFolderThatVanishedBriefly(t *testing.T) {
	top := t.TempDir()
	dir := top + probe.PolicyFolder
	mactest.NoError(t, os.MkdirAll(dir, 0o755))
	w := newWatcher(root.FS{Root: top})
	w.paths, w.facts, w.backstop = probe.NewDebounce(), probe.NewDebounce(), time.NewTimer(time.Hour)
	spots := findSpots(w.mac, targets, w.limit)
	mactest.NoError(t, os.Rename(dir, dir+".away"))
	w.arm(spots)
	defer func() { w.events.close() }()
	mactest.NoError(t, os.Rename(dir+".away", dir))
	if !w.events.vanished() {
		t.Fatal("the directory was there")
	}
	w.follow(update)
	if gaps := w.events.gaps(); len(gaps) > 0 {
		t.Errorf("gaps %v", gaps)
	}
}

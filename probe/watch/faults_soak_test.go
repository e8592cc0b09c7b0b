//go:build soak && linux

package watch

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/soak"
	"kextwatch/probe/root"
)

// inNamespace is set in the process that TestSoakWatchFaults starts. "yes": it is in a user
// namespace of its own, where it may lower the limits of inotify without harm to others.
const inNamespace = "KEXTWATCH_SOAK_NAMESPACE"

// descriptors is how many files the process of the watcher may open.
const descriptors = 32

// TestSoakWatchFaults changes the files of a Mac at random, with faults. The last state is
// always seen, by an event or at the backstop.
func TestSoakWatchFaults(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSoakWatchFaults$", "-test.v", "-test.timeout", "0")
		cmd.Env = append(os.Environ(), inNamespace+"=no")
		if userNamespace(exec.Command("/bin/true")).Run() == nil {
			userNamespace(cmd).Env = append(os.Environ(), inNamespace+"=yes")
		}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	limit := syscall.Rlimit{Cur: descriptors, Max: descriptors}
	mactest.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	f := newFaulty(t)
	for tried, most := 0, soak.Count(400, 10_000); tried < most; {
		tried += f.batch(f.rng.IntN(16) + 1)
	}
	f.record()
}

// userNamespace lets a command run in a user namespace of its own. Some systems refuse it.
func userNamespace(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

const (
	faultyLive  = 200 * time.Millisecond // the backstop while events arrive
	faultyBlind = 50 * time.Millisecond
	aLink       = "/var"
	theLinked   = "/private/var"
)

// faulty is a Mac whose files change, its Watcher, and a reader that reads after each hint.
type faulty struct {
	*testing.T
	rng *rand.Rand
	mac root.FS
	w   *Watcher
	n   int // numbers the contents

	dropped  atomic.Int32 // of 100 events, so many are lost
	overflow chan struct{}

	mu   sync.Mutex
	seen string // by the reader

	tried map[string]int
	took  []time.Duration // from the end of each sequence until its last state was seen
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{T: t, rng: soak.Random(t), mac: root.FS{Root: t.TempDir()}, overflow: make(chan struct{}, 1),
		tried: map[string]int{}}
	mactest.NoError(t, os.MkdirAll(f.mac.Root+theLinked, 0o755))
	mactest.NoError(t, os.Symlink("private/var", f.mac.Root+aLink))
	f.put(db)
	f.put(info)
	f.w = newWatcher(f.mac)
	f.w.liveEvery, f.w.blindEvery = faultyLive, faultyBlind
	f.w.open = f.open
	f.w.start(t.Context())
	f.read()
	go func() {
		for range f.w.Hints() {
			f.read()
		}
	}()
	return f
}

// open opens a real watcher that loses some of its events.
func (f *faulty) open() (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	all, rest := w.Events, make(chan fsnotify.Event)
	w.Events = rest
	errs, passed := w.Errors, make(chan error)
	w.Errors = passed
	go func() {
		defer close(rest)
		for e := range all {
			if rand.Int32N(100) >= f.dropped.Load() {
				rest <- e
			}
		}
	}()
	go func() {
		defer close(passed)
		for {
			var err error
			more := true
			select {
			case err, more = <-errs:
			case <-f.overflow:
				err = fsnotify.ErrEventOverflow
			}
			for sent := false; more && !sent; { // nobody receives once the watcher is closed
				select {
				case passed <- err:
					sent = true
				case err, more = <-errs:
				}
			}
			if !more {
				return
			}
		}
	}()
	return w, nil
}

// state is what a reader finds: the content and the stamp of each path that matters.
func (f *faulty) state() (string, bool) {
	var all strings.Builder
	for _, p := range append(probe.KextPolicyFiles[:], probe.PublishedPolicy, info, probe.Extensions) {
		stamp, err := f.mac.Stamp(p)
		if scarce(err) {
			return "", false
		}
		content := ""
		if stamp != (root.Stamp{}) && p != probe.Extensions {
			data, err := f.mac.ReadFile(p, 1<<20)
			if scarce(err) {
				return "", false
			}
			content, _, _ = strings.Cut(string(data), " ")
		}
		fmt.Fprintln(&all, p, stamp, content)
	}
	return all.String(), true
}

// scarce reports whether the lack of descriptors, not the file, is the reason of an error.
func scarce(err error) bool {
	return err != nil && (strings.Contains(err.Error(), syscall.EMFILE.Error()) || strings.Contains(err.Error(), syscall.ENFILE.Error()))
}

// read reads like the agent, which tries again if it could not read.
func (f *faulty) read() {
	for {
		if state, ok := f.state(); ok {
			f.mu.Lock()
			f.seen = state
			f.mu.Unlock()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// put writes a file. Its size is another one each time.
func (f *faulty) put(p string) {
	f.n++
	path := f.mac.Root + p
	os.MkdirAll(filepath.Dir(path), 0o755)
	os.WriteFile(path, fmt.Appendf(nil, "%d %s", f.n, strings.Repeat("x", f.n%997)), 0o644)
}

func (f *faulty) move(from, to string) {
	os.RemoveAll(f.mac.Root + to)
	os.Rename(f.mac.Root+from, f.mac.Root+to)
}

// pause waits for a moment in which the watcher may do something, or not at all.
func (f *faulty) pause() {
	if f.rng.IntN(3) == 0 {
		time.Sleep(time.Duration(f.rng.IntN(4000)) * time.Microsecond)
	}
}

// watchFaults are what can happen. until is called at the end of a batch.
var watchFaults = []struct {
	name  string
	do    func(f *faulty)
	until func(f *faulty)
}{
	{"a commit in the -wal", func(f *faulty) { f.put(wal) }, nil},
	{"a commit in the database", func(f *faulty) { f.put(db + "-journal"); f.put(db); os.Remove(f.mac.Root + db + "-journal") }, nil},
	{"the database replaced", func(f *faulty) { f.put(db + ".new"); f.move(db+".new", db) }, nil},
	{"the database removed", func(f *faulty) { os.Remove(f.mac.Root + db) }, nil},
	{"the -wal removed", func(f *faulty) { os.Remove(f.mac.Root + wal) }, nil},
	{"the database behind a link", func(f *faulty) {
		f.put(probe.PolicyFolder + "/real")
		os.Remove(f.mac.Root + db)
		os.Symlink("real", f.mac.Root+db)
	}, nil},
	{"chmod of the database", func(f *faulty) {
		os.Chmod(f.mac.Root+db, []fs.FileMode{0, 0o600, 0o644}[f.rng.IntN(3)])
	}, nil},
	{"its folder renamed, a new one", func(f *faulty) {
		f.move(probe.PolicyFolder, probe.PolicyFolder+".old")
		f.pause()
		f.put(db)
	}, nil},
	{"its folder renamed and back", func(f *faulty) {
		f.move(probe.PolicyFolder, probe.PolicyFolder+".old")
		f.pause()
		f.move(probe.PolicyFolder+".old", probe.PolicyFolder)
		f.put(wal)
	}, nil},
	{"a folder above removed, a new one", func(f *faulty) {
		os.RemoveAll(f.mac.Root + theLinked + "/db")
		f.pause()
		f.put(db)
	}, nil},
	{"the link above leads elsewhere", func(f *faulty) {
		target := []string{"private/var", "private/var2"}[f.rng.IntN(2)]
		os.MkdirAll(filepath.Join(f.mac.Root, target), 0o755)
		os.Symlink(target, f.mac.Root+aLink+".new")
		os.Rename(f.mac.Root+aLink+".new", f.mac.Root+aLink)
		f.pause()
		f.put(db)
	}, nil},
	{"the published policy replaced", func(f *faulty) {
		f.put(probe.PublishedPolicy + ".new")
		f.move(probe.PublishedPolicy+".new", probe.PublishedPolicy)
	}, nil},
	{"the app updated", func(f *faulty) { f.put(info) }, nil},
	{"the app replaced", func(f *faulty) { f.move(app, app+".old"); f.pause(); f.put(info) }, nil},
	{"the app removed", func(f *faulty) { os.RemoveAll(f.mac.Root + app) }, nil},
	{"a kernel extension installed or removed", func(f *faulty) {
		dir := fmt.Sprint(f.mac.Root, probe.Extensions, "/", f.rng.IntN(5), ".kext")
		if os.MkdirAll(filepath.Dir(dir), 0o755); os.Mkdir(dir, 0o755) != nil {
			os.Remove(dir)
		}
	}, nil},
	{"300 commits in a row", func(f *faulty) {
		for range 300 {
			f.put(wal)
		}
	}, nil},
	{"no descriptor is free", func(f *faulty) { f.limitFiles(0) }, func(f *faulty) { f.limitFiles(descriptors) }},
	{"all events are lost for a while", func(f *faulty) { f.dropped.Store(100) }, nil},
	{"half of the events are lost for a while", func(f *faulty) { f.dropped.Store(50) }, nil},
	{"events arrive again", func(f *faulty) { f.dropped.Store(0) }, nil},
	{"the queue of events overflows", func(f *faulty) { probe.Signal(f.overflow) }, nil},
	{"no inotify watch is free", func(f *faulty) { f.limitInotify("watches", 1) }, nil},
	{"no inotify instance is free", func(f *faulty) { f.limitInotify("instances", 1) }, nil},
	{"inotify is free again", func(f *faulty) { f.limitInotify("watches", 1000); f.limitInotify("instances", 100) }, nil},
}

func (f *faulty) limitFiles(n uint64) {
	mactest.NoError(f, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: descriptors}))
}

func (f *faulty) limitInotify(what string, n int) {
	if os.Getenv(inNamespace) != "yes" {
		return
	}
	path := "/proc/sys/user/max_inotify_" + what
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if scarce(err) {
		return
	}
	mactest.NoError(f, err)
	_, err = fmt.Fprint(file, n)
	mactest.NoError(f, err)
	file.Close()
}

// batch does n random things, waits until the last state was seen, and returns n.
func (f *faulty) batch(n int) int {
	f.Helper()
	var names []string
	for range n {
		fault := watchFaults[f.rng.IntN(len(watchFaults))]
		fault.do(f)
		names = append(names, fault.name)
		if fault.until != nil {
			f.pause()
			fault.until(f)
		}
		f.pause()
	}
	var want, seen string
	began := time.Now()
	for end := began.Add(patience); ; time.Sleep(time.Millisecond) {
		want, _ = f.state()
		f.mu.Lock()
		seen = f.seen
		f.mu.Unlock()
		if seen == want {
			break
		}
		if time.Now().After(end) {
			f.Fatalf("after %q: not seen:\n%s\nlast seen:\n%s\ngaps: %+v", names, want, seen, f.w.Gaps())
		}
	}
	f.took = append(f.took, time.Since(began))
	if f.took[len(f.took)-1] > time.Second {
		f.Logf("seen after %v: %q", f.took[len(f.took)-1], names)
	}
	for _, name := range names {
		f.tried[name]++
	}
	return n
}

func (f *faulty) record() {
	const part = "The watcher of the files"
	for _, fault := range watchFaults {
		soak.Row{Part: part, Fault: fault.name, Tried: f.tried[fault.name], Happened: "The last state was seen each time."}.Record(f)
	}
	slices.Sort(f.took)
	at := func(share float64) int64 { return f.took[int(share*float64(len(f.took)-1))].Milliseconds() }
	soak.Row{Part: part, Fault: fmt.Sprintf("sequences of these, with a backstop of %v", faultyLive), Tried: len(f.took),
		Happened: fmt.Sprintf("The last state was seen within %d ms in half of them, %d ms in 99 of 100, and %d ms in all.", at(0.5), at(0.99), at(1))}.Record(f)
}

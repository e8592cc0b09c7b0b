package kextlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const patience = 30 * time.Second // for a slow machine; usually it takes milliseconds

const refusal = "Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: " + testHash

// followed is a Follower with fake time. The test defines what its tool does.
type followed struct {
	*Follower
	began  time.Time
	mu     sync.Mutex
	starts []time.Duration // of the stream, after began
	reads  []time.Duration // of the past, after began
	live   atomic.Int64    // tools at work
}

// noPast is a log in which nothing was logged before.
func noPast(context.Context, func([]byte)) error { return tool.ErrEnded }

// followInBubble runs a story with a simulated log tool: tool returns how long its
// n-th process runs and how it ends.
func followInBubble(t *testing.T, tool func(n int) (time.Duration, error), story func(t *testing.T, f *followed)) {
	synctest.Test(t, func(t *testing.T) {
		f := &followed{Follower: New(root.FS{}), began: time.Now()}
		f.past = func(ctx context.Context, each func([]byte)) error {
			f.mu.Lock()
			f.reads = append(f.reads, time.Since(f.began))
			f.mu.Unlock()
			return noPast(ctx, each)
		}
		f.stream = func(ctx context.Context, each func([]byte)) error {
			f.live.Add(1)
			defer f.live.Add(-1)
			runs, err := tool(f.begin())
			select {
			case <-ctx.Done():
				time.Sleep(time.Millisecond) // a killed process does not end at once
				return ctx.Err()
			case <-time.After(runs):
				return err
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go f.Run(ctx)
		story(t, f)
		cancel()
		for range f.Hints() { // closed when nothing runs any more
		}
		if n := f.live.Load(); n != 0 {
			t.Errorf("%d processes are left", n)
		}
	})
}

// begin records the start of a process and returns its number.
func (f *followed) begin() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts = append(f.starts, time.Since(f.began))
	return len(f.starts)
}

// after waits for d of fake time, and returns the times at which processes started.
func (f *followed) after(d time.Duration) string {
	time.Sleep(d)
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.starts)
}

func forever(int) (time.Duration, error) { return 1000 * time.Hour, nil }

func TestLogOnlyWhileWanted(t *testing.T) {
	followInBubble(t, forever, func(t *testing.T, f *followed) {
		if got := f.after(time.Hour); got != "[]" || f.live.Load() != 0 {
			t.Errorf("not wanted: %s", got)
		}
		for range 3 {
			f.Want(true)
		}
		if got := f.after(time.Hour); got != "[1h0m0s]" || f.live.Load() != 1 {
			t.Errorf("wanted: %s", got)
		}
		f.Want(false)
		if got := f.after(time.Hour); got != "[1h0m0s]" || f.live.Load() != 0 {
			t.Errorf("no longer wanted: %s", got)
		}
		f.Retry()
		if got := f.after(time.Hour); got != "[1h0m0s]" {
			t.Errorf("started although not wanted: %s", got)
		}
		f.Want(true)
		synctest.Wait()
		f.Want(false)
		f.Want(true)
		if got := f.after(time.Hour); f.live.Load() != 1 {
			t.Errorf("wanted again: %s", got)
		}
		if g, missing := f.Gap(); missing {
			t.Errorf("gap %+v", g)
		}
	})
}

func TestPausesBetweenStartsGrow(t *testing.T) {
	died := errors.New("signal: killed")
	followInBubble(t, func(n int) (time.Duration, error) {
		if n == 12 {
			return steadyAfter, died
		}
		return 0, died
	}, func(t *testing.T, f *followed) {
		f.Want(true)
		f.after(0)
		if g, missing := f.Gap(); !missing || g.Source != "log" || g.Err != "signal: killed" || g.Next == "" {
			t.Errorf("gap %+v, %t", g, missing)
		}
		want := "[0s 1s 3s 7s 15s 31s 1m3s 2m7s 4m15s 8m31s 13m31s 18m31s 28m32s 28m34s]"
		if got := f.after(28*time.Minute + 35*time.Second); got != want {
			t.Errorf("started at %s\nwant       %s", got, want)
		}
	})
}

// Retry starts the tool at once, instead of the planned start. Then the pauses are
// short again.
func TestLogRetry(t *testing.T) {
	followInBubble(t, func(n int) (time.Duration, error) {
		if n == 6 || n == 7 || n == 9 {
			return 0, tool.ErrEnded
		}
		return forever(n)
	}, func(t *testing.T, f *followed) {
		f.Want(true)
		for range 4 { // each time the tool is stopped and wanted again
			f.after(0)
			f.Want(false)
			f.after(time.Second)
			f.Want(true)
		}
		if got := f.after(0); got != "[0s 1s 2s 3s 4s]" {
			t.Fatalf("started at %s", got)
		}
		f.Want(false)
		f.after(time.Second)
		f.Want(true) // ends at 5 s; the next start would be at 6 s
		f.after(500 * time.Millisecond)
		f.Retry() // ends at 5.5 s
		if got := f.after(time.Hour); got != "[0s 1s 2s 3s 4s 5s 5.5s 6.5s]" || f.live.Load() != 1 {
			t.Errorf("started at %s; %d processes run", got, f.live.Load())
		}
		f.Want(false)
		f.after(time.Second)
		f.Want(true) // ends; the next start would be a second later
		f.after(500 * time.Millisecond)
		f.Retry()
		if f.after(time.Hour); len(f.starts) != 10 || f.live.Load() != 1 {
			t.Errorf("started at %v; %d processes run", f.starts, f.live.Load())
		}
	})
}

func TestLogGivesUp(t *testing.T) {
	for name, err := range map[string]error{
		"no administrator": errors.New("/usr/bin/log: exit status 64: log: Must be admin to run 'stream' command"),
		"no such tool":     fmt.Errorf("%s: %w", probe.LogTool, fs.ErrNotExist),
		"old tool":         errors.New("/usr/bin/log: exit status 64: log: Unknown style 'ndjson'"),
		"only files":       fmt.Errorf("%s: %w", probe.LogTool, tool.ErrNoTools),
	} {
		t.Run(name, func(t *testing.T) {
			followInBubble(t, func(int) (time.Duration, error) { return 0, err }, func(t *testing.T, f *followed) {
				f.Want(true)
				f.after(0)
				if h := <-f.Hints(); h.Settled {
					t.Errorf("hint %+v", h)
				}
				if g, missing := f.Gap(); !missing || g.Err != err.Error() || g.Next == "" {
					t.Errorf("gap %+v, %t", g, missing)
				}
				f.Want(true) // as before
				if got := f.after(24 * time.Hour); got != "[0s]" {
					t.Errorf("tried again: %s", got)
				}
				f.Retry()
				if got := f.after(time.Hour); got != "[0s 24h0m0s]" {
					t.Errorf("after a wake: %s", got)
				}
				f.Want(false)
				f.after(time.Hour)
				if g, missing := f.Gap(); missing {
					t.Errorf("a gap although the log is not wanted: %+v", g)
				}
				f.Want(true)
				if got := f.after(time.Hour); got != "[0s 24h0m0s 26h0m0s]" {
					t.Errorf("wanted again: %s", got)
				}
			})
		})
	}
}

// The gap ends with the first line of the tool. It comes back when the tool ends.
func TestLogGapGoesWithTheFirstLine(t *testing.T) {
	for _, ends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := New(root.FS{})
			f.past = noPast
			tries := 0
			f.stream = func(ctx context.Context, each func([]byte)) error {
				if tries++; tries == 1 {
					return tool.ErrEnded
				}
				each([]byte("Filtering the log data"))
				if !ends {
					<-ctx.Done()
				}
				return tool.ErrEnded
			}
			ctx, cancel := context.WithCancel(t.Context())
			go f.Run(ctx)
			f.Want(true)
			synctest.Wait()
			if _, missing := f.Gap(); !missing {
				t.Error("no gap while the tool does not run")
			}
			time.Sleep(firstPause)
			synctest.Wait()
			if _, missing := f.Gap(); missing != ends {
				t.Errorf("the tool ended: %t, a gap: %t", ends, missing)
			}
			cancel()
			for range f.Hints() {
			}
		})
	}
}

func TestLogAttempts(t *testing.T) {
	f := New(root.FS{})
	for n := range attemptLimit + 50 {
		line := strings.Replace(logged(policyDaemon, kextSubsystem, refusal), "01:14:10.348728", fmt.Sprintf("01:14:10.%06d", 999-n), 1)
		f.line([]byte(line))
	}
	got := f.Attempts()
	if len(got) != attemptLimit || !slices.IsSortedFunc(got, func(a, b probe.Attempt) int { return a.At.Compare(b.At) }) {
		t.Errorf("%d attempts", len(got))
	}
	if newest := got[0].At.Nanosecond() / 1000; newest != 999-attemptLimit-49 {
		t.Errorf("of the newest, the earliest is %d", newest)
	}
}

// A flood of lines, relevant or not, leaves at most one hint in the channel.
func TestLogHintsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(root.FS{})
		f.past = noPast
		f.stream = func(ctx context.Context, each func([]byte)) error {
			for range 1000 {
				each([]byte(logged("/usr/libexec/kernelmanagerd", "", "nothing")))
			}
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		go f.Run(ctx)
		f.Want(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(f.Hints()) != 0 {
			t.Errorf("a hint without a change: %+v", <-f.Hints())
		}
		for range 1000 {
			f.line([]byte(logged(policyDaemon, kextSubsystem, refusal)))
		}
		for i, settled := range []bool{false, false, false, true} {
			if h := <-f.Hints(); h.Settled != settled || h.Woke {
				t.Errorf("hint %d: %+v", i, h)
			}
		}
		time.Sleep(time.Hour)
		if len(f.Hints()) != 0 {
			t.Errorf("one hint too many: %+v", <-f.Hints())
		}
		cancel()
		for range f.Hints() {
		}
	})
}

// follow runs a Follower on a Mac with a log tool, and returns a function that
// ends it.
func follow(t *testing.T, m root.FS) (*Follower, context.CancelFunc) {
	f := New(m)
	ctx, cancel := context.WithCancel(t.Context())
	go f.Run(ctx)
	end := func() {
		cancel()
		for range f.Hints() {
		}
	}
	t.Cleanup(end)
	return f, end
}

// await receives hints until so returns true.
func await(t *testing.T, f *Follower, what string, so func() bool) {
	t.Helper()
	late := time.After(patience)
	for !so() {
		select {
		case <-f.Hints():
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// A real process prints lines, one of them too long, and starts another process.
// Both end when the log is no longer wanted.
func TestLogIsFollowed(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, "/lines", "Filtering the log data using \"x\"\n\n"+
		logged("/tmp/fake", kextSubsystem, refusal)+"\n"+
		"{"+strings.Repeat(" ", 1<<20)+"}\n"+
		strings.Replace(logged(policyDaemon, kextSubsystem, refusal), "348728", "MICROS", 1)+"\n")
	alive := aliveWhile(t, m)
	mactest.AddTool(t, m.Root, probe.LogTool, `[ "$1" = show ] && exit 1
[ "$*" = "stream --style ndjson --predicate $5" ] || exit 9
exec 3>'`+alive.path+`'; sleep 60 & echo >>'`+m.Root+`/runs'
sed "s/MICROS/$((100000 + $(wc -l <'`+m.Root+`/runs')))/" '`+m.Root+`/lines'; wait`)
	before := runtime.NumGoroutine()
	f, end := follow(t, m)
	for range 2 {
		dead := alive.wait()
		n := len(f.Attempts())
		f.Want(true)
		await(t, f, "an attempt", func() bool { return len(f.Attempts()) == n+1 })
		if g, missing := f.Gap(); missing {
			t.Errorf("gap %+v", g)
		}
		f.Want(false)
		select {
		case <-dead:
		case <-time.After(patience):
			t.Fatal("a process that the tool started is still alive")
		}
	}
	dead := alive.wait()
	f.Want(true)
	await(t, f, "an attempt", func() bool { return len(f.Attempts()) == 3 })
	end()
	select {
	case <-dead:
	case <-time.After(patience):
		t.Fatal("a process that the tool started outlived Run")
	}
	for late := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(late) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestLogNeedsAnAdministrator(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.LogTool, `echo "log: Must be admin to run 'stream' command" >&2; exit 64`)
	f, _ := follow(t, m)
	f.Want(true)
	await(t, f, "a gap", func() bool { _, missing := f.Gap(); return missing })
	if g, _ := f.Gap(); !strings.HasSuffix(g.Err, "Must be admin to run 'stream' command") || !strings.Contains(g.Next, "install --reader") {
		t.Errorf("%+v", g)
	}
}

// The past is read once when the log becomes wanted, a moment after the stream began:
// not at a restart of the stream, and not more often than once in two minutes. A read
// that has to wait does not get lost.
func TestPastIsReadOnce(t *testing.T) {
	followInBubble(t, func(n int) (time.Duration, error) {
		if n < 4 {
			return 10 * time.Second, errors.New("signal: killed")
		}
		return forever(n)
	}, func(t *testing.T, f *followed) {
		reads := func(what, want string) {
			t.Helper()
			f.mu.Lock()
			defer f.mu.Unlock()
			if got := fmt.Sprint(f.reads); got != want {
				t.Errorf("%s: read at %s, want %s", what, got, want)
			}
		}
		f.after(time.Hour)
		reads("not wanted", "[]")
		f.Want(true)
		f.Want(true)
		f.Retry()
		f.after(5 * time.Minute)
		f.Retry()
		if got := f.after(55 * time.Minute); len(f.starts) != 4 {
			t.Errorf("started at %s", got)
		}
		reads("the stream ended three times", "[1h0m1s]")
		f.Want(false)
		f.after(time.Hour)
		f.Want(true)
		f.after(10 * time.Second)
		f.Want(false)
		f.after(10 * time.Second)
		f.Want(true)
		f.after(time.Minute)
		reads("wanted again soon", "[1h0m1s 3h0m1s]")
		f.after(time.Hour)
		reads("wanted again soon, later", "[1h0m1s 3h0m1s 3h2m1s]")
		f.Want(false)
		f.after(10 * time.Minute)
		f.Want(true)
		f.after(overlap / 2)
		f.Want(false)
		f.after(time.Hour)
		reads("not wanted any more", "[1h0m1s 3h0m1s 3h2m1s]")
	})
}

// pastInBubble runs a Follower whose stream works, with a simulated read of the past.
func pastInBubble(t *testing.T, past func(ctx context.Context, each func([]byte)) error, story func(f *Follower)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := New(root.FS{})
		f.past = past
		f.stream = func(ctx context.Context, each func([]byte)) error {
			each([]byte("Filtering the log data"))
			each(refusalAt(1))
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		go f.Run(ctx)
		f.Want(true)
		synctest.Wait()
		if n := len(f.Attempts()); n != 1 {
			t.Errorf("%d attempts before the past is read", n)
		}
		time.Sleep(overlap)
		synctest.Wait()
		story(f)
		if g, missing := f.Gap(); missing {
			t.Errorf("gap %+v", g)
		}
		cancel()
		for range f.Hints() {
		}
	})
}

// refusalAt is a line of the log. They differ in the time.
func refusalAt(n int) []byte {
	return []byte(strings.Replace(logged(policyDaemon, kextSubsystem, refusal), "348728", fmt.Sprintf("%06d", n), 1))
}

// What both show counts once. The last line of the tool is no attempt, and the end of
// the tool is no gap.
func TestPastAndStreamAreOneList(t *testing.T) {
	pastInBubble(t, func(_ context.Context, each func([]byte)) error {
		each(refusalAt(0))
		each(refusalAt(1))
		each([]byte(`{"count":2,"finished":1}`))
		return errors.New("/usr/bin/log: exit status 64: log: Must be admin to run 'show' command")
	}, func(f *Follower) {
		got := f.Attempts()
		if len(got) != 2 || got[0].At.Nanosecond() != 0 || got[1].At.Nanosecond() != 1000 {
			t.Errorf("%+v", got)
		}
		if len(f.Hints()) == 0 {
			t.Error("no hint after the attempt")
		}
	})
}

// A read that hangs delays nothing and ends at its time limit.
func TestPastHangs(t *testing.T) {
	var took time.Duration
	pastInBubble(t, func(ctx context.Context, each func([]byte)) error {
		each(refusalAt(0))
		start := time.Now()
		<-ctx.Done()
		took = time.Since(start)
		return ctx.Err()
	}, func(f *Follower) {
		f.line(refusalAt(2))
		if n := len(f.Attempts()); n != 3 {
			t.Errorf("%d attempts while the read hangs", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if took != tool.Limit {
			t.Errorf("it ended after %v", took)
		}
	})
}

// A read ends when the log is not wanted any more, and when Run ends.
func TestPastIsStopped(t *testing.T) {
	for _, unwanted := range []bool{false, true} {
		var took time.Duration
		pastInBubble(t, func(ctx context.Context, _ func([]byte)) error {
			start := time.Now()
			<-ctx.Done()
			took = time.Since(start)
			time.Sleep(time.Millisecond) // a killed process does not end at once
			return ctx.Err()
		}, func(f *Follower) {
			time.Sleep(time.Second)
			if unwanted {
				f.Want(false)
				time.Sleep(time.Hour)
			}
		})
		if took != time.Second {
			t.Errorf("not wanted: %t, it ended after %v", unwanted, took)
		}
	}
}

// A tool that prints more lines than attempts are kept is ended.
func TestPastIsLimited(t *testing.T) {
	printed := 0
	pastInBubble(t, func(ctx context.Context, each func([]byte)) error {
		for ; ctx.Err() == nil && printed < 2*attemptLimit; printed++ {
			each(refusalAt(1000 + printed))
		}
		return ctx.Err()
	}, func(f *Follower) {
		if printed != attemptLimit+1 {
			t.Errorf("it was ended after %d lines", printed)
		}
		if got := f.Attempts(); len(got) != attemptLimit || got[len(got)-1].At.Nanosecond() != (1000+attemptLimit-1)*1000 {
			t.Errorf("%d attempts", len(got))
		}
	})
}

// A real process shows an attempt before the stream, and is killed when it hangs.
func TestPastIsShown(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, "/lines", string(refusalAt(0))+"\n")
	alive := aliveWhile(t, m)
	mactest.AddTool(t, m.Root, probe.LogTool, `[ "$1" != stream ] || exec sleep 60
[ "$*" = "show --style ndjson --last 2m --predicate $7" ] || exit 9
exec 3>'`+alive.path+`'; cat '`+m.Root+`/lines'; sleep 60`)
	dead := alive.wait()
	f, end := follow(t, m)
	f.Want(true)
	await(t, f, "an attempt", func() bool { return len(f.Attempts()) == 1 })
	end()
	select {
	case <-dead:
	case <-time.After(patience):
		t.Fatal("the tool outlived Run")
	}
}

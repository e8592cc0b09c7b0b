package kextlog

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (

	// attemptLimit is how many attempts are kept; opening a virtual machine
	// makes about a dozen lines.
	attemptLimit = 256

	// A log tool that ends is started again: after logFirst, then after twice
	// the time each, and after logFirst again once it ran for logSteady.
	logFirst  = time.Second
	logLast   = 5 * time.Minute
	logSteady = 10 * time.Minute
)

// LogPredicate lets through the messages that parseLogLine knows and few
// others: what it holds back costs this program nothing.
const LogPredicate = `(process == "syspolicyd" AND subsystem == "com.apple.syspolicy.kext" AND eventMessage CONTAINS "Kext (")` +
	` OR (process IN {"kernelmanagerd", "kernelmanager_helper", "kmutil"}` +
	` AND (eventMessage CONTAINS "not approved to load" OR eventMessage CONTAINS "a reboot"))` +
	` OR (process IN {"kextd", "kextload", "kextutil"} AND eventMessage CONTAINS "system policy")`

// Follower follows the Mac's log for attempts to load a kernel extension.
// Only administrators may. What was logged before, or while the tool that
// prints the log is started again, is missed.
type Follower struct {
	stream  func(ctx context.Context, each func(line []byte)) error
	hints   chan probe.Hint
	changed chan struct{} // what is wanted changed
	noticed chan struct{} // an attempt was logged, or the gap changed
	ended   chan error

	// Owned by the goroutine of Run.
	stop    context.CancelFunc // ends the tool; nil: none runs
	started time.Time
	pause   time.Duration // before the last start
	again   *time.Timer
	news    *probe.Debounce

	mu       sync.Mutex
	wanted   bool
	attempts []probe.Attempt // as they came in
	gap      *probe.Gap
}

// New returns a Follower of m. Run makes it work, and it runs nothing
// until the log is wanted.
func New(m root.FS) *Follower {
	return &Follower{
		stream: func(ctx context.Context, each func(line []byte)) error {
			return tool.Follow(ctx, m, each, probe.LogTool, "stream", "--style", "ndjson", "--predicate", LogPredicate)
		},
		hints:   make(chan probe.Hint, 1),
		changed: make(chan struct{}, 1),
		noticed: make(chan struct{}, 1),
		ended:   make(chan error, 1),
	}
}

// Want says whether the log is wanted from now on. While it is not, no process
// runs. It may be called from any goroutine, and again and again.
func (f *Follower) Want(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted != on {
		f.wanted = on
		probe.Signal(f.changed)
	}
}

// Retry tries at once what was given up, or would be tried later: after a
// wake, or when the user asks. It may be called from any goroutine.
func (f *Follower) Retry() { probe.Signal(f.changed) }

// Hints has one slot: a new hint replaces one that was not taken. Like those
// of a Watcher they come at once, again shortly after, and last a settled one,
// since what a line tells of may be written a moment later. One also comes
// when Gap changes. The channel is closed when Run returns.
func (f *Follower) Hints() <-chan probe.Hint { return f.hints }

// Attempts are the newest attempts that were logged, oldest first, however
// long ago; no more than attemptLimit. It may be called from any goroutine.
func (f *Follower) Attempts() []probe.Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(f.attempts), func(a, b probe.Attempt) int { return a.At.Compare(b.At) })
}

// Gap is the reason why the log is wanted and not followed; false where it is
// followed, or not wanted. It may be called from any goroutine.
func (f *Follower) Gap() (probe.Gap, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gap == nil {
		return probe.Gap{}, false
	}
	return *f.gap, true
}

// Run follows the log whenever it is wanted, until ctx ends. When it returns,
// no process is left. It is to be called once.
func (f *Follower) Run(ctx context.Context) {
	defer close(f.hints)
	f.news = probe.NewDebounce()
	f.again = time.NewTimer(logFirst)
	f.again.Stop()
	for {
		select {
		case <-ctx.Done():
			if f.stop != nil {
				f.stop()
				<-f.ended
			}
			return
		case <-f.changed:
			f.obey(ctx)
		case <-f.again.C:
			f.start(ctx)
		case <-f.noticed:
			f.news.Touch()
		case <-f.news.Timer.C:
			probe.OfferHint(f.hints, probe.Hint{Settled: f.news.Fired()})
		case err := <-f.ended:
			f.end(ctx, err)
		}
	}
}

// obey makes what is wanted true.
func (f *Follower) obey(ctx context.Context) {
	switch {
	case !f.isWanted():
		f.again.Stop()
		f.note(nil)
		if f.stop != nil {
			f.stop()
		}
	case f.stop == nil:
		f.pause = 0
		f.start(ctx)
	}
}

func (f *Follower) start(ctx context.Context) {
	f.again.Stop()
	f.started = time.Now()
	ctx, f.stop = context.WithCancel(ctx)
	go func() { f.ended <- f.stream(ctx, f.line) }()
}

// end decides what follows on the end of the tool: nothing where nothing else
// would come of it, else another start.
func (f *Follower) end(ctx context.Context, err error) {
	f.stop()
	f.stop = nil
	switch {
	case !f.isWanted():
	case errors.Is(err, context.Canceled): // stopped, and wanted again meanwhile
		f.start(ctx)
	default:
		gap, hopeless := logGap(err)
		f.note(&gap)
		if hopeless {
			return
		}
		if time.Since(f.started) >= logSteady {
			f.pause = 0
		}
		f.pause = min(max(logFirst, 2*f.pause), logLast)
		f.again.Reset(f.pause)
	}
}

// line takes one line of the log. Whatever it is, the log is being followed.
func (f *Follower) line(text []byte) {
	f.note(nil)
	found := parseLogLine(text)
	if len(found) == 0 {
		return
	}
	f.mu.Lock()
	f.attempts = append(f.attempts, found...)
	if extra := len(f.attempts) - attemptLimit; extra > 0 {
		f.attempts = slices.Delete(f.attempts, 0, extra)
	}
	f.mu.Unlock()
	probe.Signal(f.noticed)
}

func (f *Follower) isWanted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wanted
}

// note remembers why the log is not followed; nil: it is.
func (f *Follower) note(gap *probe.Gap) {
	f.mu.Lock()
	same := gap == nil && f.gap == nil || gap != nil && f.gap != nil && *gap == *f.gap
	f.gap = gap
	f.mu.Unlock()
	if !same {
		probe.Signal(f.noticed)
	}
}

// logGap says what an error of the log tool means, and whether it would only
// come again.
func logGap(err error) (g probe.Gap, hopeless bool) {
	const source = probe.FactLoadAttempts
	const reader = "Nothing has to be done on an administrator's account. Otherwise ask an administrator to run " +
		"`sudo kextwatch install --reader`; then the log is not needed."
	said := strings.ToLower(err.Error())
	switch {
	case errors.Is(err, tool.ErrNoTools):
		return tool.Gap(source, err, ""), true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return tool.Gap(source, err, "log help"), true
	case strings.Contains(said, "must be admin"):
		return probe.NewGap(source, err, reader), true
	case strings.Contains(said, "style"): // macOS 10.13 may not know ndjson
		return probe.NewGap(source, err, "Ask an administrator to run `sudo kextwatch install --reader`; then the log is not needed."), true
	}
	return probe.NewGap(source, err, "Nothing has to be done: it is started again, after five minutes at the latest."), false
}

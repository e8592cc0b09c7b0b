// Package kextlog follows the unified log of a Mac for attempts to load a kernel
// extension.
//
// It accepts a line only if Apple's own program wrote it: any program can log
// any text. A line shows an attempt and its outcome, never what is allowed. The
// package reads no log older than two minutes and stores none, and it runs only
// the log tool of macOS. The forms of the lines are from Apple's source of
// kext_tools and IOKitUser (macOS 10.13 to 10.15) and from public logs of macOS 11
// to 26.2. A text that is not known shows no attempt.
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
	// attemptLimit is the number of attempts that are kept. Opening a virtual
	// machine logs about a dozen lines.
	attemptLimit = 256

	// A log tool that ended is started again after firstPause. The pause doubles
	// each time up to longestPause. After the tool ran for steadyAfter, it is
	// firstPause again.
	firstPause   = time.Second
	longestPause = 5 * time.Minute
	steadyAfter  = 10 * time.Minute

	// When the log becomes wanted, pastSpan of it is read once, and not more often
	// than once in pastSpan: a read that has to wait for that misses nothing. It
	// begins overlap after the stream: the stream needs a moment until it delivers,
	// and no line between the two may be lost.
	pastSpan = 2 * time.Minute
	overlap  = time.Second
)

// Predicate is the filter for the log tool. It passes the messages that
// kextlog knows and few others: what the tool drops costs this program nothing.
const Predicate = `(process == "syspolicyd" AND subsystem == "com.apple.syspolicy.kext" AND eventMessage CONTAINS "Kext (")` +
	` OR (process IN {"kernelmanagerd", "kernelmanager_helper", "kmutil"}` +
	` AND (eventMessage CONTAINS "not approved to load" OR eventMessage CONTAINS "a reboot"` +
	` OR eventMessage CONTAINS "extension failed: Kext " OR eventMessage CONTAINS "In exclude list: Kext "` +
	` OR eventMessage CONTAINS "names a dependency on" OR eventMessage CONTAINS "Incompatible architecture: "))` +
	` OR (process IN {"kextd", "kextload", "kextutil"}` +
	` AND (eventMessage CONTAINS "Kext rejected due to " OR eventMessage CONTAINS "failed to load - (libkern/kext)"` +
	` OR eventMessage CONTAINS "is in exclude list" OR eventMessage CONTAINS "failed to validate, deleting"` +
	` OR eventMessage CONTAINS "failed to resolve dependencies" OR eventMessage CONTAINS "no code for running kernel"))`

// Follower follows the log of a Mac for attempts to load a kernel extension.
// macOS allows this only for administrators. When the log becomes wanted, a
// Follower also reads the last two minutes of it, because the attempt for which it
// is wanted was logged before. It misses what is logged while the log tool restarts.
type Follower struct {
	stream  func(ctx context.Context, each func(line []byte)) error
	past    func(ctx context.Context, each func(line []byte)) error // the last pastSpan
	hints   chan probe.Hint
	changed chan struct{} // wanted changed, or a retry is due
	noticed chan struct{} // an attempt was logged, or gap changed
	ended   chan error

	// Owned by the goroutine of Run.
	stop    context.CancelFunc // ends the tool; nil: it does not run
	started time.Time
	pause   time.Duration // before the last start
	again   *time.Timer
	news    *probe.Debounce

	unread   bool        // the past was not read since the log became wanted
	due      *time.Timer // when to read it
	lastRead time.Time
	stopPast context.CancelFunc
	reading  sync.WaitGroup

	mu       sync.Mutex
	wanted   bool
	attempts []probe.Attempt // in the order of arrival
	gap      *probe.Gap
}

// New returns a Follower of the log of m. It works while Run runs, and starts
// the log tool only while the log is wanted.
func New(m root.FS) *Follower {
	return &Follower{
		stream: func(ctx context.Context, each func(line []byte)) error {
			return tool.Follow(ctx, m, each, probe.LogTool, "stream", "--style", "ndjson", "--predicate", Predicate)
		},
		past: func(ctx context.Context, each func(line []byte)) error {
			return tool.Follow(ctx, m, each, probe.LogTool, "show", "--style", "ndjson", "--last", "2m", "--predicate", Predicate)
		},
		unread:  true,
		hints:   make(chan probe.Hint, 1),
		changed: make(chan struct{}, 1),
		noticed: make(chan struct{}, 1),
		ended:   make(chan error, 1),
	}
}

// Want says whether to follow the log from now on. While it is not wanted, no
// process runs. It is safe for concurrent use; repeated calls have no effect.
func (f *Follower) Want(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted != on {
		f.wanted = on
		probe.Signal(f.changed)
	}
}

// Retry starts the log tool at once if it is wanted and does not run, even after
// Follower gave up. It is meant for a wake, and for a request of the user. It is
// safe for concurrent use.
func (f *Follower) Retry() { probe.Signal(f.changed) }

// Hints returns a channel with one slot: a new hint replaces one that was not
// received. Logged attempts are debounced like file events (see probe.Debounce),
// because macOS may write the policy a moment after the line. A hint is also
// sent when Gap changes. The channel is closed when Run returns.
func (f *Follower) Hints() <-chan probe.Hint { return f.hints }

// Attempts returns the last attempts that were logged, at most 256, oldest first
// and of any age. It is safe for concurrent use.
func (f *Follower) Attempts() []probe.Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(f.attempts), func(a, b probe.Attempt) int { return a.At.Compare(b.At) })
}

// Gap returns the reason why the log is wanted and not followed. It returns false
// if the log is followed or not wanted. It is safe for concurrent use.
func (f *Follower) Gap() (probe.Gap, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gap == nil {
		return probe.Gap{}, false
	}
	return *f.gap, true
}

// Run follows the log while it is wanted, until ctx ends. When Run returns, the
// log tool has ended. Call it once.
func (f *Follower) Run(ctx context.Context) {
	defer close(f.hints)
	f.news = probe.NewDebounce()
	f.again = time.NewTimer(firstPause)
	f.again.Stop()
	f.due = time.NewTimer(overlap)
	f.due.Stop()
	f.stopPast = func() {}
	defer f.reading.Wait()
	for {
		select {
		case <-ctx.Done():
			if f.stop != nil {
				f.stop()
				<-f.ended
			}
			return
		case <-f.changed:
			f.update(ctx)
		case <-f.again.C:
			f.start(ctx)
		case <-f.due.C:
			f.readPast(ctx)
		case <-f.noticed:
			f.news.Touch()
		case <-f.news.Timer.C:
			visible := f.news.VisibleAt()
			probe.OfferHint(f.hints, probe.Hint{Settled: f.news.Fired(), VisibleAt: visible})
		case err := <-f.ended:
			f.end(ctx, err)
		}
	}
}

// update starts or stops the tool as wanted.
func (f *Follower) update(ctx context.Context) {
	switch {
	case !f.isWanted():
		f.again.Stop()
		f.due.Stop()
		f.stopPast()
		f.unread = true
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
	if f.unread {
		f.unread = false
		f.due.Reset(max(overlap, pastSpan-time.Since(f.lastRead)))
	}
	ctx, f.stop = context.WithCancel(ctx)
	go func() { f.ended <- f.stream(ctx, f.line) }()
}

// readPast reads what was logged before the stream started. Nothing waits for it,
// and its error is no gap: where it fails, the stream tells what is missing.
func (f *Follower) readPast(ctx context.Context) {
	f.lastRead = time.Now()
	ctx, cancel := context.WithTimeout(ctx, tool.Limit)
	f.stopPast = cancel
	left := attemptLimit // lines
	f.reading.Go(func() {
		defer cancel()
		_ = f.past(ctx, func(text []byte) {
			if left == 0 {
				cancel()
				return
			}
			left--
			f.add(parseLogLine(text))
		})
	})
}

// end handles the end of the tool. It starts the tool again, unless the error
// would only repeat.
func (f *Follower) end(ctx context.Context, err error) {
	f.stop()
	f.stop = nil
	switch {
	case !f.isWanted():
	case errors.Is(err, context.Canceled): // it was stopped, and is wanted again
		f.start(ctx)
	default:
		gap, hopeless := logGap(err)
		f.note(&gap)
		if hopeless {
			return
		}
		if time.Since(f.started) >= steadyAfter {
			f.pause = 0
		}
		f.pause = min(max(firstPause, 2*f.pause), longestPause)
		f.again.Reset(f.pause)
	}
}

// line handles one line of the stream. Any line shows that the log is followed.
func (f *Follower) line(text []byte) {
	f.note(nil)
	f.add(parseLogLine(text))
}

// add keeps the attempts that are new. The stream and the past may both show one.
func (f *Follower) add(found []probe.Attempt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found = slices.DeleteFunc(found, func(a probe.Attempt) bool { return slices.Contains(f.attempts, a) })
	if len(found) == 0 {
		return
	}
	f.attempts = append(f.attempts, found...)
	if extra := len(f.attempts) - attemptLimit; extra > 0 {
		f.attempts = slices.Delete(f.attempts, 0, extra)
	}
	probe.Signal(f.noticed)
}

func (f *Follower) isWanted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wanted
}

// note records why the log is not followed; nil: it is followed, or not wanted.
func (f *Follower) note(gap *probe.Gap) {
	f.mu.Lock()
	same := gap == nil && f.gap == nil || gap != nil && f.gap != nil && *gap == *f.gap
	f.gap = gap
	f.mu.Unlock()
	if !same {
		probe.Signal(f.noticed)
	}
}

// logGap returns the missing fact for an error of the log tool, and whether a
// restart would only repeat the error.
func logGap(err error) (g probe.Gap, hopeless bool) {
	const source = probe.FactLoadAttempts
	const reader = "Log in as an administrator, or ask one to run `sudo kextwatch install --reader`. " +
		"With the reader, kextwatch does not need the log."
	message := strings.ToLower(err.Error())
	switch {
	case errors.Is(err, tool.ErrNoTools):
		return tool.Gap(source, err, ""), true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return tool.Gap(source, err, "log help"), true
	case strings.Contains(message, "must be admin"):
		return probe.NewGap(source, err, reader), true
	case strings.Contains(message, "style"): // macOS 10.13 may not know ndjson
		return probe.NewGap(source, err, "Ask an administrator to run `sudo kextwatch install --reader`. With the reader, kextwatch does not need the log."), true
	}
	return probe.NewGap(source, err, "No action is needed: kextwatch starts the log tool again within five minutes."), false
}

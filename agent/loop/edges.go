package loop

import (
	"context"
	"io"
	"log/slog"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// Edges are everything that the loop reaches outside of its own state. Tests
// replace them.
type Edges struct {
	Version string // of this program, shown in the menu
	Clock   probe.Clock
	Logger  *slog.Logger
	Prober  Prober
	Watcher Watcher
	Log     Log
	Poster  notify.Poster
	Actions Actions
	Hook    *Hook

	// These may be nil.
	Asker  notify.Asker // shows dialogs; nil: notifications only
	Tray   Tray         // nil: there is no icon
	View   View         // nil: only the tray shows the status
	Events io.Writer    // gets one JSON line for each event; Write must not block: see Outlet
	Rest   func()       // returns unused memory to the system, after a poll that ends a burst of events
	Binary *Binary      // nil: the loop does not check whether its program was replaced
}

// Prober takes snapshots of the Mac. Only one snapshot is taken at a time. Its
// methods are those of mac.Prober.
type Prober interface {
	// SnapshotNow does not wait for tools. A snapshot that is Pending is followed by a
	// value of Answers, after which another snapshot may know more.
	SnapshotNow(ctx context.Context, now time.Time, how mac.Options) probe.Snapshot
	Answers() <-chan struct{}

	// NextQuery returns how long after now a tool must be queried although no event
	// reports a change. It returns false if no query is planned.
	NextQuery(now time.Time) (time.Duration, bool)

	// Wait waits until no tool runs.
	Wait()
}

// Watcher reports when to take a new snapshot, and what it cannot watch.
type Watcher interface {
	Hints() <-chan probe.Hint
	Gaps() []probe.Gap

	// WatchApp also watches Parallels Desktop at a place. The place may be empty.
	WatchApp(place string)
}

// Log follows the unified log for load attempts, while it is wanted. Its methods
// are those of kextlog.Follower.
type Log interface {
	Run(ctx context.Context)
	Want(on bool)
	Hints() <-chan probe.Hint
	Attempts() []probe.Attempt
	Gap() (probe.Gap, bool)
	Retry()
}

// Tray shows the menu and delivers the clicks on it.
type Tray interface {
	Show(notify.Menu)
	Clicks() <-chan notify.Action
}

// Actions are what the menu does outside of the loop. Each call runs on a
// goroutine of its own, except OpensAtLogin.
type Actions interface {
	Do(ctx context.Context, action notify.Action, status approval.Status) error

	// Retry makes the product try again to load its kexts. It returns the attempt
	// if macOS refused it. An error may have a method Hint with the next step.
	Retry(ctx context.Context, status approval.Status) (*probe.Attempt, error)

	// OpensAtLogin reports how kextwatch starts at the next login.
	OpensAtLogin() probe.LoginJob
}

// View shows each new status, with the notices that led to it.
type View interface {
	Show(status approval.Status, notices []approval.Notice)
}

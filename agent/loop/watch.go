package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// Loop is the program that runs in the background. The goroutine that calls
// watch owns all of it.
//
// The loop: look, assess, say what is new, wait. Before anything is said, the
// memory is saved in which it counts as said: a crash in between repeats no
// alert. Then the history is written and the alert handed over, and the
// outcome is saved.
type Loop struct {
	version string // of this program
	Clock   probe.Clock
	Log     *slog.Logger
	Look    func(ctx context.Context, now time.Time, how mac.How) probe.Snapshot
	AskIn   func(now time.Time) (time.Duration, bool) // when the framework wants to be asked; nil: never by itself
	Loads   evidence                                  // nil: only the policy tells of attempts

	Watcher Watcher
	Clicks  <-chan notify.Action
	Show    func(notify.Menu)
	Tray    bool // there is an icon to click
	Poster  notify.Poster
	Asker   notify.Asker // nil: no dialogs
	Retry   func(context.Context, approval.Status) (*probe.Attempt, error)
	AtLogin func() probe.Answer
	Do      func(context.Context, notify.Action, approval.Status) error
	Store   *store.Store
	Events  io.Writer // never waits and never fails: see outlet; nil: nobody asked

	Settings *settings.Reader // nil: the defaults
	Hook     *Hook            // nil: nothing is run for an event
	Binary   *Binary          // nil: nobody asks whether it is replaced
	Restart  bool             // watch ended so that a new program can start

	mem        approval.Memory
	Status     approval.Status
	published  bool      // status.plist is of this agent
	verify     time.Time // until when to ask whether what was approved gets loaded
	quiet      time.Time // the policy had not changed since the look in mem until then
	missed     bool      // the last look told no policy, or is not in mem
	deferred   time.Time // since when the middle of a burst has been holding something back
	busy       time.Time // since when the database has been too busy to read
	queue      []posting
	deliver    func(notify.Alert)
	outcomes   chan error
	delivering bool
	asking     context.CancelFunc // takes the dialog away that is shown; nil: none is
	replies    chan reply
	lessons    chan learned
	tried      []probe.Attempt // what Parallels said when it was asked to try
	ask        func(posting)   // shows a dialog
	Helpers    sync.WaitGroup  // what runs tools until ctx ends
	reading    time.Time       // when the look that is under way began; zero: none is
	due        *glance         // a look that was asked for and has not begun; nil: none
}

const (
	// A burst that never ends holds nothing back for longer than this.
	deferFor = 2 * time.Second

	// After an approval the kernel takes a moment to load, and tells nobody.
	verifyEvery = 5 * time.Second
	verifyFor   = time.Minute

	// A database that is written all the time is asked again this often; after
	// busyFor the user is told, and it is asked less often.
	busyAgain = 500 * time.Millisecond
	busyFor   = 10 * time.Second
	busyLater = 15 * time.Second
)

// Run runs until ctx ends or the user quits.
func (a *Loop) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a look that is under way
	a.outcomes, a.replies, a.lessons = make(chan error, 1), make(chan reply, 1), make(chan learned)
	a.ask = func(p posting) { a.showDialog(ctx, p) }
	a.deliver = func(alert notify.Alert) { a.outcomes <- a.Poster.Post(ctx, alert) }
	a.mem = a.Store.Memory.Memory.Resume()
	a.say([]approval.Notice{{Event: approval.AgentStarted}})
	a.showMenu()
	next := glance{fresh: true, settled: true}
	for more := true; more; {
		replaced, again := a.replaced()
		if a.Restart = replaced; replaced {
			break
		}
		var in time.Duration
		if in, more = a.lookOnce(ctx, next); more {
			next, more = a.wait(ctx, sooner(in, again))
		}
	}
	a.say([]approval.Notice{{Event: approval.AgentStopped}})
}

// lookOnce looks, and says what is new. It returns when to look again by
// itself; 0: only when something happens. more is false when the agent must
// end.
func (a *Loop) lookOnce(ctx context.Context, how glance) (again time.Duration, more bool) {
	now := a.Clock.Now()
	a.catchUp(now)
	if !a.missed { // else the files were quiet since a look that told nothing
		a.quiet = how.quietUntil
	}
	a.missed = true
	snap, more := a.read(ctx, now, mac.How{
		Fresh: how.fresh, Hurry: !how.settled, Others: a.Settings.Current().Approval().Vendors.Others(),
		AskAgain: how.asked, Attempts: a.attempts(),
	})
	if !more {
		return 0, false
	}
	settings := a.Settings.Current().Approval() // as they are now, like the memory: a click may have come meanwhile
	a.followLog(snap)
	busy := a.tooBusy(snap, now)
	if busy && now.Sub(a.busy) < busyFor {
		return busyAgain, true
	}
	snap.Gaps = append(snap.Gaps, a.Watcher.Gaps()...)
	snap.Gaps = append(snap.Gaps, a.Store.Gaps()...)
	snap.Gaps = append(snap.Gaps, a.Binary.gaps()...)
	snap.Gaps = append(snap.Gaps, a.logGaps()...)
	snap.QuietUntil = a.quiet
	status, mem := settings.Assess(a.mem, snap, now)
	notices, mem := settings.Tell(mem, status)
	if !how.settled && a.holdBack(notices, now) {
		return deferFor, true
	}
	a.deferred = time.Time{}
	a.mem, a.Status, a.missed = mem, status, snap.Policy == nil
	a.say(notices)
	a.withdraw()
	a.showMenu()
	next, runs := a.next(status, now)
	if a.verifying(notices, now) && (!runs || next > verifyEvery) {
		return verifyEvery, true
	}
	if busy && !runs {
		return busyLater, true
	}
	if !runs {
		return 0, true
	}
	return next, true
}

// CatchUp takes over the memory of an earlier agent as soon as it can be read.
func (a *Loop) catchUp(now time.Time) {
	mem, warnings := a.Store.CatchUp(a.mem, now)
	a.mem = mem
	for _, w := range warnings {
		a.Log.Warn(w)
	}
}

// verifying reports whether an approval is so young that its extensions may be
// loading just now.
func (a *Loop) verifying(notices []approval.Notice, now time.Time) bool {
	for _, n := range notices {
		switch n.Event {
		case approval.ApprovedEvent:
			a.verify = now.Add(verifyFor)
		case approval.KextsLoaded:
			a.verify = time.Time{}
		}
	}
	return now.Before(a.verify)
}

// tooBusy reports whether the database is being written right now, and keeps
// since when. What was known a moment ago is better than nothing.
func (a *Loop) tooBusy(snap probe.Snapshot, now time.Time) bool {
	busy := snap.Policy == nil && len(snap.Sources) > 0 && snap.Sources[0].State == probe.Busy
	switch {
	case !busy:
		a.busy = time.Time{}
	case a.busy.IsZero():
		a.busy = now
	}
	return busy
}

// holdBack reports whether a look in the middle of a burst of changes waits
// for the end of it. Only an open window is announced at once: what else is
// half written may look different in a moment.
func (a *Loop) holdBack(notices []approval.Notice, now time.Time) bool {
	if len(notices) == 0 {
		return false
	}
	for _, n := range notices {
		if n.Event == approval.WindowOpened || n.Event == approval.WindowReopened {
			return false
		}
	}
	if a.deferred.IsZero() {
		a.deferred = now
	}
	return now.Sub(a.deferred) < deferFor
}

// say saves the notices as said, records them and shows those that are
// alerts.
func (a *Loop) say(notices []approval.Notice) {
	now := a.Clock.Now()
	for _, n := range notices {
		a.mem.Seq++
		e := store.NewEvent(n, a.mem.Seq, now)
		a.Store.Pending = append(a.Store.Pending, e)
		store.LogEvent(a.Log, e)
	}
	news, err := a.Store.Save(a.mem)
	a.complain(err)
	lines, err := a.Store.Record()
	a.complain(err)
	for _, line := range lines {
		if a.Events != nil {
			fmt.Fprintln(a.Events, line)
		}
		if a.Hook != nil {
			a.Hook.offer(a.Settings.Current().RunOnChange, line)
		}
	}
	if (news || !a.published) && len(a.Status.Products) > 0 {
		a.complain(a.Store.Publish(a.Status))
		a.published = true
	}
	for _, n := range notices {
		if n.Urgency != approval.Silent {
			a.queue = append(a.queue, a.posting(n))
		}
	}
	a.post()
}

// post hands over the next alert; at most one is under way. A dialog waits for
// an answer, for minutes: it is no reason for the others to wait.
func (a *Loop) post() {
	for !a.delivering && len(a.queue) > 0 {
		next := a.queue[0]
		a.queue = a.queue[1:]
		if next.dialog != nil && a.asking == nil {
			a.Log.Info("showing a dialog", "title", next.alert.Title)
			a.ask(next)
			continue
		}
		a.Log.Info("showing a notification", "title", next.alert.Title)
		a.delivering = true
		a.Helpers.Go(func() { a.deliver(next.alert) })
	}
}

// posted notes the outcome of an alert. A failed one is an event; it is not
// tried again, because the icon says the same.
func (a *Loop) posted(err error) {
	a.delivering = false
	if err != nil {
		a.Log.Warn("a notification could not be shown", "error", err)
		a.say([]approval.Notice{{Event: approval.NotificationFailed, To: view.Clean(err.Error())}})
	}
	a.post()
	a.notePosted()
}

// notePosted keeps in mind that all alerts were handed over.
func (a *Loop) notePosted() {
	if a.delivering || a.asking != nil {
		return
	}
	a.mem = a.mem.Posted()
	_, err := a.Store.Save(a.mem)
	a.complain(err)
}

// complain logs what kept the agent from writing its files; the store keeps
// it as a gap for the user to see.
func (a *Loop) complain(err error) {
	if err != nil && !errors.Is(err, store.ErrSaidAlready) {
		a.Log.Error("the agent's files cannot be written", "error", err)
	}
}

// Watcher says when to look again, and what it cannot watch.
type Watcher interface {
	Hints() <-chan probe.Hint
	Gaps() []probe.Gap
}

package retry

import (
	"context"
	"errors"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

const (
	interval    = time.Second
	recordDelay = 5 * time.Second // macOS may record an attempt after Parallels has answered
)

// trial is one attempt, and the snapshots that follow it.
type trial struct {
	Options
	vm        *probe.VM       // started, or resumed if it is suspended
	kexts     []approval.Kext // loaded; without both, Parallels Desktop is opened
	before    approval.Product
	situation probe.Situation // the newest that was read
	attempt   *probe.Attempt  // what Parallels or macOS answered
	help      string
}

// answer is how the start of a virtual machine or the load of a kext ended.
type answer struct {
	asked    time.Time // the button appears with the refusal, and the answer may take minutes
	outcome  probe.Outcome
	bundleID string // of the kext; empty: Parallels Desktop as a whole
	help     string
	err      error
}

// run makes Parallels try. Then it takes a snapshot every second until the
// button is there, until it is clear that no button will come, or until the
// Timeout is over.
func (t *trial) run(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, err := t.begin(ctx)
	switch {
	case err != nil:
		return Result{}, err
	case t.Snapshot != nil:
		return t.wait(ctx, answers)
	case answers != nil:
		err = t.hear(<-answers) // StartVM has a time limit of its own
	}
	return t.result(), err
}

// begin opens the application and returns nil, or starts or resumes the virtual machine or
// loads the kexts and returns the channel of the answer.
func (t *trial) begin(ctx context.Context) (<-chan answer, error) {
	answers := make(chan answer, 1)
	if t.kexts != nil {
		go func() { answers <- t.load(ctx) }()
		return answers, nil
	}
	if t.vm == nil {
		if err := mac.OpenParallels(ctx, t.Mac, parallels(t.Status).App); err != nil {
			return nil, &NotOpened{err}
		}
		return nil, nil
	}
	bringUp := mac.StartVM
	if t.vm.State == probe.VMSuspended {
		bringUp = mac.ResumeVM
	}
	go func() {
		a := answer{asked: t.Clock.Now()}
		a.outcome, a.help, a.err = bringUp(ctx, t.Mac, t.vm.UUID)
		answers <- a
	}()
	return answers, nil
}

func (t *trial) wait(ctx context.Context, answers <-chan answer) (Result, error) {
	start := t.Clock.Now()
	t.report(0)
	for end := start.Add(t.Timeout); ; {
		select {
		case <-ctx.Done():
			return Result{}, cli.Unavailable(errors.New("interrupted"), "")
		case a := <-answers:
			if err := t.hear(a); err != nil {
				return Result{}, err
			}
			end = probe.Earlier(end, t.Clock.Now().Add(recordDelay))
		case <-t.Clock.After(interval):
		}
		now := t.Clock.Now()
		t.snapshot(ctx, now)
		t.report(now.Sub(start))
		if res, ok := t.over(now.Before(end)); ok {
			return res, nil
		}
	}
}

func (t *trial) report(waited time.Duration) {
	if t.Waited != nil {
		t.Waited(waited)
	}
}

// hear keeps an answer as an attempt.
func (t *trial) hear(a answer) error {
	switch {
	case errors.Is(a.err, mac.ErrServiceDown):
		return cli.Unavailable(a.err, "open Parallels Desktop once, or restart the Mac; this is not about an approval")
	case a.err != nil && t.kexts != nil:
		return cli.Unavailable(a.err, view.TryAgain(t.before, t.Status.Mac.OS))
	case a.err != nil:
		return cli.Unavailable(a.err, "start the virtual machine in Parallels Desktop and read its message")
	}
	t.help = a.help
	t.attempt = &probe.Attempt{
		At: a.asked.UTC().Truncate(time.Second), TeamID: t.before.TeamID, BundleID: a.bundleID, From: probe.FromRetry, Outcome: a.outcome,
	}
	return nil
}

// snapshot updates the status. A snapshot that ctx cut off does not count.
func (t *trial) snapshot(ctx context.Context, now time.Time) {
	snap := t.Snapshot(ctx, now, mac.Options{})
	if ctx.Err() != nil {
		return
	}
	if snap.Situation.Asked {
		t.situation = snap.Situation
	}
	snap.Situation = t.situation
	if t.attempt != nil {
		snap.Attempts = append(snap.Attempts, *t.attempt)
	}
	t.Status, t.Memory = t.Rules.Assess(t.Memory, snap, now)
}

// result returns what is known now.
func (t *trial) result() Result {
	res := Result{How: OpenApp, VM: t.vm, Attempt: t.attempt, Status: t.Status, Product: find(t.Status, t.before), Help: t.help}
	switch {
	case t.kexts != nil:
		res.How = LoadKext
	case t.vm == nil:
	case t.vm.State == probe.VMSuspended:
		res.How = ResumeVM
	default:
		res.How = StartVM
	}
	return res
}

// over reports whether the wait is over, and how it ended.
func (t *trial) over(timeLeft bool) (Result, bool) {
	res := t.result()
	if t.kexts != nil {
		return t.loadOver(res, timeLeft)
	}
	switch w := res.Product.Window; {
	case w.Open() && (!t.before.Window.Open() || w.ClosesAt.After(t.before.Window.ClosesAt)):
		res.Window = w
	case t.Status.Source == "" && res.Outcome() == probe.Refused:
		// No policy could be read. The answer of Parallels is the only evidence.
		res.Window = &approval.Window{
			OpenedAt: t.attempt.At, ClosesAt: t.attempt.At.Add(approval.WindowLength),
			Left: approval.WindowLength, Basis: approval.Retry,
		}
	case res.Outcome() == probe.Permitted && !res.Product.Verdict.NeedsAction():
		res.Reasons = []view.Reason{view.Started()}
	case timeLeft && !(res.Product.Verdict == approval.Approved && res.Product.Loaded):
		return Result{}, false
	default:
		res.Reasons = reasons(res)
	}
	return res, true
}

// loadOver is over for kexts. A load that macOS allows is recorded, too, so only its answer
// tells whether there is a button.
func (t *trial) loadOver(res Result, timeLeft bool) (Result, bool) {
	switch w := res.Product.Window; {
	case res.Outcome() == probe.Refused && w.Open():
		res.Window = w
	case t.attempt == nil && timeLeft, res.Outcome() == probe.Refused && timeLeft:
		return Result{}, false
	default:
		res.Reasons = reasons(res)
	}
	return res, true
}

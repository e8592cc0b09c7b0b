package main

import (
	"context"
	"errors"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

const (
	retryEvery  = time.Second
	retrySettle = 5 * time.Second // for macOS to write down what Parallels told already
)

// trial is one attempt, and the looks that follow it.
type trial struct {
	retry
	way    way
	prober *mac.Prober
	before approval.Product

	memory  approval.Memory
	snap    probe.Snapshot
	status  approval.Status
	attempt *probe.Attempt // what Parallels said about it
	help    string
}

// startAnswer is what became of a start.
type startAnswer struct {
	asked   time.Time // the answer may take minutes, and the button is there from the refusal on
	outcome probe.Outcome
	help    string
	err     error
}

// run makes Parallels try, and looks every second until the button is there,
// it is clear that it will not come, or the time is over.
func (t *trial) run(ctx context.Context) (result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, err := t.begin(ctx)
	if err != nil {
		return result{}, unavailable(err, "open it yourself, then run kextwatch status")
	}
	bar := terminal.NewProgress(t.stderr, "Waiting for the Allow button", t.timeout)
	bar.Set(0)
	defer bar.Close()
	start := t.clock.Now()
	for end := start.Add(t.timeout); ; {
		select {
		case <-ctx.Done():
			return result{}, unavailable(ctx.Err(), "")
		case a := <-answers:
			if a.err != nil {
				return result{}, startFailed(a.err)
			}
			t.hear(a)
			end = probe.Earlier(end, t.clock.Now().Add(retrySettle))
		case <-t.clock.After(retryEvery):
		}
		now := t.clock.Now()
		t.look(ctx, now)
		bar.Set(now.Sub(start))
		if res, ok := t.over(now.Before(end)); ok {
			return res, nil
		}
	}
}

// begin opens the application, or starts the virtual machine and returns where
// the answer will come from.
func (t *trial) begin(ctx context.Context) (<-chan startAnswer, error) {
	if t.way.vm == nil {
		return nil, mac.OpenParallels(ctx, t.mac)
	}
	answers := make(chan startAnswer, 1)
	go func() {
		a := startAnswer{asked: t.clock.Now()}
		a.outcome, a.help, a.err = mac.StartVM(ctx, t.mac, t.way.vm.UUID)
		answers <- a
	}()
	return answers, nil
}

func startFailed(err error) error {
	if errors.Is(err, mac.ErrServiceDown) {
		return unavailable(err, "open Parallels Desktop once, or restart the Mac; this is not about an approval")
	}
	return unavailable(err, "start the virtual machine in Parallels Desktop and see what it says")
}

func (t *trial) hear(a startAnswer) {
	t.help = a.help
	t.attempt = &probe.Attempt{
		At: a.asked.UTC().Truncate(time.Second), TeamID: probe.ParallelsTeamID, From: probe.FromRetry, Outcome: a.outcome,
	}
}

// look looks again; one that ctx cut off does not count.
func (t *trial) look(ctx context.Context, now time.Time) {
	snap := t.prober.Look(ctx, now, mac.How{})
	if ctx.Err() != nil {
		return
	}
	if !snap.Situation.Asked {
		snap.Situation = t.snap.Situation // looked at a moment ago
	}
	if t.attempt != nil {
		snap.Attempts = append(snap.Attempts, *t.attempt)
	}
	t.snap = snap
	t.status, t.memory = t.judging().Assess(t.memory, snap, now)
}

// over reports whether there is an end to the waiting, and which.
func (t *trial) over(timeLeft bool) (result, bool) {
	res := result{way: t.way, tried: true, status: t.status, help: t.help}
	if t.attempt != nil {
		res.outcome = t.attempt.Outcome
	}
	after := desktopIn(t.status)
	switch w := after.Window; {
	case w.Open() && (!t.before.Window.Open() || w.ClosesAt.After(t.before.Window.ClosesAt)):
		res.window = view.NewWindowDoc(w)
		return res, true
	case t.status.Source == "" && res.outcome == probe.Refused:
		// No policy to look at: Parallels' own word has to do.
		res.window = &view.WindowDoc{
			OpenedAt: t.attempt.At, ClosesAt: t.attempt.At.Add(approval.WindowLength),
			MinutesLeft: int(approval.WindowLength / time.Minute), Basis: approval.Basis(probe.FromRetry),
		}
		return res, true
	case res.outcome == probe.Permitted:
		res.reasons = []view.Reason{view.Started()}
		return res, true
	case timeLeft && !(after.Verdict == approval.Approved && after.Loaded):
		return result{}, false
	}
	res.reasons = t.reasons(t.status, t.way)
	return res, true
}

package loop

import (
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

const (
	// A burst of file events without an end holds back notices for this long. So does an
	// application that is gone: an update moves it away before the new one comes.
	burstTime = 2 * time.Second

	// Tools that do not answer hold back notices for this long, and the first
	// snapshot for startTime. Healthy tools answer within half a second.
	toolTime   = 5 * time.Second
	startTime  = 2 * time.Second
	startAgain = 500 * time.Millisecond // until then, see whether more tools can be queried

	// After an approval the kernel loads the kexts, and no event reports it.
	loadingEvery = 5 * time.Second
	loadingFor   = time.Minute

	// A database that is being written is read again this often. After busyFor
	// kextwatch reports it, and reads it less often.
	busyAgain = 500 * time.Millisecond
	busyFor   = 10 * time.Second
	busyLater = 15 * time.Second
)

// policyState is how old and how reliable the policy in memory is. A zero time
// means that the state does not hold.
type policyState struct {
	quietUntil   time.Time // the files had not changed since the policy in memory until then
	incomplete   bool      // the last snapshot had no policy or an old one, or was not accepted
	burst        bool      // the last poll was in the middle of a burst of events
	accepted     bool      // a snapshot was accepted since the start
	began        time.Time // the first poll
	heldBack     time.Time // since when a burst of events has been holding back notices
	busy         time.Time // since when another process has been writing the database
	loadingUntil time.Time // until when approved kexts may still be loading
}

// begin notes that a snapshot is being taken at now. how.quietUntil comes from the
// event that led to it. After an incomplete snapshot it says nothing about the
// policy in memory, so the earlier time stays.
func (p *policyState) begin(how poll, now time.Time) {
	if p.began.IsZero() {
		p.began = now
	}
	if !p.incomplete {
		p.quietUntil = how.quietUntil
	}
	p.incomplete, p.burst = true, !how.settled
}

// accept notes that the memory now includes the snapshot.
func (p *policyState) accept(snap probe.Snapshot) {
	p.heldBack = time.Time{}
	p.accepted = true
	p.incomplete = snap.Policy == nil || snap.Policy.Stale
}

// isBusy reports whether another process is writing the database. The policy of
// a moment ago is then better than none.
func isBusy(snap probe.Snapshot) bool {
	return snap.Policy == nil && len(snap.Sources) > 0 && snap.Sources[0].State == probe.Busy
}

// noteBusy returns for how long the database has been busy.
func (p *policyState) noteBusy(busy bool, now time.Time) time.Duration {
	switch {
	case !busy:
		p.busy = time.Time{}
		return 0
	case p.busy.IsZero():
		p.busy = now
	}
	return now.Sub(p.busy)
}

// starting returns how long the first snapshot waits for tools that have not
// answered yet: longer for the boot time, without which no attempt can be dated.
func (p *policyState) starting(snap probe.Snapshot, now time.Time) time.Duration {
	if p.accepted || !snap.Pending {
		return 0
	}
	longest := startTime
	if snap.Mac.BootedAt.IsZero() {
		longest = toolTime
	}
	return min(startAgain, max(0, longest-max(0, now.Sub(p.began))))
}

// holdBack returns for how long notices wait. In the middle of a burst of events a
// file may be half written, and an application that is gone may be half of an update:
// then only an open window is announced at once. While tools still answer, an approval
// is announced, too: the policy is enough for both.
func (p *policyState) holdBack(snap probe.Snapshot, notices []approval.Notice, now time.Time) time.Duration {
	removed := func(n approval.Notice) bool { return n.Event == approval.ParallelsRemoved }
	longest := time.Duration(0)
	if p.burst || slices.ContainsFunc(notices, removed) {
		longest = burstTime
	}
	if snap.Pending {
		longest = toolTime
	}
	if longest == 0 || len(notices) == 0 {
		return 0
	}
	for _, n := range notices {
		switch n.Event {
		case approval.WindowOpened, approval.WindowReopened:
			return 0
		case approval.ApprovedEvent:
			if !p.burst && approval.Verdict(n.From).Blocked() {
				return 0
			}
		}
	}
	if p.heldBack.IsZero() {
		p.heldBack = now
	}
	return max(0, longest-max(0, now.Sub(p.heldBack)))
}

// loading reports whether approved kexts may still be loading.
func (p *policyState) loading(notices []approval.Notice, now time.Time) bool {
	for _, n := range notices {
		switch n.Event {
		case approval.ApprovedEvent:
			p.loadingUntil = now.Add(loadingFor)
		case approval.KextsLoaded:
			p.loadingUntil = time.Time{}
		}
	}
	return now.Before(p.loadingUntil)
}

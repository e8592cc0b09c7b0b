package loop

import (
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

const (
	// A burst of file events without an end holds back notices for this long.
	holdBackFor = 2 * time.Second

	// After an approval the kernel loads the kexts, and no event reports it.
	loadingEvery = 5 * time.Second
	loadingFor   = time.Minute

	// A database that is being written is read again this often. After busyFor the
	// user is told, and it is read less often.
	busyAgain = 500 * time.Millisecond
	busyFor   = 10 * time.Second
	busyLater = 15 * time.Second
)

// policyState is how old and how reliable the policy in memory is. A zero time
// means that the state does not hold.
type policyState struct {
	quietUntil   time.Time // the files had not changed since the policy in memory until then
	incomplete   bool      // the last snapshot had no policy, or was not accepted
	heldBack     time.Time // since when a burst of events has been holding back notices
	busy         time.Time // since when another process has been writing the database
	loadingUntil time.Time // until when approved kexts may still be loading
}

// begin notes that a snapshot is being taken. quietUntil comes from the event
// that led to it. After an incomplete snapshot it says nothing about the policy
// in memory, so the earlier time stays.
func (p *policyState) begin(quietUntil time.Time) {
	if !p.incomplete {
		p.quietUntil = quietUntil
	}
	p.incomplete = true
}

// accept notes that the memory now includes the snapshot.
func (p *policyState) accept(snap probe.Snapshot) {
	p.heldBack = time.Time{}
	p.incomplete = snap.Policy == nil
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

// holdBack reports whether notices from the middle of a burst wait for its end:
// a file may be half written. Only an open window is announced at once.
func (p *policyState) holdBack(notices []approval.Notice, now time.Time) bool {
	if len(notices) == 0 {
		return false
	}
	for _, n := range notices {
		if n.Event == approval.WindowOpened || n.Event == approval.WindowReopened {
			return false
		}
	}
	if p.heldBack.IsZero() {
		p.heldBack = now
	}
	return now.Sub(p.heldBack) < holdBackFor
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

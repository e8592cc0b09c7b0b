package probe

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

type firing struct {
	at   time.Duration
	last bool
}

// play sends events at the given times and returns the firings that result.
func play(t *testing.T, events []time.Duration, event func(*Debounce)) (firings []firing) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := NewDebounce()
		for _, at := range append(events, 24*time.Hour) {
			next := time.After(at - time.Since(start))
		waiting:
			for {
				select {
				case <-next:
					break waiting
				case <-b.Timer.C:
					firings = append(firings, firing{time.Since(start), b.Fired()})
				}
			}
			if at < 24*time.Hour {
				event(b)
			}
		}
	})
	return firings
}

func TestBurst(t *testing.T) {
	tests := []struct {
		name   string
		events []time.Duration
		want   []firing
	}{
		{"nothing", nil, nil},
		{"one event", []time.Duration{0}, []firing{{0, false}, {2 * ms, false}, {20 * ms, false}, {150 * ms, true}}},
		{"two close together", []time.Duration{0, 10 * ms}, []firing{{0, false}, {2 * ms, false}, {12 * ms, false}, {30 * ms, false}, {160 * ms, true}}},
		{"one more before it is quiet", []time.Duration{0, 100 * ms},
			[]firing{{0, false}, {2 * ms, false}, {20 * ms, false}, {102 * ms, false}, {120 * ms, false}, {250 * ms, true}}},
		{"two bursts", []time.Duration{0, time.Second},
			[]firing{{0, false}, {2 * ms, false}, {20 * ms, false}, {150 * ms, true},
				{1000 * ms, false}, {1002 * ms, false}, {1020 * ms, false}, {1150 * ms, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(t, tt.events, (*Debounce).Touch); !slices.Equal(got, tt.want) {
				t.Errorf("firings = %v, want %v", got, tt.want)
			}
		})
	}
}

// A snapshot that began at these times shows the changes that a firing is for.
func TestVisibleAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewDebounce()
		start := time.Now()
		b.Touch()
		for i, want := range []time.Duration{0, 0, 20 * ms, 150 * ms} {
			<-b.Timer.C
			if got := b.VisibleAt().Sub(start); got != want {
				t.Errorf("firing %d: visible after %v, want %v", i, got, want)
			}
			b.Fired()
		}
		if !b.Idle() {
			t.Error("it is not idle after the last firing")
		}
	})
}

// A transaction with a rollback journal is read when it is visible, and not before.
func TestTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewDebounce()
		start := time.Now()
		b.Touch()
		<-b.Timer.C
		if !b.Postpone() {
			t.Error("the first firing is not postponed")
		}
		time.Sleep(ms)
		b.Touch()
		time.Sleep(ms)
		b.Committed()
		want := []time.Duration{2 * ms, 4 * ms, 22 * ms, 152 * ms}
		for _, at := range want {
			<-b.Timer.C
			if b.Postpone() {
				t.Errorf("the firing after %v is postponed, too", time.Since(start))
			}
			if got := time.Since(start); got != at {
				t.Errorf("a firing after %v, want %v", got, at)
			}
			b.Fired()
		}
		if !b.Idle() {
			t.Error("it is not idle after the last firing")
		}
	})
}

// A journal that stays is no reason to wait for longer.
func TestTransactionThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewDebounce()
		start := time.Now()
		b.Touch()
		<-b.Timer.C
		b.Postpone()
		<-b.Timer.C
		if got := time.Since(start); b.Postpone() || got != journalDelay {
			t.Errorf("the next firing comes after %v, want %v", got, journalDelay)
		}
	})
}

func TestStorm(t *testing.T) {
	storm(t, (*Debounce).Touch)
}

// One more reaction at most: the one to the first commit.
func TestStormOfCommits(t *testing.T) {
	storm(t, (*Debounce).Committed)
}

func storm(t *testing.T, event func(*Debounce)) {
	t.Helper()
	var events []time.Duration
	for at := time.Duration(0); at < 10*time.Second; at += ms {
		events = append(events, at)
	}
	firings := play(t, events, event)
	// One at the start and one every 250 ms. The last one comes after the storm.
	if len(firings) != 42 {
		t.Fatalf("%d firings in a storm of ten seconds, want 42", len(firings))
	}
	for i := 1; i < 42; i++ {
		if gap := firings[i].at - firings[i-1].at; gap != StormInterval || firings[i].last != (i == 41) {
			t.Errorf("firing %d: %v after the one before, last %t", i, gap, firings[i].last)
		}
	}
	last := events[len(events)-1]
	if got := firings[41]; !got.last || got.at < last+CommitDelay || got.at > last+CommitDelay+StormInterval {
		t.Errorf("after the storm, which ended at %v: %v, want the last firing", last, got)
	}
}

// Events with short pauses between them are a storm too if they do not end.
func TestStormWithPauses(t *testing.T) {
	var events []time.Duration
	for at := time.Duration(0); at < 10*time.Second; at += 30 * ms {
		events = append(events, at)
	}
	firings := play(t, events, (*Debounce).Touch)
	atOnce := slices.IndexFunc(firings, func(f firing) bool { return f.at > stormAfter+StormInterval })
	if perSecond := float64(len(firings)-atOnce) / 9; perSecond > 4.5 {
		t.Errorf("%.1f firings per second, want about 4", perSecond)
	}
	if last := firings[len(firings)-1]; !last.last || last.at < events[len(events)-1]+CommitDelay {
		t.Errorf("last firing %+v, want one %v after the last event", last, CommitDelay)
	}
}

func TestOffer(t *testing.T) {
	settled, woke := Hint{Settled: true}, Hint{Woke: true}
	tests := []struct {
		name         string
		older, newer Hint
		want         Hint
	}{
		{"settled comes from the newer hint", settled, Hint{}, Hint{}},
		{"the newer hint is settled", Hint{}, settled, settled},
		{"woke is kept", woke, settled, Hint{Settled: true, Woke: true}},
		{"the newer hint woke", settled, woke, woke},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			slot := make(chan Hint, 1)
			OfferHint(slot, tt.older)
			OfferHint(slot, tt.newer)
			if got := <-slot; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if len(slot) != 0 {
				t.Error("a second hint is waiting")
			}
		})
	}
}

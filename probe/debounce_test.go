package probe

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

type look struct {
	at      time.Duration
	settled bool
}

// play sends events at the given times and returns the looks that follow.
func play(t *testing.T, events []time.Duration) (looks []look) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := NewDebounce()
		for _, at := range append(events, 24*time.Hour) {
			event := time.After(at - time.Since(start))
		waiting:
			for {
				select {
				case <-event:
					break waiting
				case <-b.Timer.C:
					looks = append(looks, look{time.Since(start), b.Look()})
				}
			}
			if at < 24*time.Hour {
				b.Touch()
			}
		}
	})
	return looks
}

func TestBurst(t *testing.T) {
	tests := []struct {
		name   string
		events []time.Duration
		want   []look
	}{
		{"nothing", nil, nil},
		{"one event", []time.Duration{0}, []look{{0, false}, {20 * ms, false}, {150 * ms, true}}},
		{"two close together", []time.Duration{0, 10 * ms}, []look{{0, false}, {30 * ms, false}, {160 * ms, true}}},
		{"one more before it is quiet", []time.Duration{0, 100 * ms},
			[]look{{0, false}, {20 * ms, false}, {120 * ms, false}, {250 * ms, true}}},
		{"two bursts", []time.Duration{0, time.Second},
			[]look{{0, false}, {20 * ms, false}, {150 * ms, true}, {1000 * ms, false}, {1020 * ms, false}, {1150 * ms, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(t, tt.events); !slices.Equal(got, tt.want) {
				t.Errorf("looks = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBurstInStorm(t *testing.T) {
	var events []time.Duration
	for at := time.Duration(0); at < 10*time.Second; at += ms {
		events = append(events, at)
	}
	looks := play(t, events)
	// One at the start and one every 250 ms; the last of them finds it quiet.
	if len(looks) != 42 {
		t.Fatalf("%d looks in ten seconds of storm, want 42", len(looks))
	}
	for i := 1; i < 42; i++ {
		if gap := looks[i].at - looks[i-1].at; gap != InStorm || looks[i].settled != (i == 41) {
			t.Errorf("look %d: %v after the one before, settled %t", i, gap, looks[i].settled)
		}
	}
	last := events[len(events)-1]
	if got := looks[41]; !got.settled || got.at < last+afterQuiet || got.at > last+afterQuiet+InStorm {
		t.Errorf("after the storm, which ended at %v: %v, want one that is settled", last, got)
	}
}

// Events with a little quiet between them are a storm as well, once they do
// not end.
func TestBurstThatDoesNotEnd(t *testing.T) {
	var events []time.Duration
	for at := time.Duration(0); at < 10*time.Second; at += 30 * ms {
		events = append(events, at)
	}
	looks := play(t, events)
	atOnce := slices.IndexFunc(looks, func(l look) bool { return l.at > stormAfter+InStorm })
	if perSecond := float64(len(looks)-atOnce) / 9; perSecond > 4.5 {
		t.Errorf("%.1f looks a second, want about 4", perSecond)
	}
	if last := looks[len(looks)-1]; !last.settled || last.at < events[len(events)-1]+afterQuiet {
		t.Errorf("last look %+v, want one %v after the last event", last, afterQuiet)
	}
}

func TestOffer(t *testing.T) {
	settled, woke := Hint{Settled: true}, Hint{Woke: true}
	tests := []struct {
		name         string
		older, newer Hint
		want         Hint
	}{
		{"settled is the newer's", settled, Hint{}, Hint{}},
		{"settled now", Hint{}, settled, settled},
		{"woke stays", woke, settled, Hint{Settled: true, Woke: true}},
		{"woke now", settled, woke, woke},
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

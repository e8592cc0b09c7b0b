package approval

import (
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
)

func TestBoots(t *testing.T) {
	now := time.Date(2026, 5, 6, 6, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	one, two := Boot{"S1", ago(2 * day)}, Boot{"S2", ago(time.Hour)}
	tests := []struct {
		name   string
		before []Boot
		mac    probe.Mac
		want   []Boot
	}{
		{"the first one", nil, probe.Mac{BootSession: "S1", BootedAt: one.At.Add(time.Millisecond)}, []Boot{one}},
		{"another session", []Boot{one}, probe.Mac{BootSession: "S2", BootedAt: two.At}, []Boot{one, two}},
		{"the same session after the clock was set", []Boot{one}, probe.Mac{BootSession: "S1", BootedAt: ago(day)}, []Boot{one}},
		{"no session", []Boot{one}, probe.Mac{BootedAt: two.At}, []Boot{one}},
		{"no time", []Boot{one}, probe.Mac{BootSession: "S2"}, []Boot{one}},
		{"a time in the future", []Boot{one}, probe.Mac{BootSession: "S2", BootedAt: now.Add(time.Hour)}, []Boot{one}},
		{"an old one", []Boot{{"S0", ago(15 * day)}, one}, probe.Mac{BootSession: "S2", BootedAt: two.At}, []Boot{one, two}},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.before)
		_, mem := DefaultSettings().Assess(Memory{Boots: tt.before}, probe.Snapshot{Mac: tt.mac}, now)
		if !slices.Equal(mem.Boots, tt.want) || !slices.Equal(tt.before, before) {
			t.Errorf("%s: %v, want %v; the memory before is %v", tt.name, mem.Boots, tt.want, tt.before)
		}
		if got := (Memory{Boots: tt.before}).BootsUntil(Status{At: now, Mac: tt.mac}); !slices.Equal(got, tt.want) {
			t.Errorf("%s: until the status %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := (Memory{Boots: []Boot{two}}).After(Memory{Boots: []Boot{one, {"S2", ago(2 * time.Hour)}}}).Boots; !slices.Equal(got, []Boot{one, {"S2", ago(2 * time.Hour)}}) {
		t.Errorf("after an earlier agent: %v", got)
	}
	var many []Boot
	for i := range 3 * mostBoots {
		many = append(many, Boot{time.Duration(i).String(), ago(day - time.Duration(i)*time.Second)})
	}
	if got := (Memory{Boots: many}).BootsUntil(Status{At: now}); len(got) != mostBoots || got[0] != many[2*mostBoots] {
		t.Errorf("%d boots from %v, want the newest %d", len(got), got[0], mostBoots)
	}
}

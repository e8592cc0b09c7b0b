package approval

import (
	"math/rand/v2"
	"testing"
	"time"

	"kextwatch/probe"
)

// The index finds the load of another team as a search through the whole history does.
func TestLoadsOfOtherTeams(t *testing.T) {
	teams := []string{"AAAAAAAAAA", "BBBBBBBBBB", "CCCCCCCCCC"}
	minute := func(n int) time.Time { return at(float64(n)) }
	found := map[bool]int{}
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var history []probe.LoadRecord
		for range rng.IntN(6) {
			r := probe.LoadRecord{TeamID: teams[rng.IntN(len(teams))]}
			if rng.IntN(8) > 0 { // else the time is not known
				r.LastSeen = minute(rng.IntN(8))
			}
			history = append(history, r)
		}
		team, from := teams[rng.IntN(len(teams))], rng.IntN(10)
		to := from + rng.IntN(3)
		want := false
		for _, r := range history {
			want = want || !r.LastSeen.IsZero() && r.TeamID != team && !r.LastSeen.Before(minute(from)) && !r.LastSeen.After(minute(to))
		}
		if got := newLoads(history).otherTeam(team, minute(from), minute(to)); got != want {
			t.Fatalf("seed %d: %v for %s between %d and %d, want %v: %+v", seed, got, team, from, to, want, history)
		}
		found[want]++
	}
	if found[true] < 100 || found[false] < 100 {
		t.Errorf("the histories are too alike: %v", found)
	}
}

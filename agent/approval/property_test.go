package approval_test

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/probe/mactest/size"
)

// ordinaryEvery is what TestEveryCombination tries without the flag: one of so many combinations.
var ordinaryEvery = size.Of(1, 11)

var every = flag.Int("every", ordinaryEvery, "TestEveryCombination tries one of so many combinations")

// For every combination of the facts' values the verdict is one that the table
// allows: above all, it is never well while a fact contradicts it or a needed fact is
// missing.
func TestEveryCombination(t *testing.T) {
	type failed struct {
		count   int
		example combination
		verdict approval.Verdict
	}
	held := make([]int, len(table))
	failures := make([]failed, len(table))
	var mu sync.Mutex
	var workers sync.WaitGroup
	combinations := make(chan []combination, 4)
	judged := 0
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			settings := approval.DefaultSettings()
			pasts := map[[4]int]approval.Memory{}
			for some := range combinations {
				statuses := make([]approval.Status, len(some))
				for i, c := range some {
					statuses[i] = c.assess(settings, pasts)
				}
				mu.Lock()
				judged += len(some)
				for i, c := range some {
					for r, row := range table {
						if !row.holds(c) {
							continue
						}
						held[r]++
						if row.accepts(c, statuses[i]) {
							continue
						}
						f := &failures[r]
						if f.count++; f.count == 1 || c.unusual() < f.example.unusual() {
							f.example, f.verdict = c, statuses[i].Verdict
						}
					}
				}
				mu.Unlock()
			}
		})
	}
	send(combinations)
	close(combinations)
	workers.Wait()

	for r, row := range table {
		switch f := failures[r]; {
		case held[r] == 0 && *every <= ordinaryEvery:
			t.Errorf("%s: holds for no combination", row.name)
		case f.count > 0:
			t.Errorf("%s: %d of %d\n  %s\n  for example %v\n  is %s, not in %v, in %v", row.name, f.count, held[r], row.because, f.example, f.verdict, row.allowed, row.not)
		}
	}
	t.Logf("%d combinations, %d rows", judged, len(table))
}

// randoms is how many combinations are drawn from the full product, beside the
// complete product of the dimensions that decide about an allowed extension.
const randoms = 120_000

// send sends the combinations in pieces.
func send(to chan<- []combination) {
	var piece []combination
	sent := 0
	add := func(c combination) {
		if !c.possible() {
			return
		}
		if sent++; sent%*every != 0 {
			return
		}
		if piece = append(piece, c); len(piece) == 1000 {
			to <- piece
			piece = nil
		}
	}
	// All values of what contradicts an approval, on an ordinary Mac.
	deciding := []string{"row", "attempt", "loaded", "collection", "past", "Parallels and its service run"}
	var product func(c combination, names []string)
	product = func(c combination, names []string) {
		if len(names) == 0 {
			add(c)
			return
		}
		for _, d := range dimensions {
			if d.name == names[0] {
				for v := range d.values {
					*d.field(&c) = v
					product(c, names[1:])
				}
			}
		}
	}
	for _, macOS := range []int{0, 2} {
		for _, need := range []int{vmStopped, vmRunning} {
			product(combination{macOS: macOS, need: need}, deciding)
		}
		for _, row := range []int{rowPending, rowUpgrade, rowRestart} { // only the framework has them
			product(combination{macOS: macOS, source: sourceFramework, row: row}, deciding[1:])
		}
	}
	r := rand.New(rand.NewPCG(12, 0))
	for range randoms {
		var c combination
		for _, d := range dimensions {
			// Half of the values are ordinary: else hardly anything would be.
			if r.IntN(2) > 0 {
				*d.field(&c) = r.IntN(len(d.values))
			}
		}
		add(c)
	}
	to <- piece
}

// Package size says how much a test tries.
package size

// Of returns all, or few if the race detector watches the program. The detector makes a
// test ten times slower, and finds nothing in code that runs on one goroutine. CI runs
// the same tests without it: make machorun.
func Of[N any](all, few N) N {
	if Raced {
		return few
	}
	return all
}

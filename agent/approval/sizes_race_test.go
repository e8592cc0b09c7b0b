//go:build race

package approval_test

// The race detector makes the tests that try everything eight times slower, and
// finds nothing in them: the package has no goroutine.
const (
	ordinaryWalks = 200
	ordinaryEvery = 11
)

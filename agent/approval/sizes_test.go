//go:build !race

package approval_test

// The sizes of the tests that try everything.
const (
	ordinaryWalks = 2000
	ordinaryEvery = 1
)

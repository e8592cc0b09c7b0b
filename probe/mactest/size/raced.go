//go:build race

package size

// Raced is true if the race detector watches this program.
const Raced = true

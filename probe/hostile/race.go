//go:build race

package hostile

// slowdown is what the race detector costs, in time and, because it makes more copies, in
// memory.
const slowdown = 20

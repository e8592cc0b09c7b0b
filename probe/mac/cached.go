package mac

import (
	"context"

	"kextwatch/probe"
)

// cached holds the answer to the last query: a value, the facts that are
// missing in it, and the key that the query was made for. The answer is good as
// long as the key stays the same. The zero value holds no answer.
type cached[K comparable, T any] struct {
	valid bool
	key   K
	value T
	gaps  []probe.Gap
}

// has reports whether the cache holds an answer for key.
func (c *cached[K, T]) has(key K) bool { return c.valid && c.key == key }

// set stores an answer.
func (c *cached[K, T]) set(key K, value T, gaps []probe.Gap) {
	*c = cached[K, T]{valid: true, key: key, value: value, gaps: gaps}
}

// setUnlessEnded stores an answer that a query gave under ctx. If ctx has
// ended, the query may have been cut short: the cache then drops its answer, and
// the next snapshot queries again.
func (c *cached[K, T]) setUnlessEnded(ctx context.Context, key K, value T, gaps []probe.Gap) {
	if ctx.Err() != nil {
		c.clear()
		return
	}
	c.set(key, value, gaps)
}

// clear drops the answer.
func (c *cached[K, T]) clear() { *c = cached[K, T]{} }

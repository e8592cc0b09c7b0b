package mac

import "kextwatch/probe"

// cached holds an answer: a value, the facts that are missing in it, and the key
// that it was read for. The answer is good as long as the key stays the same. The
// zero value holds no answer.
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

// clear drops the answer.
func (c *cached[K, T]) clear() { *c = cached[K, T]{} }

// bootNumber is the key of what cannot change within a boot. The first one is zero.
type bootNumber int

// boots counts the boots that were seen. A Prober ends with the boot that it was made
// in, but a simulated Mac restarts while its Prober runs.
type boots struct {
	session string // the last one that was known
	seen    bootNumber
}

// number returns the number of the boot with this session. While the session is not known
// yet, that is the last one, so that queries need not wait for it.
func (b *boots) number(session string) bootNumber {
	if session == "" || session == b.session {
		return b.seen
	}
	if b.session != "" {
		b.seen++
	}
	b.session = session
	return b.seen
}

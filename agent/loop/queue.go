package loop

import "sync"

// queue passes values to one slower goroutine. When it is full, it drops the
// oldest value, because the newest ones have the current state.
type queue[T any] struct {
	values chan T
	mu     sync.Mutex // for offer
}

func newQueue[T any](size int) *queue[T] { return &queue[T]{values: make(chan T, size)} }

// offer adds a value and reports whether another one was dropped for it. It never
// blocks, and any goroutine may call it.
func (q *queue[T]) offer(value T) (dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case q.values <- value:
		return false
	default:
	}
	select {
	case <-q.values:
		dropped = true
	default: // the other goroutine took it meanwhile
	}
	q.values <- value // there is room, because no other goroutine offers now
	return dropped
}

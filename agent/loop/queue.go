package loop

import "sync"

// queue hands values to one slower goroutine. When it is full it drops the
// oldest, because the newest say where things stand.
type queue[T any] struct {
	values chan T
	mu     sync.Mutex // held by the goroutine that offers
}

func newQueue[T any](size int) *queue[T] { return &queue[T]{values: make(chan T, size)} }

// offer adds a value and reports whether another one was dropped for it. It
// never waits, and any goroutine may call it.
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
	default: // taken meanwhile
	}
	q.values <- value // there is room: nobody else offers now
	return dropped
}

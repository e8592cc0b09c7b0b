package mactest

import (
	"strings"
	"sync/atomic"
)

// DeadShare returns a function to call before each call about a file. It waits
// for every path that contains a word, until answer is called.
func DeadShare(word string) (before func(path string), calls *atomic.Int32, answer func()) {
	calls, wait := &atomic.Int32{}, make(chan struct{})
	before = func(path string) {
		if strings.Contains(path, word) {
			calls.Add(1)
			<-wait
		}
	}
	return before, calls, func() { close(wait) }
}

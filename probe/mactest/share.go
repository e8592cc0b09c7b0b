package mactest

import (
	"strings"
	"sync/atomic"
)

// DeadShare simulates a share that does not answer. It returns a function for
// root.Files.Before, which blocks for every path that contains word until answer
// is called, and the number of blocked calls.
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

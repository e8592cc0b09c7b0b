package main

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/loop"
)

// A helper that never ends, such as one that reads a file of a server that is
// gone, does not keep the agent from ending.
func TestEndWithAHelperThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, a := &invocation{log: slog.New(slog.DiscardHandler)}, &loop.Loop{}
		stuck := make(chan struct{})
		a.Helpers.Go(func() { <-stuck })
		began := time.Now()
		in.awaitHelpers(a)
		if waited := time.Since(began); waited != helpersEnd {
			t.Errorf("it waited %v, want %v", waited, helpersEnd)
		}
		close(stuck)
	})
}

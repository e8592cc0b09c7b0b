package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// readerOf is the reader of a simulated Mac, in a bubble where time jumps.
func readerOf(t *testing.T) (*invocation, *simmac.Mac) {
	t.Helper()
	dir := t.TempDir() + "/mac"
	sim, err := simmac.New(dir, simmac.Options{MacOS: "12.7.6", Parallels: "16.5.1"})
	if err != nil {
		t.Fatal(err)
	}
	return &invocation{host: host{clock: probe.Clock{Now: time.Now, After: time.After}}, mac: root.FS{Root: dir}}, sim
}

// What follows a first change within the next seconds is published by the
// same run: launchd would not start another one so soon.
func TestTheReaderWaitsForWhatFollows(t *testing.T) {
	for name, tc := range map[string]struct {
		changes int // a second apart, after the first run began
		runs    time.Duration
	}{
		"nothing follows":         {0, 2 * time.Second},
		"three more":              {3, 5 * time.Second},
		"it changes all the time": {30, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, sim := readerOf(t)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() {
					for range tc.changes {
						select {
						case <-ctx.Done():
							return
						case <-time.After(time.Second):
						}
						if err := sim.Attempt(time.Now()); err != nil {
							t.Error(err)
						}
					}
				}()
				start := time.Now()
				got, err := in.publishUntilQuiet(ctx)
				if err != nil || !got.Written || got.Source.State != probe.OK {
					t.Errorf("%+v, %v", got, err)
				}
				if ran := time.Since(start); ran < tc.runs || ran > tc.runs+2*lookAgain {
					t.Errorf("ran for %v, want %v", ran, tc.runs)
				}
				if tc.changes < 10 {
					if got, err := in.publishUntilQuiet(ctx); err != nil || got.Written || time.Since(start) > tc.runs+2*lookAgain {
						t.Errorf("something was left: %+v, %v", got, err)
					}
				}
			})
		})
	}
}

func TestTheReaderStopsWhenToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := readerOf(t)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		start := time.Now()
		if got, err := in.publishUntilQuiet(ctx); err != nil || !got.Written || time.Since(start) != time.Second {
			t.Errorf("%+v, %v after %v", got, err, time.Since(start))
		}
	})
}

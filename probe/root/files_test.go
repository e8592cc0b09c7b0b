package root

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe/mactest"
)

// A caller waits once for a file that does not answer. There is no second call
// while the first one waits, and for a pause after it.
func TestFileThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, calls, answer := mactest.DeadShare("dead")
		f := &Files{Before: before}
		call := func(path string) (time.Duration, error) {
			start := time.Now()
			_, err := CallInTime(f, path, func() (int, error) { return 1, nil })
			return time.Since(start), err
		}
		if took, err := call("/dead/a"); took != FileLimit || !errors.Is(err, ErrLate) || err.Error() != "/dead/a did not answer in time" {
			t.Errorf("took %v: %v", took, err)
		}
		if took, err := call("/dead/a"); took != 0 || !errors.Is(err, ErrLate) || calls.Load() != 1 {
			t.Errorf("the second time it took %v: %v, %d calls; want no second call", took, err, calls.Load())
		}
		if took, err := call("/fine"); took != 0 || err != nil {
			t.Errorf("another file took %v: %v", took, err)
		}
		if took, err := call("/dead/b"); took != FileHurry || !errors.Is(err, ErrLate) {
			t.Errorf("another dead file took %v: %v", took, err)
		}
		time.Sleep(time.Hour)
		if took, err := call("/dead/a"); took != 0 || !errors.Is(err, ErrLate) || calls.Load() != 2 {
			t.Errorf("an hour later it took %v: %v, %d calls; want no third call", took, err, calls.Load())
		}
		answer()
		synctest.Wait()
		if _, err := call("/dead/a"); !errors.Is(err, ErrLate) {
			t.Errorf("the share has just answered: %v, want a pause", err)
		}
		time.Sleep(latePause)
		if took, err := call("/dead/a"); took != 0 || err != nil {
			t.Errorf("after the pause it took %v: %v", took, err)
		}
		if f.waiting != 0 || len(f.late) != 1 { // /dead/b was not tried again
			t.Errorf("%d calls wait, %d paths are late; want 0 and 1", f.waiting, len(f.late))
		}
	})
}

// The pauses before a retry of a path that is always late grow.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := &Files{Before: func(string) {
			calls++
			time.Sleep(FileLimit + time.Second)
		}}
		for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); time.Sleep(time.Second) {
			_, _ = CallInTime(f, "/slow", func() (int, error) { return 0, nil })
		}
		if calls < 40 || calls > 80 {
			t.Errorf("%d calls in a day, want one each half hour after the first ones", calls)
		}
	})
}

// The number of waiting calls is limited, for any number of files that do not
// answer.
func TestFewCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, calls, answer := mactest.DeadShare("dead")
		f := &Files{Before: before}
		start := time.Now()
		for n := range 1000 {
			if _, err := CallInTime(f, fmt.Sprint("/dead/", n), func() (int, error) { return 0, nil }); !errors.Is(err, ErrLate) {
				t.Fatalf("%d: %v", n, err)
			}
		}
		if took := time.Since(start); calls.Load() != LateMost || took > FileLimit+LateMost*FileHurry {
			t.Errorf("%d calls wait after %v, want %d", calls.Load(), took, LateMost)
		}
		answer()
		synctest.Wait()
		if _, err := CallInTime(f, "/fine", func() (int, error) { return 0, nil }); err != nil {
			t.Errorf("after the share answered: %v", err)
		}
		for n := range 10 * latePaths { // late, but never at the same time
			f.remember(fmt.Sprint(n), &latePath{})
		}
		if len(f.late) > latePaths {
			t.Errorf("%d late paths are remembered", len(f.late))
		}
	})
}

package loop

import (
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/store"
	"kextwatch/probe/mactest"
)

// An agent that starts without file descriptors reads its memory later, and announces
// nothing of it again.
func TestLoopReadsItsMemoryLater(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		stop := d.start(t, dir)
		d.attempt()
		d.hint(settled)
		d.want(t, "window-opened")
		stop()
		d.take()

		restore := mactest.NoDescriptors(t)
		st, warnings := store.Open(store.PlacesIn(dir), time.Now())
		restore()
		if len(warnings) != 1 {
			t.Fatalf("warnings %q, want one", warnings)
		}
		l := New(d.edges(), st, nil)
		over := make(chan struct{})
		go func() {
			l.Run(t.Context())
			close(over)
		}()
		d.want(t) // the memory was read before the first snapshot
		d.hint(settled)
		d.want(t)
		d.clicks <- "quit"
		<-over
		if again, warnings := store.Open(store.PlacesIn(dir), time.Now()); len(warnings) > 0 || len(again.Memory.Memory.Announced["4C6364ACXT com.parallels.kext."].Windows) != 1 {
			t.Errorf("saved %+v (%q), want the one window", again.Memory.Memory.Announced, warnings)
		}
	})
}

package tray

import (
	"strings"
	"testing"
	"testing/synctest"

	"kextwatch/notify"
)

// serving runs serve until the test ends.
func serving(t *testing.T) (*tray, *recorder) {
	tr, r := newTray(), &recorder{}
	done := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(done)
		tr.serve(r, func() { close(ready) })
	}()
	t.Cleanup(func() { tr.Quit(); <-done })
	<-ready
	synctest.Wait()
	r.take()
	return tr, r
}

func TestOnlyNewestMenuIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, r := newTray(), &recorder{}
		for range 100 { // nobody is serving: Show must not block
			tr.Show(waiting())
		}
		newest := waiting()
		newest.State = "Newest"
		tr.Show(newest)
		go tr.serve(r, func() {})
		synctest.Wait()
		if !strings.HasPrefix(r.text(), "(Newest)\n") {
			t.Errorf("shows\n%s", r.text())
		}
		newest.State = "Newer still"
		tr.Show(newest)
		synctest.Wait()
		if !strings.HasPrefix(r.text(), "(Newer still)\n") {
			t.Errorf("shows\n%s", r.text())
		}
		tr.Quit()
	})
}

func TestSameMenuIsNotRewritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, r := serving(t)
		tr.Show(waiting())
		synctest.Wait()
		r.take()
		for range 100 {
			tr.Show(waiting())
			synctest.Wait()
		}
		if calls := r.take(); calls != nil {
			t.Errorf("%q", calls)
		}
	})
}

// A ready function that never returns does not block the menu.
func TestReadyMayBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, r := newTray(), &recorder{}
		go tr.serve(r, func() { <-tr.quit })
		synctest.Wait()
		tr.Show(waiting())
		synctest.Wait()
		if !strings.Contains(r.text(), "Quit kextwatch") {
			t.Errorf("shows\n%s", r.text())
		}
		tr.Quit()
	})
}

func TestClickWaitsForBusyReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTray()
		clicked := make(chan struct{})
		go tr.forward(clicked, notify.CheckNow)
		for range cap(tr.clicks) + 1 { // one more is in the goroutine's hands
			synctest.Wait()
			select { // as systray does
			case clicked <- struct{}{}:
			default:
				t.Error("nobody waits for the click")
			}
		}
		for range cap(tr.clicks) + 1 {
			if got := <-tr.Clicks(); got != notify.CheckNow {
				t.Errorf("action %q", got)
			}
		}
		tr.Quit() // ends the goroutine, or the bubble fails
	})
}

func TestQuitDropsPendingClick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTray()
		clicked := make(chan struct{})
		go tr.forward(clicked, notify.CheckNow)
		for range cap(tr.clicks) + 1 {
			clicked <- struct{}{}
		}
		synctest.Wait()
		tr.Quit()
		tr.Quit()
	})
}

func TestQuitBeforeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTray()
		tr.Quit()
		tr.serve(&recorder{}, func() {}) // returns, or the bubble deadlocks
	})
}

// Package tray shows kextwatch's menu behind an icon: in the menu bar of a
// Mac, in the panel of a Linux desktop.
//
// The library is getlantern/systray. It is C on both systems, so only a build
// with cgo has a tray, and on Linux only one with the build tag "tray", since
// it needs GTK 3 and libayatana-appindicator. In any other build New fails and
// says so.
//
// The rules of the library, which the code here keeps:
//
//   - The menu is built once, when the library is ready; earlier calls are
//     lost or crash. Separators can never be hidden. So the menu is a fixed
//     skeleton of lines that are written, shown and hidden.
//   - On macOS each call waits for the main thread. So all calls are made by
//     one goroutine that shows the newest menu; Show only leaves it there.
//   - On Linux changing a hidden line shows it. So a hidden line is left alone.
//   - Each change is sent to the desktop, also when nothing changed. So a line
//     is written only when it differs from what is shown.
//   - A click is dropped when nobody waits for it. So a goroutine per line
//     waits, and does nothing else.
package tray

import (
	"sync"
	"sync/atomic"

	"kextwatch/notify"
)

// tray is all of a notify.Tray but Run.
type tray struct {
	latest atomic.Pointer[notify.Menu]
	wake   chan struct{} // holds one: latest is new
	clicks chan notify.Action
	quit   chan struct{} // closed by Quit
	once   sync.Once
}

func newTray() *tray {
	t := &tray{
		wake:   make(chan struct{}, 1),
		clicks: make(chan notify.Action, 4),
		quit:   make(chan struct{}),
	}
	t.latest.Store(&notify.Menu{})
	return t
}

// Show replaces what is shown.
func (t *tray) Show(menu notify.Menu) {
	t.latest.Store(&menu)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Clicks delivers what the user chose.
func (t *tray) Clicks() <-chan notify.Action { return t.clicks }

// Quit removes the icon. It may be called at any time, also twice.
func (t *tray) Quit() { t.once.Do(func() { close(t.quit) }) }

// serve builds the menu and keeps it up to date until Quit.
func (t *tray) serve(b bar, ready func()) {
	d := newDisplay(b)
	d.show(*t.latest.Load())
	go ready()
	for {
		select {
		case <-t.wake:
			d.show(*t.latest.Load())
		case <-t.quit:
			return
		}
	}
}

// handOn turns clicks on a line into an action, until Quit.
func (t *tray) handOn(clicked <-chan struct{}, action notify.Action) {
	for {
		select {
		case <-clicked:
		case <-t.quit:
			return
		}
		select {
		case t.clicks <- action:
		case <-t.quit:
			return
		}
	}
}

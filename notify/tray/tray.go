// Package tray shows kextwatch's icon and menu in the menu bar of a Mac or the panel
// of a Linux desktop.
//
// The library is getlantern/systray. It uses C on both systems, so only a build with
// cgo has a tray. On Linux the build also needs the build tag "tray", because the
// library needs GTK 3 and libayatana-appindicator. In other builds New returns an
// error.
//
// The code follows these rules of the library:
//
//   - The menu is built once, when the library is ready. Earlier calls are lost or
//     crash. Separators cannot be hidden. So the menu has fixed lines, which are
//     written, shown and hidden.
//   - On macOS each call waits for the main thread. So one goroutine makes all
//     calls and shows the newest menu. Show only stores the menu for it.
//   - On Linux a change of a hidden line shows it. So hidden lines are not changed.
//   - Each call is sent to the desktop even if nothing changed. So a line is
//     written only if it differs from the shown line.
//   - A click is dropped if no goroutine waits for it. So one goroutine per line
//     waits for clicks and does nothing else.
package tray

import (
	"sync"
	"sync/atomic"

	"kextwatch/notify"
)

// tray is a notify.Tray without Run.
type tray struct {
	latest atomic.Pointer[notify.Menu]
	wake   chan struct{} // capacity 1; holds a value if latest has changed
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

// Show replaces the menu.
func (t *tray) Show(menu notify.Menu) {
	t.latest.Store(&menu)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Clicks delivers the entries that the user chose.
func (t *tray) Clicks() <-chan notify.Action { return t.clicks }

// Quit removes the icon. It may be called at any time, and more than once.
func (t *tray) Quit() { t.once.Do(func() { close(t.quit) }) }

// serve builds the menu and updates it until Quit.
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

// forward sends the action for each click on a line, until Quit.
func (t *tray) forward(clicked <-chan struct{}, action notify.Action) {
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

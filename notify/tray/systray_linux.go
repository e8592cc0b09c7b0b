//go:build cgo && tray

package tray

/*
#cgo pkg-config: gio-2.0
#include <gio/gio.h>

gboolean kextwatchShowTitle(gpointer);

static inline void showTitleSoon(void) { g_idle_add(kextwatchShowTitle, NULL); }
*/
import "C"

import (
	"sync/atomic"
	"time"

	"github.com/getlantern/systray"

	"kextwatch/notify"
)

// openBus opens the session bus, and keeps it open, before the library of the
// icon does. libayatana-appindicator 0.5.92 asks for the bus and for the panel
// at the same time; where it hears of the panel first, it says that
// "G_IS_DBUS_CONNECTION (connection)" failed, and the icon never appears. That
// was seen in one of some 200 starts on a busy machine, as machines are at
// login. Where the bus is open already, it is always heard of first.
//
// A bus that never answers holds this up for a moment only.
func openBus() {
	opened := make(chan struct{})
	go func() {
		C.g_bus_get_sync(C.G_BUS_TYPE_SESSION, nil, nil) // none: the library says so
		close(opened)
	}()
	select {
	case <-opened:
	case <-time.After(2 * time.Second):
	}
}

// title is what is to be shown next.
var title atomic.Pointer[string]

// setTitle lets GTK's own thread set the title. systray does so on the thread
// it is called on, as it does with nothing else; then libayatana-appindicator
// loses its note of an announcement that is due, and announces none any more:
// of ten changes panels heard of two.
func setTitle(text string) {
	title.Store(&text)
	C.showTitleSoon()
}

//export kextwatchShowTitle
func kextwatchShowTitle(C.gpointer) C.gboolean {
	systray.SetTitle(*title.Load())
	return C.G_SOURCE_REMOVE
}

// AddMarked adds a line whose mark is part of its label: GTK turns its own
// marks round at each click, whatever the click leads to.
func (b menuBar) AddMarked(action notify.Action) entry {
	return &marked{menuItem: b.entry(systray.AddMenuItem("", ""), action)}
}

type marked struct {
	menuItem
	label string
	mark  string
}

func (m *marked) SetTitle(label string) { m.label = label; m.menuItem.SetTitle(m.mark + m.label) }
func (m *marked) Check()                { m.mark = "✓ "; m.menuItem.SetTitle(m.mark + m.label) }
func (m *marked) Uncheck()              { m.mark = ""; m.menuItem.SetTitle(m.label) }

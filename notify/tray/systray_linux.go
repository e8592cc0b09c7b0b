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

// openBus opens the session bus before the library of the icon does, and keeps it
// open. libayatana-appindicator 0.5.92 requests the bus and the panel at the same
// time. If the panel answers first, the library prints that "G_IS_DBUS_CONNECTION
// (connection)" failed, and the icon never appears. This happened in one of about
// 200 starts on a busy machine. If the bus is open already, it answers first.
//
// openBus waits at most two seconds for the bus.
func openBus() {
	opened := make(chan struct{})
	go func() {
		C.g_bus_get_sync(C.G_BUS_TYPE_SESSION, nil, nil) // the library reports an error itself
		close(opened)
	}()
	select {
	case <-opened:
	case <-time.After(2 * time.Second):
	}
}

// title is the next title to show.
var title atomic.Pointer[string]

// setTitle sets the title on GTK's thread. systray would set it on the calling
// thread. libayatana-appindicator then loses pending announcements: in a test, the
// panel received two of ten changes.
func setTitle(text string) {
	title.Store(&text)
	C.showTitleSoon()
}

//export kextwatchShowTitle
func kextwatchShowTitle(C.gpointer) C.gboolean {
	systray.SetTitle(*title.Load())
	return C.G_SOURCE_REMOVE
}

// AddMarked adds a line whose check mark is part of its label, because GTK toggles
// its own check marks at each click.
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

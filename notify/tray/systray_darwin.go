//go:build cgo

package tray

import (
	"github.com/getlantern/systray"

	"kextwatch/notify"
)

// openBus does nothing: macOS has no session bus.
func openBus() {}

// setTitle sets the title. On macOS systray uses the main thread itself.
func setTitle(text string) { systray.SetTitle(text) }

// AddMarked adds a line with AppKit's check mark.
func (b menuBar) AddMarked(action notify.Action) entry {
	return b.entry(systray.AddMenuItemCheckbox("", "", false), action)
}

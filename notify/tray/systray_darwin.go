//go:build cgo

package tray

import (
	"github.com/getlantern/systray"

	"kextwatch/notify"
)

// openBus: macOS has no such bus.
func openBus() {}

// setTitle: on macOS systray itself goes to the main thread.
func setTitle(text string) { systray.SetTitle(text) }

// AddMarked adds a line with AppKit's own mark.
func (b menuBar) AddMarked(action notify.Action) entry {
	return b.entry(systray.AddMenuItemCheckbox("", "", false), action)
}

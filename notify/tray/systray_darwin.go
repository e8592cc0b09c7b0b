//go:build cgo

package tray

import "github.com/getlantern/systray"

// openBus: macOS has no such bus.
func openBus() {}

// setTitle: on macOS systray itself goes to the main thread.
func setTitle(text string) { systray.SetTitle(text) }

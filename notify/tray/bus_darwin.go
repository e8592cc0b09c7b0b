//go:build cgo

package tray

// openBus: macOS has no such bus.
func openBus() {}

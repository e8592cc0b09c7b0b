// Package golog replaces the logger that systray imports. The original imports
// net/http, crypto/tls and crypto/x509, and with them the program would need a
// newer macOS. systray uses only one method of it.
package golog

import (
	"fmt"
	"log/slog"
)

// Logger forwards to log/slog.
type Logger struct{ name string }

// LoggerFor returns the logger of a library.
func LoggerFor(name string) Logger { return Logger{name} }

// Errorf logs an error and returns it.
func (l Logger) Errorf(format any, args ...any) error {
	err := fmt.Errorf(fmt.Sprint(format), args...)
	slog.Error(err.Error(), "library", l.name)
	return err
}

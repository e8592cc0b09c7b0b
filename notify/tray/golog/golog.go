// Package golog stands in for the logger that systray asks for. The real one
// brings net/http, crypto/tls and crypto/x509 into the program, and with them
// a newer macOS than kextwatch needs. systray uses one method of it.
package golog

import (
	"fmt"
	"log/slog"
)

// Logger hands on to log/slog.
type Logger struct{ name string }

// LoggerFor returns the logger of a library.
func LoggerFor(name string) Logger { return Logger{name} }

// Errorf logs an error and returns it.
func (l Logger) Errorf(format any, args ...any) error {
	err := fmt.Errorf(fmt.Sprint(format), args...)
	slog.Error(err.Error(), "library", l.name)
	return err
}

package cli

import (
	"errors"
	"fmt"
)

// Exit codes, after sysexits.h.
const (
	ExitUsage       = 64
	ExitUnavailable = 69
	ExitDefect      = 70
	ExitRestart     = 75 // run only: launchd has to start the new program

	ExitInterrupted = 130 // as a shell reports a program that Ctrl-C ended
)

// Failure is an error with a hint and an exit code.
type Failure struct {
	Exit int
	err  error
	hint string
}

func (f *Failure) Error() string { return f.err.Error() }
func (f *Failure) Unwrap() error { return f.err }

// Hint returns the next step.
func (f *Failure) Hint() string { return f.hint }

// Usage returns the error for wrong usage of a command.
func Usage(hint, format string, args ...any) error {
	return &Failure{ExitUsage, fmt.Errorf(format, args...), hint}
}

// Unavailable returns the error for a missing tool, permission or file.
func Unavailable(err error, hint string) error {
	return &Failure{ExitUnavailable, err, hint}
}

// Interrupted returns the error for a command that Ctrl-C or a signal ended before it had
// its answer.
func Interrupted() error { return &Failure{ExitInterrupted, errors.New("interrupted"), ""} }

// CodeWord returns the word for an exit code in a document.
func CodeWord(exit int) string {
	switch exit {
	case ExitUsage:
		return "usage"
	case ExitUnavailable:
		return "unavailable"
	case ExitInterrupted:
		return "interrupted"
	}
	return "defect"
}

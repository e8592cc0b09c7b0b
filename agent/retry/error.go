package retry

import "fmt"

// Kind tells the caller what an Error is about.
type Kind int

const (
	Unavailable Kind = iota // something on this Mac is missing or does not answer
	Usage                   // the options do not fit this Mac
	NotOpened               // Parallels Desktop could not be opened
)

// Error is the reason why Parallels could not try.
type Error struct {
	Kind Kind
	err  error
	hint string
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Hint returns what to do next. It may be empty.
func (e *Error) Hint() string { return e.hint }

func unavailable(err error, hint string) error { return &Error{Unavailable, err, hint} }

func usage(hint, format string, args ...any) error {
	return &Error{Usage, fmt.Errorf(format, args...), hint}
}

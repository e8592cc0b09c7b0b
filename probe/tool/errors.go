package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"

	"kextwatch/probe"
)

var (
	// ErrTimeout means that the program was killed because its time was over.
	ErrTimeout = errors.New("did not answer in time")
	// ErrTooMuch means that the program was killed because of its output.
	ErrTooMuch = errors.New("printed far more than it should")
	// ErrLeftRunning means that the program ended well, but a process that it
	// had started kept its output open and was killed.
	ErrLeftRunning = errors.New("left something running, which was killed")
	// ErrEnded means that a program of Stream ended without a failure.
	ErrEnded = errors.New("ended by itself")
)

// ExitError is a program that ended with a failure.
type ExitError struct {
	State  string // "exit status 3", "signal: killed"
	Code   int    // -1: a signal ended it
	Stderr []byte // as it was written: it may hold anything
}

// Error has the program's own words, cleaned.
func (e *ExitError) Error() string {
	if said := probe.Printable(string(e.Stderr)); said != "" {
		return e.State + ": " + said
	}
	return e.State
}

func isExit(err error) bool {
	_, ok := errors.AsType[*ExitError](err)
	return ok
}

// explain says why a program failed. said is what it wrote to stderr.
func explain(ctx context.Context, name string, err error, said *bytes.Buffer) error {
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		err = fs.ErrNotExist
	case errors.Is(err, exec.ErrWaitDelay):
		err = ErrLeftRunning
	case ended:
		err = &ExitError{State: exit.String(), Code: exit.ExitCode(), Stderr: said.Bytes()}
	}
	return fmt.Errorf("%s: %w", name, err)
}

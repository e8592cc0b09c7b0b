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
	// ErrTimeout means that the program exceeded its time limit and was killed.
	ErrTimeout = errors.New("did not answer in time")
	// ErrTooMuch means that the program exceeded its output limit and was killed.
	ErrTooMuch = errors.New("printed too much output")
	// ErrLeftRunning means that the program succeeded, but that a process it had
	// started kept its output open and was killed.
	ErrLeftRunning = errors.New("left a process running, which was killed")
	// ErrEnded means that a program of Stream ended without an error, although it
	// should run until the context ends.
	ErrEnded = errors.New("ended unexpectedly")
)

// ExitError means that the program ended with a failure.
type ExitError struct {
	State  string // "exit status 3", "signal: killed"
	Code   int    // the exit status; -1: a signal ended the program
	Stderr []byte // not cleaned: it may contain anything
}

// Error returns State and the cleaned output of the program to stderr.
func (e *ExitError) Error() string {
	if message := probe.Printable(string(e.Stderr)); message != "" {
		return e.State + ": " + message
	}
	return e.State
}

func isExit(err error) bool {
	_, ok := errors.AsType[*ExitError](err)
	return ok
}

// explain converts the error of exec.Cmd.Run into an error of this package.
// stderr is the output of the program.
func explain(ctx context.Context, name string, err error, stderr *bytes.Buffer) error {
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		err = fs.ErrNotExist
	case errors.Is(err, exec.ErrWaitDelay):
		err = ErrLeftRunning
	case ended:
		err = &ExitError{State: exit.String(), Code: exit.ExitCode(), Stderr: stderr.Bytes()}
	}
	return fmt.Errorf("%s: %w", name, err)
}

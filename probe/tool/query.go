package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"kextwatch/probe/root"
)

// ErrNoTools means that the Mac is the disk of another Mac: see root.FS.NoTools.
var ErrNoTools = errors.New("this is the disk of another Mac: its tools cannot run here")

// Query runs a tool of the Mac, with the time limit Limit, and returns its
// output. name is its absolute path on the Mac. Query returns ErrNoTools and the
// errors of Runner.Run. With an *ExitError it also returns the output.
func Query(ctx context.Context, m root.FS, name string, args ...string) ([]byte, error) {
	return QueryWithin(ctx, m, Limit, name, args...)
}

// QueryWithin is Query for a tool that needs another time limit.
func QueryWithin(ctx context.Context, m root.FS, limit time.Duration, name string, args ...string) ([]byte, error) {
	return query(ctx, m, Spec{Limit: limit}, name, args)
}

// QueryIn is Query with another environment: see Spec.
func QueryIn(ctx context.Context, m root.FS, env []string, name string, args ...string) ([]byte, error) {
	return query(ctx, m, Spec{Limit: Limit, Env: env}, name, args)
}

// Send runs a tool of the Mac with a text as its standard input, and the environment of
// Spec.Env. It returns the errors of Query.
func Send(ctx context.Context, m root.FS, text string, env []string, name string, args ...string) error {
	_, err := query(ctx, m, Spec{Limit: Limit, Env: env, Stdin: strings.NewReader(text)}, name, args)
	return err
}

// query runs a tool of the Mac with the limit, the environment and the input of like.
func query(ctx context.Context, m root.FS, like Spec, name string, args []string) ([]byte, error) {
	spec, err := specOf(m, name, args)
	if err != nil {
		return nil, err
	}
	spec.Limit, spec.Env, spec.Stdin = like.Limit, like.Env, like.Stdin
	out, err := runnerFor(m).Run(ctx, spec)
	return out.Stdout, err
}

// pauses are the pauses after one, two, and more failures.
var pauses = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// Pause returns how long a tool is left alone that hung or failed so many times in a
// row, from the beginning of one query to the next. It is likely to hang again. failed
// is at least 1.
func Pause(failed int) time.Duration { return pauses[min(failed, len(pauses))-1] }

// timeoutsKey is the key of the value in which NoteTimeouts notes timeouts.
type timeoutsKey struct{}

// NoteTimeouts returns a context for Run and Query, and a function that reports
// whether a program that ran under it has exceeded its time limit.
func NoteTimeouts(ctx context.Context) (noting context.Context, timedOut func() bool) {
	noted := new(atomic.Bool)
	return context.WithValue(ctx, timeoutsKey{}, noted), noted.Load
}

func noteTimeout(ctx context.Context, err error) {
	if noted, ok := ctx.Value(timeoutsKey{}).(*atomic.Bool); ok && errors.Is(err, ErrTimeout) {
		noted.Store(true)
	}
}

// Follow runs a tool of the Mac that prints until ctx ends, and calls each for
// every line. It always returns an error: ErrNoTools or one of Runner.Stream.
func Follow(ctx context.Context, m root.FS, each func(line []byte), name string, args ...string) error {
	spec, err := specOf(m, name, args)
	if err != nil {
		return err
	}
	return runnerFor(m).Stream(ctx, spec, each)
}

func runnerFor(m root.FS) Runner { return Runner{Root: m.Root, UID: m.UID} }

func specOf(m root.FS, name string, args []string) (Spec, error) {
	if m.NoTools {
		return Spec{}, fmt.Errorf("%s: %w", name, ErrNoTools)
	}
	path, err := m.Resolve(name)
	return Spec{Path: path, Name: name, Args: args}, err
}

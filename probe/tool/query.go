package tool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kextwatch/probe/root"
)

var ErrNoTools = errors.New("only files are read from this disk; no tool is run")

// Query runs one of the Mac's own tools and returns what it printed. name is
// its absolute path on the Mac. The errors are ErrNoTools and those of package
// tool; a tool that fails with a *tool.ExitError has its output returned, too.
func Query(ctx context.Context, m root.FS, name string, args ...string) ([]byte, error) {
	return QueryWithin(ctx, m, Limit, name, args...)
}

// QueryWithin is tool for one that is known to need another time.
func QueryWithin(ctx context.Context, m root.FS, limit time.Duration, name string, args ...string) ([]byte, error) {
	spec, err := specOf(m, name, args)
	if err != nil {
		return nil, err
	}
	spec.Limit = limit
	out, err := runnerFor(m).Run(ctx, spec)
	return out.Stdout, err
}

// Follow runs one of the Mac's own tools that prints until ctx ends, and calls
// each for every line. It always returns an error, as tool.Runner.Stream does.
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

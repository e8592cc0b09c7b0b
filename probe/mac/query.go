package mac

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kextwatch/probe/tool"
)

var errNoTools = errors.New("only files are read from this disk; no tool is run")

// Query runs one of the Mac's own tools and returns what it printed. name is
// its absolute path on the Mac. The errors are errNoTools and those of package
// tool; a tool that fails with a *tool.ExitError has its output returned, too.
func Query(ctx context.Context, m Mac, name string, args ...string) ([]byte, error) {
	return QueryWithin(ctx, m, tool.Limit, name, args...)
}

// QueryWithin is tool for one that is known to need another time.
func QueryWithin(ctx context.Context, m Mac, limit time.Duration, name string, args ...string) ([]byte, error) {
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
func Follow(ctx context.Context, m Mac, each func(line []byte), name string, args ...string) error {
	spec, err := specOf(m, name, args)
	if err != nil {
		return err
	}
	return runnerFor(m).Stream(ctx, spec, each)
}

func runnerFor(m Mac) tool.Runner { return tool.Runner{Root: m.Root, UID: m.UID} }

func specOf(m Mac, name string, args []string) (tool.Spec, error) {
	if m.NoTools {
		return tool.Spec{}, fmt.Errorf("%s: %w", name, errNoTools)
	}
	path, err := m.Resolve(name)
	return tool.Spec{Path: path, Name: name, Args: args}, err
}

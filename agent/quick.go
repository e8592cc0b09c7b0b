package main

import (
	"context"
	"slices"

	"kextwatch/notify/desktop"
)

// quick runs the calls that other programs repeat and wait for: scripts ask for the
// version, and the agent posts alerts. They need no Mac, no user and no other command, so
// nothing of that is read or built, and a signal ends them as it ends any program. run
// answers the same, later. done is false for every other call.
func quick(args []string, h host) (exit int, done bool) {
	in, ctx := newInvocation(h), context.Background()
	switch {
	case slices.Equal(args, []string{"version"}):
		writeVersion(in.out)
		return in.finish(ctx, nil), true
	case slices.Equal(args, desktop.PostArguments(false)):
		return in.finish(ctx, post(ctx, in.stdin, false)), true
	case slices.Equal(args, desktop.PostArguments(true)):
		return in.finish(ctx, post(ctx, in.stdin, true)), true
	}
	return 0, false
}

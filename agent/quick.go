package main

import (
	"context"
	"slices"

	"kextwatch/notify/desktop"
)

// quick runs the calls that other programs repeat and wait for: scripts ask for the
// version, and the agent posts alerts. They need no Mac, no user and no other command, so
// nothing of that is read or built. run answers the same, later. done is false for every
// other call.
func quick(args []string, h host) (exit int, done bool) {
	in := newInvocation(h)
	if slices.Equal(args, []string{"version"}) {
		writeVersion(in.out)
		return in.finish(context.Background(), nil), true
	}
	for _, urgent := range []bool{false, true} {
		if slices.Equal(args, desktop.PostArguments(urgent)) {
			ctx, stop := interruptible()
			defer stop()
			return in.finish(ctx, post(ctx, in.stdin, urgent)), true
		}
	}
	return 0, false
}

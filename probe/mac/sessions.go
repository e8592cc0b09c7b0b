package mac

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// LoggedIn returns the uids of the users who have a graphical login session, also
// behind another user's, in order. Nobody may be logged in. An error means that it is
// not known who is.
func LoggedIn(ctx context.Context, m root.FS) ([]int, error) {
	out, err := tool.Query(ctx, m, probe.IoregTool, "-n", "Root", "-d1", "-a")
	if err != nil {
		return nil, err
	}
	return parseLoggedIn(out)
}

// parseLoggedIn reads the list of sessions. The one of the login window has no user who
// has logged in.
func parseLoggedIn(out []byte) ([]int, error) {
	var registry ioregRoot
	if err := root.DecodePlist(out, &registry); err != nil {
		return nil, fmt.Errorf("%s: %w", probe.IoregTool, err)
	}
	if registry.Users == nil {
		return nil, errors.New(probe.IoregTool + " lists no login sessions")
	}
	users := []int{}
	for _, session := range registry.Users {
		if firstAnswer(session.LoggedIn) == probe.No {
			continue
		}
		uid, ok := session.UID.(uint64)
		switch {
		case !ok || uid > 1<<31:
			return nil, fmt.Errorf("%s lists a login session without a user", probe.IoregTool)
		case uid >= firstPerson, uid == 0: // root can log in, too
			users = append(users, int(uid))
		}
	}
	slices.Sort(users)
	return slices.Compact(users), nil
}

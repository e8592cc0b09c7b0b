package mac

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// readConsoleUID is the user at screen and keyboard: macOS gives him /dev/console.
// 0 is the login window, -1 not known.
func readConsoleUID(m root.FS) (int, error) {
	p, err := m.Resolve(probe.ConsoleDevice)
	if err != nil {
		return -1, err
	}
	info, err := os.Stat(p)
	if err != nil {
		return -1, err
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

// ioregRoot is what the root of the I/O registry says about the sessions with
// a desktop. While a session's screen is not locked, the second key is absent.
type ioregRoot struct {
	Users []struct {
		UID    any `plist:"kCGSSessionUserIDKey"`
		Locked any `plist:"CGSSessionScreenIsLocked"`
	} `plist:"IOConsoleUsers"`
}

// readLocked reports whether the screen of the user's session is locked. Apple
// documents neither key, but public tools that ask whether a Mac is locked have
// read them so for years, most of them from the same command. A user without a session, or a
// list without sessions, leaves it open.
func readLocked(ctx context.Context, m root.FS) (probe.Answer, error) {
	out, err := tool.Query(ctx, m, probe.IoregTool, "-n", "Root", "-d1", "-a")
	if err != nil {
		return "", err
	}
	return parseLocked(out, m.UID)
}

func parseLocked(out []byte, uid int) (probe.Answer, error) {
	var registry ioregRoot
	if err := root.DecodePlist(out, &registry); err != nil {
		return "", fmt.Errorf("%s: %w", probe.IoregTool, err)
	}
	for _, session := range registry.Users {
		if n, ok := session.UID.(uint64); ok && n == uint64(uid) {
			return probe.AnswerOf(isTrue(session.Locked)), nil
		}
	}
	return "", nil
}

// isTrue takes the two ways in which property lists say yes.
func isTrue(value any) bool {
	n, number := value.(uint64)
	return value == true || number && n == 1
}

// readAdmin reports whether whoever runs this program is an administrator.
func readAdmin(ctx context.Context, m root.FS) (probe.Answer, error) {
	out, err := tool.Query(ctx, m, probe.IDTool, "-G")
	if err != nil {
		return "", err
	}
	return parseGroups(out)
}

// parseGroups reads the numbers of all the groups of a user, on one line.
func parseGroups(out []byte) (probe.Answer, error) {
	var groups []int
	for field := range bytes.FieldsSeq(out) {
		group, err := strconv.ParseUint(string(field), 10, 32)
		if err != nil {
			return "", unexpectedGroups(out)
		}
		groups = append(groups, int(group))
	}
	if len(groups) == 0 {
		return "", unexpectedGroups(out)
	}
	return probe.AnswerOf(slices.Contains(groups, root.AdminGroup)), nil
}

func unexpectedGroups(out []byte) error {
	return fmt.Errorf("%s answered %q instead of the numbers of groups", probe.IDTool, probe.Printable(string(out)))
}

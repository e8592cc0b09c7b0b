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

// readConsoleUID returns the uid of the user at the screen and keyboard. macOS makes
// this user the owner of /dev/console. 0 is the login window, -1 is unknown.
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

// madeByRoot reports whether this is a simulated Mac that root made: there, root is the
// user, and nothing tells the login window from that user.
func madeByRoot(m root.FS) bool {
	maker, simulated := makerOf(m)
	return simulated && maker == 0
}

// ioregRoot is the part of the root of the I/O registry that describes the
// graphical login sessions. CGSSessionScreenIsLocked is missing while the session is
// not locked, and on some Macs always: then only IOConsoleLocked tells.
type ioregRoot struct {
	Locked any           `plist:"IOConsoleLocked"`
	Users  []consoleUser `plist:"IOConsoleUsers"`
}

type consoleUser struct {
	UID       any `plist:"kCGSSessionUserIDKey"`
	Locked    any `plist:"CGSSessionScreenIsLocked"`
	OnConsole any `plist:"kCGSSessionOnConsoleKey"`
	LoggedIn  any `plist:"kCGSessionLoginDoneKey"`
}

// locked reports whether the session is locked. IOConsoleLocked is about the session
// that has the screen.
func (r ioregRoot) locked(session consoleUser) probe.Answer {
	switch answer := firstAnswer(session.Locked); {
	case answer != "":
		return answer
	case isTrue(r.Locked) && firstAnswer(session.OnConsole) != probe.No:
		return probe.Yes
	case session.Locked != nil:
		return ""
	}
	return probe.No
}

// readLocked reports whether the screen of the user's session is locked. Apple does
// not document these keys, but public tools have read them for years, most of
// them with the same command. The answer is empty if the user has no session.
func readLocked(ctx context.Context, m root.FS) (probe.Answer, error) {
	out, err := tool.Query(ctx, m, probe.IoregTool, "-n", "Root", "-d1", "-a")
	if err != nil {
		return "", err
	}
	return parseLocked(out, m.UID)
}

func parseLocked(out []byte, uid int) (probe.Answer, error) {
	var registry ioregRoot
	err := root.DecodePlist(out, &registry)
	if err != nil {
		err = fmt.Errorf("%s: %w", probe.IoregTool, err)
	}
	for _, session := range registry.Users {
		if n, ok := session.UID.(uint64); ok && n == uint64(uid) {
			return registry.locked(session), nil
		}
	}
	return "", err
}

// isTrue reports whether a value of a property list is true or 1.
func isTrue(value any) bool {
	n, number := value.(uint64)
	return value == true || number && n == 1
}

// readAdmin reports whether the user of this process is an administrator.
func readAdmin(ctx context.Context, m root.FS) (probe.Answer, error) {
	out, err := tool.Query(ctx, m, probe.IDTool, "-G")
	if err != nil {
		return "", err
	}
	return parseGroups(out)
}

// parseGroups reads the output of id -G: the numbers of the user's groups on one
// line.
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

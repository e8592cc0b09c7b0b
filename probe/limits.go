package probe

import (
	"fmt"
	"strings"
	"time"
)

// Limits of the policy that is read, for every source.
const (
	MaxRows = 10_000 // rows of one table
	MaxText = 4096   // bytes of one value; a path of macOS has at most 1024

	// TooLong replaces a longer value. No real value equals it.
	TooLong = "(too long)"
)

// ErrTooManyRows is returned for a table of more than MaxRows rows.
var ErrTooManyRows = fmt.Errorf("more than %d rows", MaxRows)

// Cap limits a text value of a policy. It returns TooLong for a value of more
// than MaxText bytes, and replaces invalid UTF-8.
func Cap(value string) string {
	if len(value) > MaxText {
		return TooLong
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}

// IsBundleID reports whether text has the form of a bundle identifier: 1 to 255
// letters, digits, hyphens, periods, underscores and plus signs of ASCII. It uses no
// regular expression: compiling one with such a count takes 2 ms of every start.
func IsBundleID(text string) bool {
	const allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._+-"
	return len(text) >= 1 && len(text) <= 255 && strings.Trim(text, allowed) == ""
}

// IsTeamID reports whether text has the form of Apple's team IDs: ten digits and capital
// letters of ASCII.
func IsTeamID(text string) bool {
	const allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return len(text) == 10 && strings.Trim(text, allowed) == ""
}

// IsKextID reports whether text can be the bundle identifier of a kext that macOS knows.
// Some have spaces or letters outside of ASCII, so this is weaker than IsBundleID: 1 to
// 255 printable bytes without a slash. Such text is shown, and never passed to a program.
func IsKextID(text string) bool {
	return len(text) >= 1 && len(text) <= 255 && OneLine(text) == text && text != TooLong && !strings.Contains(text, "/")
}

// ClockJump is the difference between the wall clock and the monotonic clock
// that proves a jump: the Mac slept, or its clock was set. Normal drift between
// two readings is always smaller.
const ClockJump = 30 * time.Second

package probe

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode"
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

// KextID returns the bundle identifier of a kext in a form for which IsKextID is true.
// Characters that cannot be shown are escaped by their number, and a long identifier is
// cut and gets a checksum: a kext that macOS blocks must be visible, whatever its name.
// Two identifiers never become one. An empty text and TooLong stay as they are.
func KextID(text string) string {
	if text == "" || text == TooLong || IsKextID(text) && !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for at, r := range text {
		edge := at == 0 || at == len(text)-1
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case !unicode.IsPrint(r), r == '/', r == ' ' && edge:
			fmt.Fprintf(&b, `\{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	const most = 230 // bytes, and the checksum
	id := b.String()
	if len(id) > most {
		sum := fnv.New64a()
		sum.Write([]byte(text))
		id = fmt.Sprintf("%s…%016x", strings.ToValidUTF8(id[:most], ""), sum.Sum64())
	}
	return id
}

// ClockJump is the difference between the wall clock and the monotonic clock
// that proves a jump: the Mac slept, or its clock was set. Normal drift between
// two readings is always smaller.
const ClockJump = 30 * time.Second

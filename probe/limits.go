package probe

import (
	"fmt"
	"regexp"
	"time"
)

// Limits of what is read of a policy, from whatever source.
const (
	MaxRows = 10_000 // of a table
	MaxText = 4096   // bytes of a value; a path of macOS has at most 1024

	// TooLong stands for a longer value. It equals no real one.
	TooLong = "(too long)"
)

// ErrTooManyRows is returned for a table of more than MaxRows rows.
var ErrTooManyRows = fmt.Errorf("more than %d rows", MaxRows)

// Cap returns a value of a policy, or TooLong for one above MaxText.
func Cap(value string) string {
	if len(value) > MaxText {
		return TooLong
	}
	return value
}

var bundleIDForm = regexp.MustCompile(`^[0-9A-Za-z._+-]{1,255}$`)

// IsBundleID reports whether a text has the form of a bundle identifier.
func IsBundleID(text string) bool { return bundleIDForm.MatchString(text) }

// ClockJump is how far the wall clock and the monotonic clock never drift apart
// by themselves between two readings: the Mac slept, or its clock was set.
const ClockJump = 30 * time.Second

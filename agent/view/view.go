// Package view holds every word kextwatch says: the menu, the alerts, the
// text of status and explain, the lines of the history.
//
// It turns plain data into plain data. Names that come from a database or a
// property list are cleaned before they are shown: no control characters, no
// invisible ones, no endless lines.
//
// Where macOS has changed a name, the words follow the macOS they are shown
// on: System Preferences and Security & Privacy up to 12, System Settings and
// Privacy & Security from 13. "Allow" and "Details…" are Apple's own labels.
package view

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Clean makes text from outside fit to be shown in one line.
func Clean(s string) string {
	const longest = 200
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "") {
		if unicode.IsSpace(r) {
			r = ' '
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		}
		if b.Len() >= longest {
			b.WriteRune('…')
			break
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// clock is a time of day where the user is.
func clock(t time.Time) string { return t.Local().Format("15:04") }

func minutes(n int) string { return count(n, "1 minute", "%d minutes") }

// sentence begins with a capital, but for names that do not, and ends with a
// full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if !strings.HasPrefix(s, "macOS") && !strings.HasPrefix(s, "kextwatch") {
		first, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	last, _ := utf8.DecodeLastRuneInString(s)
	if strings.ContainsRune(".!?…", last) {
		return s
	}
	return s + "."
}

// sentences joins what is not empty.
func sentences(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, sentence(p))
		}
	}
	return strings.Join(said, " ")
}

// count is a number of things in words.
func count(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

package probe

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// PrintableLimit is the number of characters of a foreign text that are shown.
const PrintableLimit = 300

// searchedText is how many bytes of a foreign text are searched for characters to show. A
// tool can print megabytes.
const searchedText = 16 << 10

// Printable returns one short line of a text that is not ours, such as the
// output of a tool or a name in a file: OneLine, cut to PrintableLimit.
func Printable(text string) string {
	text = OneLine(Head(text))
	kept := 0
	for at := range text {
		if kept == PrintableLimit {
			return strings.TrimSpace(text[:at])
		}
		kept++
	}
	return text
}

// Head returns the beginning of a text that is not ours, of which only a line is shown.
func Head(text string) string { return text[:min(len(text), searchedText)] }

// OneLine returns a text that is not ours as one line of printable characters in
// valid UTF-8. White space becomes spaces. Control characters and characters that
// change the direction of text are dropped.
func OneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
}

// EscapeJSON writes JSON so that it cannot control a terminal or change the direction of
// text. Its values stay the same. JSON itself escapes only the control characters below
// U+0020.
func EscapeJSON(text string) string {
	var safe strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if r == '\n' || unicode.IsPrint(r) {
			safe.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&safe, `\u%04x`, unit)
		}
	}
	return safe.String()
}

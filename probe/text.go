package probe

import (
	"strings"
	"unicode"
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

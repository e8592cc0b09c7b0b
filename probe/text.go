package probe

import (
	"strings"
	"unicode"
)

// PrintableLimit is the number of characters of a foreign text that are shown.
const PrintableLimit = 300

// Printable returns one short line of a text that is not ours, such as the
// output of a tool or a name in a file. It drops control characters, and those
// that change the direction of text.
func Printable(text string) string {
	kept := 0
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			r = ' '
		}
		if !unicode.IsPrint(r) || kept == PrintableLimit {
			return -1
		}
		kept++
		return r
	}, text)
	return strings.TrimSpace(text)
}

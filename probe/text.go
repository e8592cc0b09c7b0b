package probe

import (
	"strings"
	"unicode"
)

// PrintableLimit is how many characters of a foreign text are shown.
const PrintableLimit = 300

// Printable makes one short line of a text that anybody may have written.
// Control characters and those that turn the direction of text are dropped.
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

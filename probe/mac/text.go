package mac

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"unicode"

	"kextwatch/probe"
)

// shownLimit is how many characters of a foreign text are shown.
const shownLimit = 300

// gap says that a fact could not be read, and what to do about it.
func gap(source string, err error, next string) probe.Gap {
	return probe.Gap{Source: source, Err: printable(err.Error()), Next: next}
}

// toolGap is gap for a fact that a tool did not tell. command is what a person
// can type to see for himself.
func toolGap(source string, err error, command string) probe.Gap {
	if errors.Is(err, errNoTools) {
		return gap(source, err, "Run kextwatch on that Mac itself.")
	}
	return gap(source, err, "Run `"+command+"` in Terminal and see what it says.")
}

// printable makes one short line of a text that anybody may have written.
// Control characters and those that turn the direction of text are dropped.
func printable(text string) string {
	kept := 0
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			r = ' '
		}
		if !unicode.IsPrint(r) || kept == shownLimit {
			return -1
		}
		kept++
		return r
	}, text)
	return strings.TrimSpace(text)
}

// absent reports whether nothing lies at a path.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Package terminal writes to a terminal: a text, a line that is replaced in place, and
// the progress of a wait.
package terminal

import (
	"os"

	"golang.org/x/term"
)

// Control sequences of ECMA-48, and two private modes of xterm that all
// current terminals support.
const (
	EnterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // alternate screen, no cursor, long lines are cut
	LeaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	Home        = "\x1b[H"
	EraseLine   = "\x1b[K" // from the cursor on; after a full line this erases its last character
	EraseRest   = "\x1b[J"
	Plain       = "\x1b[0m"
	Bold        = "\x1b[1m"
	BoldMagenta = "\x1b[1;35m" // unlike yellow, it can be read on white
	BoldGreen   = "\x1b[1;32m"
	BoldRed     = "\x1b[1;31m"
	Faint       = "\x1b[2m"
)

// Is reports whether a stream is a terminal. A character device such as
// /dev/null is not.
func Is(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// CanDraw reports whether a stream is a terminal on which text can be redrawn.
// A dumb terminal, such as a shell in an editor, gets plain lines.
func CanDraw(stream any) (*os.File, bool) {
	if !Is(stream) || os.Getenv("TERM") == "dumb" {
		return nil, false
	}
	return stream.(*os.File), true
}

// Size returns a usual size where the terminal does not report one.
func Size(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 1 || rows < 1 {
		return 80, 24
	}
	return columns, rows
}

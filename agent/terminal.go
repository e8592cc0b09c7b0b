package main

import (
	"os"

	"golang.org/x/term"
)

// Control sequences of ECMA-48, and two private modes of xterm that all
// current terminals support.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // alternate screen, no cursor, long lines are cut
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseLine   = "\x1b[K" // from the cursor on; after a full line this erases its last character
	eraseRest   = "\x1b[J"
	plainText   = "\x1b[0m"
	boldText    = "\x1b[1m"
	boldYellow  = "\x1b[1;33m"
	boldGreen   = "\x1b[1;32m"
)

// isTerminal reports whether a file is a terminal. A character device such as
// /dev/null is not.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// canDraw reports whether a stream is a terminal on which text can be redrawn.
// A dumb terminal, such as a shell in an editor, gets plain lines.
func canDraw(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && isTerminal(f) && os.Getenv("TERM") != "dumb"
}

// terminalSize returns a usual size where the terminal does not report one.
func terminalSize(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 1 || rows < 1 {
		return 80, 24
	}
	return columns, rows
}

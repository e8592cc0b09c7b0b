//go:build linux

package terminal

import (
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// A line that is wider than the terminal would wrap and could not be erased.
func TestLastLineInANarrowTerminal(t *testing.T) {
	keys, screen, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	defer screen.Close()
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 5, Cols: 20}); err != nil {
		t.Fatal(err)
	}
	l := LastLine{terminal: screen}
	l.Set(strings.Repeat("x", 50))
	l.Above(screen, "a line\n")
	l.Set("")
	x := strings.Repeat("x", 19)
	want := "\r\x1b[K" + x + "\r\x1b[Ka line\r\n" + x + "\r\x1b[K"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(keys, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

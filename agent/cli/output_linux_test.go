package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// In a terminal, an error and an answer are broken between words. A command that a person
// may copy stays one line.
func TestAnswersInANarrowTerminal(t *testing.T) {
	keys, screen, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	defer screen.Close()
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	o := Output{Stdout: screen, Stderr: screen}
	const command = "    sudo mkdir -p /usr/local/bin && sudo ln -s /a /usr/local/bin"
	o.Fail(Usage("name a directory that is laid out as a Mac's /", "--root inst is not a directory"))
	o.Warn("run sudo kextwatch uninstall --all-users --root /mac", "it starts again")
	o.Say("There is nothing to try, because macOS blocks nothing.")
	o.Say(command)
	want := strings.ReplaceAll(`kextwatch: error: --root inst is not a
directory
kextwatch: hint: name a directory that
is laid out as a Mac's /
kextwatch: warning: it starts again
kextwatch: hint: run sudo kextwatch uninstall --all-users --root /mac
There is nothing to try, because macOS
blocks nothing.
`+command+"\n", "\n", "\r\n")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(keys, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("wrote\n%s\nwant\n%s", got, want)
	}
}

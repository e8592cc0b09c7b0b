package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Keys reads single keys of a terminal. While it reads them, Ctrl-C is a key, too, and
// a line that is written ends with "\r\n".
type Keys struct {
	terminal *os.File
	normal   *term.State // before; nil: keys are not read now
}

// CtrlC is what Ctrl-C sends while keys are read.
const CtrlC = 3

// NewKeys returns false if the stream is not a terminal.
func NewKeys(stream any) (*Keys, bool) {
	if !Is(stream) {
		return nil, false
	}
	k := &Keys{terminal: stream.(*os.File)}
	return k, k.Resume() == nil
}

// Read waits for the next key. Keys that are sequences of several bytes arrive as these
// bytes.
func (k *Keys) Read() (byte, error) {
	var key [1]byte
	_, err := io.ReadFull(k.terminal, key[:])
	return key[0], err
}

// Pause gives the terminal its normal mode back, in which the user types whole lines.
func (k *Keys) Pause() error {
	if k.normal == nil {
		return nil
	}
	err := term.Restore(int(k.terminal.Fd()), k.normal)
	k.normal = nil
	return err
}

// Resume reads single keys again.
func (k *Keys) Resume() error {
	normal, err := term.MakeRaw(int(k.terminal.Fd()))
	if err == nil {
		k.normal = normal
	}
	return err
}

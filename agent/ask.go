package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"kextwatch/agent/terminal"
)

// interactive reports whether there may be somebody to ask.
func (in *invocation) interactive() bool {
	return terminal.Is(in.stdin)
}

// ask asks on standard error and returns the answer. It ends with ctx, also
// while it waits for the user.
func (in *invocation) ask(ctx context.Context, question string) (string, error) {
	nobody := usage("--yes goes on without asking", "there is nobody to ask: standard input is not a terminal")
	if !in.interactive() {
		return "", nobody
	}
	fmt.Fprint(in.stderr, question)
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(oneByte{in.stdin}).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", unavailable(ctx.Err(), "")
	case l := <-read:
		if errors.Is(l.err, io.EOF) && l.text == "" {
			return "", nobody
		}
		return strings.TrimSpace(l.text), nil
	}
}

// oneByte keeps a buffered reader from taking more than the line it is after:
// the next question needs the rest.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

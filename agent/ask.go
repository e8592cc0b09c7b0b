package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"kextwatch/agent/cli"
	"kextwatch/agent/terminal"
)

// keyboard asks questions on out and reads the answers from in.
type keyboard struct {
	in  io.Reader
	out io.Writer
}

// interactive reports whether the input is a terminal, so that a question can be
// answered.
func (k keyboard) interactive() bool { return terminal.Is(k.in) }

// ask asks a question and returns the answer. It returns when ctx ends, even while
// it waits for the user.
func (k keyboard) ask(ctx context.Context, question string) (string, error) {
	nobody := cli.Usage("use --yes to continue without a question", "cannot ask for confirmation: standard input is not a terminal")
	if !k.interactive() {
		return "", nobody
	}
	fmt.Fprint(k.out, question)
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(oneByte{k.in}).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", cli.Unavailable(ctx.Err(), "")
	case l := <-read:
		if errors.Is(l.err, io.EOF) && l.text == "" {
			return "", nobody
		}
		return strings.TrimSpace(l.text), nil
	}
}

// oneByte keeps a buffered reader from taking more than one line: the next
// question needs the rest.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

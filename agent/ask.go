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
	text, err := untilDone(ctx, func() (string, error) { return bufio.NewReader(oneByte{k.in}).ReadString('\n') })
	switch {
	case errors.Is(err, errDone):
		return "", cli.Unavailable(ctx.Err(), "")
	case errors.Is(err, io.EOF) && text == "":
		return "", nobody
	}
	return strings.TrimSpace(text), nil
}

// errDone is returned by untilDone if the context ended first.
var errDone = errors.New("the context ended")

// untilDone reads from a stream that may never end. When ctx ends, it returns errDone and
// drops what is read later.
func untilDone[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case <-ctx.Done():
		return *new(T), errDone
	case a := <-answers:
		return a.value, a.err
	}
}

// oneByte keeps a buffered reader from taking more than one line: the next
// question needs the rest.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

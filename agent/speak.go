package main

// Only this file writes errors, warnings and hints. They are in lower case,
// without a full stop, with the program's name in front. The hint is on its own
// line.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// Exit codes, after sysexits.h.
const (
	exitUsage       = 64
	exitUnavailable = 69
	exitDefect      = 70
	exitRestart     = 75 // run only: launchd has to start the new program

	exitInterrupted = 130 // as a shell reports a program that Ctrl-C ended
)

// failure is an error with a hint and an exit code.
type failure struct {
	exit int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Hint returns the next step.
func (f *failure) Hint() string { return f.hint }

// usage returns the error for wrong usage of a command.
func usage(hint, format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...), hint}
}

// unavailable returns the error for a missing tool, permission or file.
func unavailable(err error, hint string) error {
	return &failure{exitUnavailable, err, hint}
}

// interrupted returns the error for a command that Ctrl-C or a signal ended before it had
// its answer.
func interrupted() error { return &failure{exitInterrupted, errors.New("interrupted"), ""} }

// speaker writes to the user.
type speaker struct {
	out, err io.Writer
	json     bool
	note     func(warning string) // called for each warning; may be nil
}

// fail reports an error and returns the exit code.
func (s speaker) fail(err error) int {
	f := &failure{exit: exitDefect, err: err}
	if !errors.As(err, &f) && errors.Is(err, fs.ErrPermission) {
		f.exit = exitUnavailable
	}
	if s.json {
		s.document(map[string]any{"schema": 1, "error": map[string]string{
			"code": codeWord(f.exit), "message": err.Error(), "hint": f.hint,
		}})
		return f.exit
	}
	s.tell("error: %s", err)
	s.hint(f.hint)
	return f.exit
}

func codeWord(exit int) string {
	switch exit {
	case exitUsage:
		return "usage"
	case exitUnavailable:
		return "unavailable"
	case exitInterrupted:
		return "interrupted"
	}
	return "defect"
}

func (s speaker) warn(hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.tell("warning: %s", text)
	s.hint(hint)
	if s.note != nil {
		s.note(text)
	}
}

// progress reports an operation that takes a while.
func (s speaker) progress(format string, args ...any) {
	s.tell(format, args...)
}

func (s speaker) hint(hint string) {
	switch {
	case hint == "":
	case strings.Contains(hint, "sudo "): // a person may copy the command: it stays one line
		fmt.Fprintf(s.err, "kextwatch: hint: %s\n", printableLine(hint))
	default:
		s.tell("hint: %s", hint)
	}
}

// tell writes to standard error, without what could control a terminal: an error names
// files, and anybody can name a file.
func (s speaker) tell(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i, line := range lines {
		lines[i] = printableLine(line)
	}
	_ = terminal.Write(s.err, view.Untoned("kextwatch: "+strings.Join(lines, "\n")))
}

// say writes a line of the answer; document writes a whole answer as JSON. A line that is
// indented by four spaces is a command that a person may copy: it is not broken.
func (s speaker) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.HasPrefix(text, "    ") {
		fmt.Fprintln(s.out, text)
		return
	}
	_ = terminal.Write(s.out, view.Untoned(text))
}

func (s speaker) document(doc any) {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	// Our own documents are plain data. Encoding them cannot fail.
	_ = enc.Encode(doc)
	_, _ = io.WriteString(s.out, probe.EscapeJSON(text.String()))
}

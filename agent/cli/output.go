// Package cli is how a command answers: what it writes to standard output and standard
// error, and its exit code.
//
// Only this package writes errors, warnings and hints. They are in lower case,
// without a full stop, with the program's name in front. The hint is on its own
// line.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"

	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// Output writes to the user.
type Output struct {
	Stdout, Stderr io.Writer
	JSON           bool
	Note           func(warning string) // called for each warning; may be nil
	Lost           *error               // gets the first error of a write to standard output; may be nil
}

// wrote keeps the first error of a write to standard output.
func (o Output) wrote(err error) {
	if o.Lost != nil && *o.Lost == nil {
		*o.Lost = err
	}
}

// Fail reports an error and returns the exit code.
func (o Output) Fail(err error) int {
	f := &Failure{Exit: ExitDefect, err: err}
	if !errors.As(err, &f) && errors.Is(err, fs.ErrPermission) {
		f.Exit = ExitUnavailable
	}
	if o.JSON {
		o.Document(map[string]any{"schema": 1, "error": map[string]string{
			"code": CodeWord(f.Exit), "message": err.Error(), "hint": f.hint,
		}})
		return f.Exit
	}
	o.tell("error: %s", err)
	o.Hint(f.hint)
	return f.Exit
}

// Warn writes a warning and its hint.
func (o Output) Warn(hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	o.tell("warning: %s", text)
	o.Hint(hint)
	if o.Note != nil {
		o.Note(text)
	}
}

// Progress reports an operation that takes a while.
func (o Output) Progress(format string, args ...any) {
	o.tell(format, args...)
}

// Hint writes a hint, unless it is empty.
func (o Output) Hint(hint string) {
	switch {
	case hint == "":
	case strings.Contains(hint, "sudo "): // a person may copy the command: it stays one line
		fmt.Fprintf(o.Stderr, "kextwatch: hint: %s\n", PrintableLine(hint))
	default:
		o.tell("hint: %s", hint)
	}
}

// tell writes to standard error, without what could control a terminal: an error names
// files, and anybody can name a file.
func (o Output) tell(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i, line := range lines {
		lines[i] = PrintableLine(line)
	}
	_ = terminal.Write(o.Stderr, view.Untoned("kextwatch: "+strings.Join(lines, "\n")))
}

// Say writes a line of the answer. A line that is indented by four spaces is a command that
// a person may copy: it is not broken.
func (o Output) Say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.HasPrefix(text, "    ") {
		_, err := fmt.Fprintln(o.Stdout, text)
		o.wrote(err)
		return
	}
	o.wrote(terminal.Write(o.Stdout, view.Untoned(text)))
}

// Document writes a whole answer as JSON.
func (o Output) Document(doc any) {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	// Our own documents are plain data. Encoding them cannot fail.
	_ = enc.Encode(doc)
	_, err := io.WriteString(o.Stdout, probe.EscapeJSON(text.String()))
	o.wrote(err)
}

// PrintableLine removes what could control a terminal.
func PrintableLine(line string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "\uFFFD"))
}

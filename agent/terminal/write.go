package terminal

import (
	"io"
	"os"
	"strings"

	"kextwatch/agent/view"
)

// The width of a text in a terminal, in characters. A longer line is hard to read.
const (
	narrowest = 40
	widest    = 120
)

// tones are the control sequences of view.Tone.
var tones = [...]string{view.Headline: Bold, view.Good: BoldGreen, view.Careful: BoldMagenta, view.Bad: BoldRed, view.Soft: Faint}

// Write writes a text in the form for out.
func Write(out io.Writer, text view.Lines) error {
	_, err := io.WriteString(out, For(out, text))
	return err
}

// For returns a text in the form for out. For a terminal it breaks the lines at the width
// of the terminal, and emphasizes them unless NO_COLOR is set or the terminal is dumb.
func For(out io.Writer, text view.Lines) string {
	if !Is(out) {
		return text.String()
	}
	_, canDraw := CanDraw(out)
	colors := canDraw && Colors()
	var b strings.Builder
	for _, line := range text.Broken(Columns(out, widest)) {
		if colors {
			line.Text = Emphasized(line)
		}
		b.WriteString(line.Text + "\n")
	}
	return b.String()
}

// Columns returns the width of a text of at most most characters on a stream.
func Columns(out io.Writer, most int) int {
	if !Is(out) {
		return most
	}
	columns, _ := Size(out.(*os.File))
	return max(narrowest, min(columns, most))
}

// Colors reports whether the user wants colors: see no-color.org.
func Colors() bool { return os.Getenv("NO_COLOR") == "" }

// Emphasized returns a line with the control sequences of its tone.
func Emphasized(line view.Line) string {
	if line.Tone == view.NoTone || line.Text == "" {
		return line.Text
	}
	return tones[line.Tone] + line.Text + Plain
}

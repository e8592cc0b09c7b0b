package view

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"kextwatch/agent/approval"
)

// Lines is a text for a terminal, before its lines are broken.
type Lines []Line

// Line is one line of a text for a terminal.
type Line struct {
	Text string
	Tone Tone
}

// Tone is how a line is emphasized. It repeats what the words of the line say.
type Tone int

// The tones. The zero value is no emphasis.
const (
	NoTone Tone = iota
	Headline
	Good
	Careful
	Bad
	Soft
)

// toneOf returns the tone of a product's headline.
func toneOf(v approval.Verdict) Tone {
	switch {
	case v.NeedsAction():
		return Careful
	case v == approval.Approved:
		return Good
	}
	return Headline
}

// String returns the text without emphasis, for a file or a pipe.
func (l Lines) String() string {
	var b strings.Builder
	for _, line := range l {
		b.WriteString(line.Text + "\n")
	}
	return b.String()
}

// Untoned returns the lines of a text without emphasis.
func Untoned(text string) Lines {
	var l Lines
	for line := range strings.Lines(text) {
		l.add(NoTone, "%s", strings.TrimSuffix(line, "\n"))
	}
	return l
}

func (l *Lines) add(tone Tone, format string, args ...any) {
	*l = append(*l, Line{fmt.Sprintf(format, args...), tone})
}

func (l *Lines) blank() { *l = append(*l, Line{}) }

// labeled adds a text with its label. It adds nothing for an empty text.
func (l *Lines) labeled(label, text string) {
	if text != "" {
		l.add(NoTone, "  %-7s %s", label, text)
	}
}

// next adds the next step. If there are several ways, each has a number.
func (l *Lines) next(step string) {
	ways := alternatives(step)
	if len(ways) < 2 {
		l.labeled("Next", step)
		return
	}
	label := "Next"
	for i, way := range ways {
		l.labeled(label, fmt.Sprintf("%d  %s", i+1, way))
		label = ""
	}
}

// alternatives returns the ways of a next step. A sentence that begins with "Or" begins
// another one.
func alternatives(step string) []string {
	ways := strings.Split(step, ". Or ")
	for i := range ways {
		if i < len(ways)-1 {
			ways[i] += "."
		}
		ways[i] = sentence(ways[i])
	}
	return ways
}

// Broken breaks the lines at spaces, so that none has more than columns characters. What
// follows the columns of a line, such as its label, is aligned. A longer word, such as a
// path, stays whole, so that a person can copy it.
func (l Lines) Broken(columns int) Lines {
	var broken Lines
	for _, line := range l {
		if utf8.RuneCountInString(line.Text) <= columns {
			broken = append(broken, line)
			continue
		}
		hang := aligned(line.Text, columns/2)
		at, indent := line.Text[:hang], strings.Repeat(" ", utf8.RuneCountInString(line.Text[:hang]))
		fresh := true
		for word := range strings.FieldsSeq(line.Text[hang:]) {
			switch {
			case fresh:
				at += word
			case utf8.RuneCountInString(at+" "+word) <= columns:
				at += " " + word
			default:
				broken = append(broken, Line{at, line.Tone})
				at = indent + word
			}
			fresh = false
		}
		broken = append(broken, Line{at, line.Tone})
	}
	return broken
}

// aligned returns where the last column of a line begins: after the last two spaces within
// its first most bytes.
func aligned(text string, most int) int {
	last := strings.LastIndex(text[:min(most, len(text))], "  ")
	if last < 0 {
		return 0
	}
	return last + len(text[last:]) - len(strings.TrimLeft(text[last:], " "))
}

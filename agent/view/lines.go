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
// follows the columns of a line, such as its label, is aligned. A column that begins in the
// right half begins a line of its own. A longer word, such as a path, stays whole, so that
// a person can copy it.
func (l Lines) Broken(columns int) Lines {
	var broken Lines
	for _, line := range l {
		if utf8.RuneCountInString(line.Text) <= columns {
			broken = append(broken, line)
			continue
		}
		for _, text := range brokenLine([]rune(line.Text), columns) {
			broken = append(broken, Line{text, line.Tone})
		}
	}
	return broken
}

// below is how far a column of its own is indented below a line without a label.
const below = 4

func brokenLine(text []rune, columns int) []string {
	starts := columnStarts(text)
	hang, rest := 0, len(text)
	for _, start := range starts {
		if start > columns/2 {
			rest = start
			break
		}
		hang = start
	}
	var lines []string
	if strings.TrimSpace(string(text[:rest])) != "" {
		lines = filled(string(text[:hang]), string(text[hang:rest]), columns)
	}
	if rest < len(text) {
		indent := hang
		if strings.TrimSpace(string(text[:hang])) == "" {
			indent += below
		}
		lines = append(lines, filled(strings.Repeat(" ", indent), string(text[rest:]), columns)...)
	}
	return lines
}

// columnStarts returns where the columns of a line begin: after two or more spaces.
func columnStarts(text []rune) []int {
	var starts []int
	for i := 2; i < len(text); i++ {
		if text[i] != ' ' && text[i-1] == ' ' && text[i-2] == ' ' {
			starts = append(starts, i)
		}
	}
	return starts
}

// filled puts as many words into each line as fit. The first line begins with head, the
// others are indented by its width.
func filled(head, text string, columns int) []string {
	indent := strings.Repeat(" ", utf8.RuneCountInString(head))
	var lines []string
	at, fresh := head, true
	for word := range strings.FieldsSeq(text) {
		switch {
		case fresh:
			at += word
		case utf8.RuneCountInString(at+" "+word) <= columns:
			at += " " + word
		default:
			lines, at = append(lines, at), indent+word
		}
		fresh = false
	}
	return append(lines, at)
}

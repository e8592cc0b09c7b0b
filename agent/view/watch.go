package view

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"kextwatch/agent/approval"
)

// Past is one event of the history.
type Past struct {
	At   time.Time
	Text string
}

// Screen returns the live status of `kextwatch watch`: the state, the time left
// and the next step of each product, and the newest events that fit. The result
// is never wider or higher than columns and rows.
func Screen(st approval.Status, past []Past, columns, rows int) []Line {
	s := &screen{columns: max(columns, 20)}
	s.text(fmt.Sprintf("kextwatch, %s", macLine(st.Mac)))
	for _, p := range st.Products {
		s.blank()
		if p.Listed {
			s.text(fmt.Sprintf("%s: %s", title(p), State(p)))
			continue
		}
		s.headline(fmt.Sprintf("%s: %s", title(p), State(p)), p.Verdict)
		if p.Window.Open() {
			s.bar(*p.Window)
		}
		s.labelled("Next", Next(p, st))
		s.labelled("Why", Why(p, st))
	}
	for i, g := range shownFacts(st.Gaps, st) {
		if i == 0 {
			s.blank()
		}
		s.text(fmt.Sprintf("Not known: %s: %s", factName(g.Source), Clean(g.Err)))
		s.labelled("Next", Clean(g.Next))
	}
	end := []Line{{}, {Text: "Ctrl-C ends."}}
	room := max(rows-len(end)-1, 1) // the cursor needs the last row
	s.cut(room)
	s.past(past, room)
	return append(s.lines, end...)
}

// PlainState returns the live status for output that is not a terminal: one line
// for each product.
func PlainState(st approval.Status) []string {
	var lines []string
	for _, p := range st.Products {
		line := sentence(fmt.Sprintf("%s: %s", title(p), State(p)))
		if !p.Listed {
			line = withNext(line, Next(p, st))
		}
		lines = append(lines, line)
	}
	return lines
}

// PlainChange returns one line for each notice. The last line also has the next
// step.
func PlainChange(notices []approval.Notice, st approval.Status) []string {
	var lines []string
	next := ""
	for _, n := range Named(notices) {
		lines = append(lines, EventText(n))
		next = Next(n.Product, st)
	}
	if len(lines) > 0 {
		lines[len(lines)-1] = withNext(lines[len(lines)-1], next)
	}
	return lines
}

func withNext(line, next string) string {
	if next == "" {
		return line
	}
	return fmt.Sprintf("%s Next: %s", line, next)
}

// Named removes the notices that only say that the verdict changed, if another
// notice says how.
func Named(notices []approval.Notice) []approval.Notice {
	var named []approval.Notice
	for _, n := range notices {
		if n.Event != approval.VerdictChanged {
			named = append(named, n)
		}
	}
	if len(named) == 0 {
		return notices
	}
	return named
}

// screen collects the lines of Screen.
type screen struct {
	columns int
	lines   []Line
}

func (s *screen) blank() { s.lines = append(s.lines, Line{}) }

func (s *screen) text(text string) {
	for _, l := range wrap(text, s.columns) {
		s.lines = append(s.lines, Line{Text: l})
	}
}

func (s *screen) headline(text string, v approval.Verdict) {
	for _, l := range wrap(text, s.columns) {
		s.lines = append(s.lines, Line{Text: l, Tone: toneOf(v)})
	}
}

func (s *screen) labelled(label, text string) {
	const indent = 6
	if text == "" {
		return
	}
	for i, l := range wrap(text, s.columns-indent) {
		if i > 0 {
			label = ""
		}
		s.lines = append(s.lines, Line{Text: fmt.Sprintf("%-*s%s", indent, label, l)})
	}
}

// bar adds the bar of the time left, and when the window closes.
func (s *screen) bar(w approval.Window) {
	until := fmt.Sprintf(" until %s", clock(w.ClosesAt))
	width := min(s.columns-len(until)-len("[]"), 60)
	s.lines = append(s.lines, Line{Text: Bar(w.Left, approval.WindowLength, width) + until})
}

// cut keeps at most room lines, without empty lines at the end.
func (s *screen) cut(room int) {
	s.lines = s.lines[:min(len(s.lines), room)]
	for len(s.lines) > 1 && s.lines[len(s.lines)-1] == (Line{}) {
		s.lines = s.lines[:len(s.lines)-1]
	}
}

// past adds the newest events that fit, newest last.
func (s *screen) past(past []Past, room int) {
	room -= len(s.lines) + 1
	var lines []string
	for i := len(past) - 1; i >= 0; i-- {
		entry := wrap(past[i].At.Local().Format("15:04:05")+"  "+Clean(past[i].Text), s.columns)
		if len(lines)+len(entry) > room {
			break
		}
		lines = append(entry, lines...)
	}
	if len(lines) == 0 {
		return
	}
	s.blank()
	for _, l := range lines {
		s.lines = append(s.lines, Line{Text: l})
	}
}

// wrap breaks text at spaces into lines of at most width characters, and cuts
// longer words. It drops every character that could control a terminal.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		word = strings.Map(printed, strings.ToValidUTF8(word, ""))
		if line != "" && len([]rune(line))+1+len([]rune(word)) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		rest := []rune(word)
		for len(rest) > width {
			lines = append(lines, string(rest[:width]))
			rest = rest[width:]
		}
		line = string(rest)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func printed(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

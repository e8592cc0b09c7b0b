package view

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kextwatch/agent/approval"
)

// Past is one event of the history.
type Past struct {
	At   time.Time
	Text string
}

// The keys of `kextwatch watch`.
const (
	KeyOpen  = 'o' // opens the pane
	KeyRetry = 'r' // tries again
	KeyQuit  = 'q'
)

// Live is what `kextwatch watch` shows in a terminal.
type Live struct {
	Status approval.Status
	Past   []Past
	Keys   bool   // the terminal delivers single keys
	Said   string // the result of the last key; empty: none
}

// Screen returns the state, the time left and the next step of each product, the Mac,
// and the newest events that fit. The result is never wider or higher than columns and
// rows. Of a text, it shows all or nothing.
func (v Live) Screen(columns, rows int) []Line {
	s := &screen{columns: max(columns, 20)}
	st := v.Status
	for _, p := range st.Products {
		s.apart()
		if p.Listed {
			s.text(NoTone, fmt.Sprintf("%s: %s", title(p), State(p)))
			continue
		}
		s.text(toneOf(p.Verdict), fmt.Sprintf("%s: %s", title(p), State(p)))
		if p.Window.Open() {
			s.bar(*p.Window)
		}
		s.next(Next(p, st))
		s.labeled("", sentence(named("Contact %s", contactAbout(p, st))))
		s.labeled("Why", whyBeside(p, st))
	}
	for i, m := range missingLines(shownFacts(st.Gaps, st)) {
		if i == 0 {
			s.apart()
		}
		s.text(NoTone, m.text)
		s.next(m.next)
	}
	s.apart()
	s.text(NoTone, fmt.Sprintf("kextwatch, %s", macLine(st.Mac, minute)))
	end := []Line{{}}
	for _, l := range wrap(v.Said, s.columns) {
		end = append(end, Line{Text: l})
	}
	end = append(end, Line{Text: v.keys(s.columns), Tone: Soft})
	room := max(rows-len(end)-1, 1) // the cursor needs the last row
	lines, all := s.fitting(room)
	if all {
		lines = append(lines, s.past(v.Past, room-len(lines))...)
	}
	return append(lines, end...)
}

// keys names the keys that help now.
func (v Live) keys(columns int) string {
	if !v.Keys {
		return "Ctrl-C ends."
	}
	var help []string
	if PaneHelps(v.Status) {
		help = append(help, fmt.Sprintf("%c  open the pane", KeyOpen))
	}
	if worst, found := v.Status.Leading(); found && !v.Status.NoRetry && verdictWords[worst.Verdict].primary == &retryFirst {
		help = append(help, fmt.Sprintf("%c  try again", KeyRetry))
	}
	quit := fmt.Sprintf("%c  quit", KeyQuit)
	line := strings.Join(append(help, quit), "    ")
	if utf8.RuneCountInString(line) > columns {
		return quit
	}
	return line
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
		lines = append(lines, EventText(n, st.Mac))
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

// screen collects the texts of a Live screen.
type screen struct {
	columns    int
	paragraphs []paragraph
	gap        bool // an empty line comes before the next paragraph
}

// paragraph is shown as a whole or not at all.
type paragraph struct {
	lines []Line
	apart bool // after an empty line
}

// apart puts an empty line before the next paragraph, if it is not the first one.
func (s *screen) apart() { s.gap = len(s.paragraphs) > 0 }

func (s *screen) add(lines ...Line) {
	s.paragraphs = append(s.paragraphs, paragraph{lines, s.gap})
	s.gap = false
}

func (s *screen) text(tone Tone, text string) {
	var lines []Line
	for _, l := range wrap(text, s.columns) {
		lines = append(lines, Line{l, tone})
	}
	s.add(lines...)
}

func (s *screen) labeled(label, text string) {
	if text != "" {
		s.add(hanging(fmt.Sprintf("%-6s", label), text, s.columns)...)
	}
}

// next adds the next step. If there are several ways, each has a number.
func (s *screen) next(step string) {
	ways := alternatives(step)
	if len(ways) < 2 {
		s.labeled("Next", step)
		return
	}
	var lines []Line
	label := "Next"
	for i, way := range ways {
		lines = append(lines, hanging(fmt.Sprintf("%-6s%d  ", label, i+1), way, s.columns)...)
		label = ""
	}
	s.add(lines...)
}

// hanging returns the lines of a text. Its head is on the first one, and the others are
// indented by the width of the head.
func hanging(head, text string, columns int) []Line {
	var lines []Line
	for _, l := range wrap(text, columns-len(head)) {
		lines = append(lines, Line{Text: head + l})
		head = strings.Repeat(" ", len(head))
	}
	return lines
}

// bar adds the bar of the time left, and when the window closes.
func (s *screen) bar(w approval.Window) {
	tone := Careful
	if w.MinutesLeft() <= 5 {
		tone = Bad
	}
	until := fmt.Sprintf("  until %s", clock(w.ClosesAt))
	width := min(s.columns-len(until), 60)
	s.add(Line{Bar(w.Left, approval.WindowLength, width) + until, tone})
}

// fitting returns the first paragraphs that fit into room lines. If not all do, the last
// line says so.
func (s *screen) fitting(room int) (lines []Line, all bool) {
	for i, p := range s.paragraphs {
		if p.apart {
			p.lines = append([]Line{{}}, p.lines...)
		}
		need := len(lines) + len(p.lines)
		if i < len(s.paragraphs)-1 {
			need++ // for the line that says that there is more
		}
		if need > room {
			return s.unfinished(lines, p, room), false
		}
		lines = append(lines, p.lines...)
	}
	return lines, true
}

// unfinished ends the lines before a paragraph that does not fit. If nothing was shown
// before it, the paragraph is cut: the state of the first product always has a line.
func (s *screen) unfinished(lines []Line, p paragraph, room int) []Line {
	if len(lines) == 0 {
		lines = append(lines, p.lines[:min(room, len(p.lines))]...)
		last := &lines[len(lines)-1]
		last.Text = cutAfterWord(last.Text+" …", s.columns)
		return lines
	}
	return append(lines, Line{cutAfterWord("… A larger window shows more.", s.columns), Soft})
}

// past returns the newest events that fit, newest last.
func (s *screen) past(past []Past, room int) []Line {
	var lines []Line
	for i := len(past) - 1; i >= 0; i-- {
		entry := hanging(past[i].At.Local().Format("15:04:05 "), Clean(past[i].Text), s.columns)
		if len(lines)+len(entry)+1 > room {
			break
		}
		lines = append(entry, lines...)
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]Line{{}}, lines...)
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

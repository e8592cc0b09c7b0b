package view

import (
	_ "embed" // the style
	"fmt"
	"strings"
)

//go:embed guide.css
var guideStyle markup

// stepMark shows the state of a step: in a text, and as a word in the page, where
// guide.css draws a box before it.
type stepMark struct{ text, word string }

func (s StepState) mark() stepMark {
	switch s {
	case StepDone:
		return stepMark{"[x]", "Done"}
	case StepNow:
		return stepMark{"[>]", "Now"}
	case StepIfNeeded:
		return stepMark{"[?]", "If needed"}
	}
	return stepMark{"[ ]", "Later"}
}

// Text returns the guide for a terminal.
func (g Guide) Text(columns int) string {
	var l Lines
	add := func(indent, text string) {
		l.add(NoTone, "%s", strings.TrimRight(indent+strings.Join(strings.Fields(text), " "), " "))
	}
	paragraph := func(text string) {
		if text != "" {
			add("", text)
			l.blank()
		}
	}
	paragraph(g.Title)
	paragraph(g.Why)
	for _, note := range g.Notes {
		paragraph(note)
	}
	if g.WithoutFirst {
		paragraph(named("Without a kernel extension: %s", g.Without))
	}
	for _, s := range g.Steps {
		add(fmt.Sprintf("%s %d  ", s.State.mark().text, s.Number), s.Do)
		for _, more := range present(s.See, s.Help) {
			add("       ", more)
		}
		l.blank()
	}
	if !g.WithoutFirst {
		paragraph(named("Without a kernel extension: %s", g.Without))
	}
	if g.Message != "" {
		paragraph("The message:")
		for line := range strings.Lines(g.Message) {
			add("  ", line)
		}
		l.blank()
	}
	paragraph(named("More from the developer: %s", g.Page))
	return l.Broken(columns).String() + g.legend() + g.Mac + "\n"
}

// legend explains the marks that the text has.
func (g Guide) legend() string {
	if len(g.Steps) < 2 {
		return ""
	}
	var words []string
	for _, state := range []StepState{StepDone, StepNow, StepLater, StepIfNeeded} {
		for _, s := range g.Steps {
			if mark := state.mark(); s.State == state {
				words = append(words, mark.text+" "+strings.ToLower(mark.word))
				break
			}
		}
	}
	return strings.Join(words, "   ") + "\n"
}

// HTML returns the guide as one file; see htmlPage. It fits on one page of paper.
func (g Guide) HTML() []byte {
	var first, last markup
	without := maybe(`<section class="without">
<h2>Without a kernel extension</h2>
<p>%v</p>
</section>
`, g.Without)
	if first, last = without, ""; !g.WithoutFirst {
		first, last = "", without
	}
	page := maybe(`<p class="soft">More from the developer: %v</p>
`, g.Page)
	return htmlPage("kextwatch: "+g.Title, reportStyle+guideStyle, fill(`%v
%v%v%v%v%v`, g.head().html(), first, g.list(), last, page, maybe(`<section>
<h2>The message</h2>
<pre>%v</pre>
</section>
`, g.Message)))
}

func (g Guide) head() Head {
	return Head{Shape: g.Shape, Icon: g.Icon, Title: g.Title, Why: g.Why, Next: g.Notes, Made: g.Made, Version: g.Version, About: g.Mac}
}

func (g Guide) list() markup {
	if len(g.Steps) == 0 {
		return ""
	}
	return fill(`<section>
<h2>Steps</h2>
<ol class="steps">
%v</ol>
</section>
`, each(g.Steps, GuideStep.html))
}

func (s GuideStep) html() markup {
	return fill(`<li class="%v"><p class="do">%v</p>
%v%v<p class="mark">%v</p></li>
`, string(s.State), s.Do, maybe(`<p>%v</p>
`, s.See), maybe(`<p class="soft">%v</p>
`, s.Help), s.State.mark().word)
}

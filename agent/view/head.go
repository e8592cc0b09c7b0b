package view

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Head is the box at the top of a page. Its color and its picture follow Shape.
type Head struct {
	Shape   notify.Icon
	Icon    []byte // the picture of Shape, a PNG; nil: none
	Title   string
	Why     string
	Next    []string // what to do or to know first
	Made    time.Time
	Version string // of kextwatch
	About   string // what the page is about, or leaves out
}

// shapeWords has a row for each shape: the class in report.css, and the words for somebody
// who does not see the picture.
var shapeWords = [...]struct{ class, words string }{
	notify.IconWell:    {"well", "Nothing to do"},
	notify.IconWaiting: {"waiting", "An approval waits"},
	notify.IconBlocked: {"blocked", "Blocked"},
	notify.IconTodo:    {"todo", "Something to do"},
	notify.IconUnsure:  {"unsure", "Not known"},
}

func (h Head) html() markup {
	shape := shapeWords[h.Shape]
	about := made(h.Made)
	if h.About != "" {
		about += " · " + h.About
	}
	return fill(`<header class="%v">
%v
<h1>%v</h1>
%v
%v<p class="soft">kextwatch %v · %v</p>
</header>
`, shape.class, h.picture(shape.words), h.Title, maybe("<p>%v</p>", h.Why), each(h.Next, func(next string) markup {
		return fill(`<p class="next">%v</p>
`, next)
	}), h.Version, about)
}

func (h Head) picture(words string) markup {
	if len(h.Icon) == 0 {
		return ""
	}
	return fill(`<img src="data:image/png;base64,%v" alt="%v">`, base64.StdEncoding.EncodeToString(h.Icon), words)
}

// shapeOf returns the shape for the state of the Mac. It is never IconWell while a fact is
// missing that decides.
func shapeOf(st approval.Status) notify.Icon {
	row := verdictWords[st.Verdict]
	leading, found := st.Leading()
	switch {
	case row.icon == notify.IconWell && !Certain(st):
		return notify.IconUnsure
	case !found:
		return row.icon
	case leading.Verdict == approval.Unknown && leading.Window.Open(): // no source answers, but there is a button
		return notify.IconWaiting
	case row.icon == notify.IconWaiting && !row.pane(leading): // the approval is gone, and nothing was blocked yet
		return notify.IconBlocked
	}
	return row.icon
}

// shapeOnPage is shapeOf for a page. It is never IconWell if there is something to do,
// whether a verdict asks for it or not.
func shapeOnPage(st approval.Status, checks []Check) notify.Icon {
	shape := shapeOf(st)
	stays := slices.ContainsFunc(st.Products, func(p approval.Product) bool { return !p.Listed && olderStays(p, st) != "" })
	if shape == notify.IconWell && (stays || len(leftOnMac(st, checks)) > 0) {
		return notify.IconTodo
	}
	return shape
}

// leftToDo returns what the user must do about a product although its verdict asks for
// nothing. It is empty if there is nothing.
func leftToDo(p approval.Product, st approval.Status) string {
	if p.Verdict.NeedsAction() {
		return ""
	}
	return madeForOlder(p, st)
}

// leftOnMac returns what the user must do although no verdict asks for it: about products,
// and because of failed checks, which doctor counts for its exit status.
func leftOnMac(st approval.Status, checks []Check) []string {
	if st.Verdict.NeedsAction() || st.Verdict == approval.Unknown {
		return nil
	}
	var left []string
	for _, p := range st.Products {
		if !p.Listed {
			left = append(left, leftToDo(p, st))
		}
	}
	for _, c := range checks {
		if c.Level == Fail {
			left = append(left, sentence(c.Summary))
		}
	}
	return present(left...)
}

// noneWaits is the title of a page about a Mac without a product that matters now, and
// the next step.
func noneWaits(st approval.Status) (title, next string) {
	if !Certain(st) {
		return "kextwatch cannot tell which kernel extensions wait", unknownNext(st)
	}
	return "No kernel extension waits", ""
}

// orNone returns the texts that are not empty, or says that there is nothing to do.
func orNone(texts []string) []string {
	if all := present(texts...); len(all) > 0 {
		return all
	}
	return []string{"Nothing to do."}
}

// cannotTell names the facts that are missing.
func cannotTell(names string) string {
	return sentence(fmt.Sprintf("kextwatch cannot tell whether there is something to do. Not known: %s", names))
}

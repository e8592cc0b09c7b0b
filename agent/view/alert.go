package view

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Alert returns the notification for a notice. A click on a notification does
// not open kextwatch, so the text says what to click. tray reports whether
// there is an icon to click.
//
// The sentences are in the order of their importance: those that do not fit are left out.
func Alert(n approval.Notice, st approval.Status, tray bool) notify.Alert {
	a := notify.Alert{Urgent: n.Urgency == approval.Urgent}
	var body string
	a.Title, body = alertWords(n, st, tray)
	opened := n.Event == approval.WindowOpened || n.Event == approval.WindowReopened
	if opened {
		body = sentences(strangerInShort(n.Product), body)
	}
	if approval.Verdict(n.From) == approval.NeedsRecovery { // the user comes back from macOS Recovery
		body = sentences(Progress(n.Product, st), body)
	}
	olderTold := n.Product.Verdict == approval.Incompatible
	if opened || n.Event == approval.WindowReminder || n.Event == approval.BlockedNoWindow {
		if o := obstacle(n.Product, st); o != nil {
			body = sentences(body, o.Title, o.Next)
			olderTold = olderTold || o.Code == approval.ReasonTooOld
		}
	}
	if opened {
		body = sentences(body, stuckInShort(n.Product.Need))
	}
	aboutUpdate := slices.ContainsFunc(n.Updates, func(u approval.Update) bool { return u.Event == n.Event })
	if len(n.Updates) > 0 && !aboutUpdate && !olderTold {
		body = sentences(body, olderInShort(n.Product, st))
	}
	for _, u := range n.Updates {
		if n.Event != u.Event {
			body = sentences(body, sinceUpdate(u))
		}
	}
	a.Body = contactInAlert(fitted(body), n.Product, st)
	return a
}

// alertLength is the largest number of characters in the text of an alert. macOS shows two
// or three lines of it.
const alertLength = 120

func fits(text string) bool { return utf8.RuneCountInString(text) <= alertLength }

// addressForm matches an address in parentheses.
var addressForm = probe.Form{Expr: ` \([^()]*https://[^()]*\)`}

// withoutAddresses removes the addresses in parentheses: nobody can click them in an
// alert or in the menu.
func withoutAddresses(text string) string {
	if !strings.Contains(text, "https://") { // most texts: a search with addressForm is slow
		return text
	}
	return addressForm.ReplaceAllString(text, "")
}

// fitted returns the first sentences of a text, as many as fit into an alert, without
// addresses. A longer first sentence is cut after a word.
func fitted(text string) string {
	text = withoutAddresses(text)
	if fits(text) {
		return text
	}
	last := 0
	for end := range sentenceEnds(text) {
		if fits(text[:end]) {
			last = end
		}
	}
	if last > 0 {
		return text[:last]
	}
	return cutAfterWord(text, alertLength)
}

// sentenceEnds yields where each sentence ends after which another one begins.
func sentenceEnds(text string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range text {
			sentence, spaced := strings.CutSuffix(text[:i], " ")
			if spaced && endsSentence(sentence) && beginsSentence(text[i:]) && !yield(len(sentence)) {
				return
			}
		}
	}
}

func endsSentence(text string) bool {
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?")
}

// beginsSentence reports whether a text begins with a capital letter, or as a sentence
// does that begins with a name or a quotation.
func beginsSentence(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return unicode.IsUpper(first) || first == '“' || strings.HasPrefix(text, "macOS") || strings.HasPrefix(text, "kextwatch")
}

// EventText returns a notice as one sentence, for the history.
func EventText(n approval.Notice, mac probe.Mac) string {
	if history := eventWords[n.Event].history; history != nil {
		return sentence(history(n, mac))
	}
	return sentence(fmt.Sprintf("%s: %s", n.Product.Name, verdictWords[n.Product.Verdict].state(n.Product)))
}

// alertWords returns the title and the text of a notification.
func alertWords(n approval.Notice, st approval.Status, tray bool) (title, body string) {
	if alert := eventWords[n.Event].alert; alert != nil {
		return alert(n, st, tray)
	}
	return newState(n, st)
}

// headline is the title of an alert about the state of a product.
func headline(p approval.Product) string {
	if headline := verdictWords[p.Verdict].headline; headline != nil {
		return headline(p)
	}
	return fmt.Sprintf("%s: %s", p.Name, State(p))
}

// nextInShort is the shortest next step, for an alert.
func nextInShort(p approval.Product, st approval.Status) string {
	if short := verdictWords[p.Verdict].short; short != nil {
		return short(p, st)
	}
	return Next(p, st)
}

// click says how to reach the Allow button, and until when it is there: macOS does not let
// an old alert be withdrawn.
func click(n approval.Notice, st approval.Status, tray bool) string {
	pane, button := PaneFor(st.Mac), OnScreen(st.Mac, "{Allow}")
	if len(othersThan(n.Product, st)) > 0 && !st.Mac.OS.AtLeast(13, 0) {
		button = OnScreen(st.Mac, "{Details…}")
	}
	p := n.Product
	p.Window = n.Window
	until := closing(p, st, clock)
	switch long := fmt.Sprintf("Until %s: open %s, then %s.", until, pane.Path, button); {
	case tray:
		return fmt.Sprintf("Until %s: click the kextwatch icon, Open %s, then %s.", until, pane.Name, button)
	case !fits(long): // labels can be longer than in English
		return fmt.Sprintf("Until %s: open %s, then %s.", until, pane.short, button)
	default:
		return long
	}
}

// sinceUpdate says in a few words what led to an alert.
func sinceUpdate(u approval.Update) string {
	switch u.Event {
	case approval.MacOSUpdated:
		return fmt.Sprintf("since the update to macOS %s", version(u.To))
	case approval.ParallelsUpdated:
		return fmt.Sprintf("since the update to %s %s", u.Product, version(u.To))
	}
	return updated(u)
}

func updated(u approval.Update) string {
	product := u.Product
	if u.Event == approval.MacOSUpdated {
		product = "macOS"
	}
	switch u.Event {
	case approval.ParallelsInstalled:
		return fmt.Sprintf("%s %s was installed", product, version(u.To))
	case approval.ParallelsRemoved:
		return fmt.Sprintf("%s was removed", product)
	}
	if !u.At.IsZero() {
		return fmt.Sprintf("%s was updated from %s to %s on %s", product, version(u.From), version(u.To), u.At.Local().Format("2 January, 15:04"))
	}
	return fmt.Sprintf("%s was updated from %s to %s", product, version(u.From), version(u.To))
}

// version returns "16.5.1" for "16.5.1-49187".
func version(s string) string {
	short, _, _ := strings.Cut(Clean(s), "-")
	return short
}

// meansNow says, for each product about which there is something to do or to know,
// what an update means for the user.
func meansNow(st approval.Status) string {
	var parts []string
	for _, p := range st.Products {
		switch {
		case p.Verdict == approval.NotInstalled:
			continue
		case p.Verdict == approval.NotAsked:
			parts = append(parts, madeForOlder(p, st), firstTry(p, st.Mac.OS))
		case p.Verdict == approval.Incompatible:
			parts = append(parts, madeForOlder(p, st))
		case p.Verdict.NeedsAction() || p.Verdict == approval.Unknown:
			parts = append(parts, fmt.Sprintf("%s: %s", p.Name, State(p)), nextInShort(p, st), madeForOlder(p, st))
		default:
			parts = append(parts, madeForOlder(p, st))
		}
	}
	return sentences(parts...)
}

// madeForOlder says that the installed version was made for an older macOS, and
// what to do about it. It is empty if it was not, or if that is unknown.
func madeForOlder(p approval.Product, st approval.Status) string {
	if words := verdictWords[approval.Incompatible]; p.MadeForOlder(st.Mac.OS) || p.Verdict == approval.Incompatible {
		return sentences(words.why(p, st), words.next(p, st))
	}
	return ""
}

// olderInShort is madeForOlder in one sentence.
func olderInShort(p approval.Product, st approval.Status) string {
	if madeForOlder(p, st) == "" {
		return ""
	}
	made := "made for an older macOS"
	if p.Made != nil && p.Made.MaxMacOS != "" {
		made = fmt.Sprintf("made for macOS up to %s", p.Made.MaxMacOS)
	}
	return fmt.Sprintf("%s: %s", made, updateFor(p, st, st.Mac.OS))
}

package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Alert returns the notification for a notice. A click on a notification does
// not open kextwatch, so the text says what to click. tray reports whether
// there is an icon to click.
func Alert(n approval.Notice, st approval.Status, tray bool) notify.Alert {
	a := notify.Alert{Urgent: n.Urgency == approval.Urgent}
	a.Title, a.Body = alertWords(n, st, tray)
	if n.Event == approval.WindowOpened || n.Event == approval.WindowReopened {
		a.Body = sentences(a.Body, stuckInShort(n.Product.Need), stranger(n.Product))
	}
	if approval.Verdict(n.From) == approval.NeedsRecovery { // the user comes back from macOS Recovery
		a.Body = sentences(Progress(n.Product, st), a.Body)
	}
	olderTold := n.Product.Verdict == approval.Incompatible
	if n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.WindowReminder || n.Event == approval.BlockedNoWindow {
		if o := obstacle(n.Product, st); o != nil {
			a.Body = sentences(a.Body, o.Title, o.Next)
			olderTold = olderTold || o.Code == approval.ReasonTooOld
		}
	}
	aboutUpdate := slices.ContainsFunc(n.Updates, func(u approval.Update) bool { return u.Event == n.Event })
	if len(n.Updates) > 0 && !aboutUpdate && !olderTold {
		a.Body = sentences(a.Body, madeForOlder(n.Product, st))
	}
	for i, u := range n.Updates {
		if n.Event != u.Event {
			a.Body = sentences(updated(n.Updates[i]), a.Body)
		}
	}
	return a
}

// EventText returns a notice as one sentence, for the history.
func EventText(n approval.Notice) string {
	if history := eventWords[n.Event].history; history != nil {
		return sentence(history(n))
	}
	return sentence(fmt.Sprintf("%s: %s", n.Product.Name, State(n.Product)))
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

// click says how to reach the Allow button.
func click(p approval.Product, st approval.Status, tray bool) string {
	pane := PaneFor(st.Mac.OS)
	allow := "then Allow"
	if len(othersThan(p, st)) > 0 && !st.Mac.OS.AtLeast(13, 0) {
		allow = "then Details…"
	}
	if tray {
		return fmt.Sprintf("Click the kextwatch icon in the menu bar, then Open %s, %s", pane.Name, allow)
	}
	return fmt.Sprintf("Open %s, %s", pane.Path, allow)
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

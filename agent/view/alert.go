package view

import (
	"fmt"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Alert returns the notification for a notice. A click on a notification does
// not open kextwatch, so the text says what to click. tray reports whether
// there is an icon to click.
func Alert(n approval.Notice, st approval.Status, tray bool) notify.Alert {
	a := notify.Alert{Urgent: n.Urgency == approval.Urgent}
	a.Title, a.Body = alertWords(n, st, tray)
	if names := vmNames(n.Product.Need.VMs); names != "" && (n.Event == approval.WindowOpened || n.Event == approval.WindowReopened) {
		a.Body = sentences(a.Body, fmt.Sprintf("Until you allow it, %s cannot start", names))
	}
	if n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.WindowReminder || n.Event == approval.BlockedNoWindow {
		if o := obstacle(n.Product, st); o != nil {
			a.Body = sentences(a.Body, o.Title, o.Next)
		}
	}
	for i, u := range n.Updates {
		if n.Event != u.Event {
			a.Body = sentences(updated(n.Updates[i]), a.Body)
		}
	}
	return a
}

func alertWords(n approval.Notice, st approval.Status, tray bool) (title, body string) {
	p := n.Product
	switch n.Event {
	case approval.WindowOpened:
		return fmt.Sprintf("%s needs your approval", p.Name),
			sentences(fmt.Sprintf("macOS blocked its kernel extensions and shows the Allow button for %s", minutes(n.Window.MinutesLeft())), click(st, tray))
	case approval.WindowReopened:
		return fmt.Sprintf("%s: the Allow button is back", p.Name),
			sentences(fmt.Sprintf("macOS shows the button again for %s, but no alert of its own", minutes(n.Window.MinutesLeft())), click(st, tray))
	case approval.WindowReminder:
		return fmt.Sprintf("%s: %s left to click Allow", p.Name, minutes(n.Minutes)), sentences(click(st, tray))
	case approval.WindowObstacle:
		if o := obstacle(p, st); o != nil {
			return fmt.Sprintf("%s: before you click Allow", p.Name), sentences(o.Title, o.Next)
		}
	case approval.WindowClosed:
		if p.Verdict == approval.Unknown {
			return fmt.Sprintf("%s: the time to approve is over", p.Name),
				sentences("kextwatch cannot see whether its kernel extensions were approved", Next(p, st))
		}
		return fmt.Sprintf("%s: the time to approve is over", p.Name), nextInShort(p, st)
	case approval.BlockedNoWindow:
		return fmt.Sprintf("%s is blocked", p.Name), nextInShort(p, st)
	case approval.ApprovedEvent:
		return fmt.Sprintf("%s is approved", p.Name), sentences("macOS can now load its kernel extensions", fmt.Sprintf("open %s again if it does not work yet", p.Name))
	case approval.RestartNeeded:
		return fmt.Sprintf("%s: restart your Mac", p.Name), Why(p, st)
	case approval.KextsLoaded:
		return fmt.Sprintf("%s is ready", p.Name), "All its kernel extensions are approved and loaded."
	case approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved:
		return updated(approval.Update{Event: n.Event, Product: p.Name, From: n.From, To: n.To}), meansNow(st)
	case approval.MacOSOffered:
		return fmt.Sprintf("Before you install macOS %s", Clean(n.To)), beforeUpdate(n)
	case approval.VerdictChanged:
		if p.Verdict == approval.Unknown {
			return "kextwatch cannot see what macOS blocks", sentences(Next(p, st))
		}
	}
	return headline(p), sentences(nextInShort(p, st), Why(p, st))
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
func click(st approval.Status, tray bool) string {
	pane := PaneFor(st.Mac.OS)
	allow := "then Allow"
	if len(st.OtherPending) > 0 {
		allow = "then Details…"
	}
	if tray {
		return fmt.Sprintf("Click the kextwatch icon in the menu bar, then Open %s, %s", pane.Name, allow)
	}
	return fmt.Sprintf("Open %s, %s", pane.Path, allow)
}

// beforeUpdate lists the steps before an update of macOS that the installed
// Parallels was not made for.
func beforeUpdate(n approval.Notice) string {
	p := n.Product
	return sentences(
		fmt.Sprintf("%s was made for macOS up to %s", title(p), madeFor(p)),
		fmt.Sprintf("first update %s (%s)", p.Name, releaseNotes(p)),
		"until then, keep automatic macOS updates off, and make a backup",
		fmt.Sprintf("Apple lists what is new (%s)", macOSNotes()))
}

func madeFor(p approval.Product) string {
	if p.Made == nil {
		return "?"
	}
	return p.Made.MaxMacOS
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

// meansNow says, for each product, what an update means for the user.
func meansNow(st approval.Status) string {
	var parts []string
	for _, p := range st.Products {
		if !p.Verdict.NeedsAction() && p.Verdict != approval.Unknown && p.Verdict != approval.NotAsked {
			parts = append(parts, sentence(fmt.Sprintf("%s: %s", p.Name, State(p))), "Nothing to do.")
			continue
		}
		if p.Verdict == approval.NotAsked {
			parts = append(parts, sentence(firstTry(p, st.Mac.OS)))
			continue
		}
		parts = append(parts, sentence(fmt.Sprintf("%s: %s", p.Name, State(p))), nextInShort(p, st))
	}
	return strings.Join(parts, " ")
}

// EventText returns a notice as one sentence, for the history.
func EventText(n approval.Notice) string {
	p := n.Product
	switch n.Event {
	case approval.WindowOpened:
		return sentence(fmt.Sprintf("macOS blocked %s; the Allow button is there until %s", p.Name, clock(n.Window.ClosesAt)))
	case approval.WindowReopened:
		return sentence(fmt.Sprintf("%s tried again; the Allow button is back until %s", p.Name, clock(n.Window.ClosesAt)))
	case approval.WindowReminder:
		return sentence(fmt.Sprintf("%s left to approve %s", minutes(n.Minutes), p.Name))
	case approval.WindowObstacle:
		return sentence(fmt.Sprintf("something may keep the Allow button for %s from working", p.Name))
	case approval.WindowClosed:
		return sentence(fmt.Sprintf("the time to approve %s is over", p.Name))
	case approval.ApprovedEvent:
		return sentence(fmt.Sprintf("%s was approved", p.Name))
	case approval.RestartNeeded:
		return sentence(fmt.Sprintf("%s is approved and needs a restart of the Mac", p.Name))
	case approval.KextsLoaded:
		return sentence(fmt.Sprintf("all kernel extensions of %s are loaded", p.Name))
	case approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved:
		return sentence(updated(approval.Update{Event: n.Event, Product: p.Name, From: n.From, To: n.To}))
	case approval.SourceLost:
		return sentence(fmt.Sprintf("kextwatch can no longer read the kernel extension policy from the %s", n.From))
	case approval.SourcesDiffer:
		return sentence(fmt.Sprintf("macOS gives two different answers about kernel extensions: %s", Clean(n.To)))
	case approval.MacOSOffered:
		return sentence(fmt.Sprintf("Software Update offers macOS %s; %s was made for macOS up to %s", Clean(n.To), title(p), madeFor(p)))
	case approval.SnoozedEvent:
		until, err := time.Parse(time.RFC3339, n.To)
		if err != nil {
			return "Alerts are snoozed."
		}
		return sentence(fmt.Sprintf("alerts are snoozed until %s", clock(until)))
	case approval.SourceChanged:
		return sentence(fmt.Sprintf("kextwatch now reads the kernel extension policy from the %s", n.To))
	case approval.AgentStarted:
		return "kextwatch started."
	case approval.AgentStopped:
		return "kextwatch stopped."
	case approval.NotificationFailed:
		return "A notification could not be shown."
	}
	return sentence(fmt.Sprintf("%s: %s", p.Name, State(p)))
}

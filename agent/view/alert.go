package view

import (
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Alert is the notification of a notice. A click on a notification opens
// nothing of ours, so the text says what to click; tray says whether there is
// an icon to click.
func Alert(n approval.Notice, st approval.Status, tray bool) notify.Alert {
	a := notify.Alert{Urgent: n.Urgency == approval.Urgent}
	a.Title, a.Body = alertWords(n, st, tray)
	if names := vmNames(n.Product.Need.VMs); names != "" && (n.Event == approval.WindowOpened || n.Event == approval.WindowReopened) {
		a.Body = sentences(a.Body, say("Until then, %s cannot start", names))
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
		return say("%s needs your approval", p.Name),
			sentences(say("macOS blocked its kernel extensions, and shows Allow for %s", minutes(n.Window.MinutesLeft())), click(st, tray))
	case approval.WindowReopened:
		return say("%s: Allow is back", p.Name),
			sentences(say("macOS shows the button again for %s, without an alert of its own", minutes(n.Window.MinutesLeft())), click(st, tray))
	case approval.WindowReminder:
		return say("%s: %s left to click Allow", p.Name, minutes(n.Minutes)), sentences(click(st, tray))
	case approval.WindowClosed:
		return say("%s: the time to approve is over", p.Name), nextInShort(p, st)
	case approval.BlockedNoWindow:
		return say("%s is blocked", p.Name), nextInShort(p, st)
	case approval.ApprovedEvent:
		return say("%s is approved", p.Name), sentences(say("macOS may load its kernel extensions now"), say("open %s again if it does not work yet", p.Name))
	case approval.RestartNeeded:
		return say("%s: restart your Mac", p.Name), Why(p, st)
	case approval.KextsLoaded:
		return say("%s is ready", p.Name), say("All its kernel extensions are approved and loaded.")
	case approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved:
		return updated(approval.Update{Event: n.Event, Product: p.Name, From: n.From, To: n.To}), meansNow(st)
	case approval.MacOSOffered:
		return say("Before you install macOS %s", Clean(n.To)), beforeUpdate(n)
	case approval.VerdictChanged:
		if p.Verdict == approval.Unknown {
			return say("kextwatch cannot see what macOS blocks"), sentences(Next(p, st))
		}
	}
	return headline(p), sentences(nextInShort(p, st), Why(p, st))
}

// headline is the state of a product in a title, of which a notification shows
// about fifty characters.
func headline(p approval.Product) string {
	switch p.Verdict {
	case approval.Managed:
		return say("%s: your organisation decides", p.Name)
	case approval.UpgradePending:
		return say("%s: the update needs your approval", p.Name)
	case approval.LoadFailing:
		return say("%s still does not load", p.Name)
	}
	return say("%s: %s", p.Name, State(p))
}

// nextInShort is Next for a notification, of which macOS shows a few lines:
// one way, not all of them. kextwatch status has the others.
func nextInShort(p approval.Product, st approval.Status) string {
	pane := PaneFor(st.Mac.OS)
	switch p.Verdict {
	case approval.BlockedUnknown, approval.BlockedClosed: // the button may have stayed
		return sentences(say("open %s and %s", pane.Path, clickAllow(p, st)), say("if there is no button, %s, then look again", tryAgainInShort(p, st.Mac.OS)))
	case approval.LoadFailing:
		return say("Restart the Mac once more. If that does not help, kextwatch status names Parallels' page about it.")
	}
	return Next(p, st)
}

// click says how to get to the button.
func click(st approval.Status, tray bool) string {
	pane := PaneFor(st.Mac.OS)
	allow := say("then Allow")
	if len(st.OtherPending) > 0 {
		allow = say("then Details…")
	}
	if tray {
		return say("Click the kextwatch icon in the menu bar, then Open %s, %s", pane.Name, allow)
	}
	return say("Open %s, %s", pane.Path, allow)
}

// beforeUpdate says in which order to go about an update of macOS that the
// installed Parallels was not made for.
func beforeUpdate(n approval.Notice) string {
	p := n.Product
	return sentences(
		say("%s was made for macOS up to %s", title(p), madeFor(p)),
		say("first update %s (%s)", p.Name, releaseNotes(p)),
		say("keep automatic macOS updates off until then, and make a backup"),
		say("Apple says what is new in it (%s)", macOSNotes()))
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
		return say("%s %s was installed", product, version(u.To))
	case approval.ParallelsRemoved:
		return say("%s was removed", product)
	}
	if !u.At.IsZero() {
		return say("%s was updated from %s to %s on %s", product, version(u.From), version(u.To), u.At.Local().Format("2 January, 15:04"))
	}
	return say("%s was updated from %s to %s", product, version(u.From), version(u.To))
}

// version drops the build of "16.5.1-49187".
func version(s string) string {
	short, _, _ := strings.Cut(Clean(s), "-")
	return short
}

// meansNow says what the situation is, product by product.
func meansNow(st approval.Status) string {
	var parts []string
	for _, p := range st.Products {
		if !p.Verdict.NeedsAction() && p.Verdict != approval.Unknown && p.Verdict != approval.NotAsked {
			parts = append(parts, sentence(say("%s: %s", p.Name, State(p))), say("Nothing to do."))
			continue
		}
		if p.Verdict == approval.NotAsked {
			parts = append(parts, sentence(firstTry(p, st.Mac.OS)))
			continue
		}
		parts = append(parts, sentence(say("%s: %s", p.Name, State(p))), nextInShort(p, st))
	}
	return strings.Join(parts, " ")
}

// EventText is a notice in one sentence, for the history.
func EventText(n approval.Notice) string {
	p := n.Product
	switch n.Event {
	case approval.WindowOpened:
		return sentence(say("macOS blocked %s; the Allow button is there until %s", p.Name, clock(n.Window.ClosesAt)))
	case approval.WindowReopened:
		return sentence(say("%s was tried again; the Allow button is back until %s", p.Name, clock(n.Window.ClosesAt)))
	case approval.WindowReminder:
		return sentence(say("%s left to approve %s", minutes(n.Minutes), p.Name))
	case approval.WindowClosed:
		return sentence(say("the time to approve %s is over", p.Name))
	case approval.ApprovedEvent:
		return sentence(say("%s was approved", p.Name))
	case approval.RestartNeeded:
		return sentence(say("%s is approved and needs a restart of the Mac", p.Name))
	case approval.KextsLoaded:
		return sentence(say("all kernel extensions of %s are loaded", p.Name))
	case approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved:
		return sentence(updated(approval.Update{Event: n.Event, Product: p.Name, From: n.From, To: n.To}))
	case approval.SourceLost:
		return sentence(say("the kernel extension policy can no longer be read from the %s", n.From))
	case approval.SourcesDiffer:
		return sentence(say("the sources of policy differ: %s", Clean(n.To)))
	case approval.MacOSOffered:
		return sentence(say("Software Update offers macOS %s; %s was made for macOS up to %s", Clean(n.To), title(p), madeFor(p)))
	case approval.SnoozedEvent:
		until, err := time.Parse(time.RFC3339, n.To)
		if err != nil {
			return say("Quiet for a while.")
		}
		return sentence(say("quiet until %s", clock(until)))
	case approval.SourceChanged:
		return sentence(say("the kernel extension policy is read from the %s", n.To))
	case approval.AgentStarted:
		return say("kextwatch started.")
	case approval.AgentStopped:
		return say("kextwatch stopped.")
	case approval.NotificationFailed:
		return say("A notification could not be shown.")
	}
	return sentence(say("%s: %s", p.Name, State(p)))
}

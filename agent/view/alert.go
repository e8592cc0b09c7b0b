package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Alert is the notification of a notice. A click on a notification opens
// nothing of ours, so the text says what to click; tray says whether there is
// an icon to click.
func Alert(n approval.Notice, st approval.Status, tray bool) notify.Alert {
	a := notify.Alert{Urgent: n.Urgency == approval.Urgent}
	a.Title, a.Body = alertWords(n, st, tray)
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
		return p.Name + " needs your approval",
			sentences(fmt.Sprintf("macOS blocked its kernel extensions, and shows Allow for %s", minutes(n.Window.MinutesLeft())), click(st, tray))
	case approval.WindowReopened:
		return p.Name + ": Allow is back",
			sentences(fmt.Sprintf("macOS shows the button again for %s, without an alert of its own", minutes(n.Window.MinutesLeft())), click(st, tray))
	case approval.WindowReminder:
		return fmt.Sprintf("%s: %s left to click Allow", p.Name, minutes(n.Minutes)), sentences(click(st, tray))
	case approval.WindowClosed:
		return p.Name + ": the time to approve is over", Next(p, st)
	case approval.BlockedNoWindow:
		return p.Name + " is blocked", sentences(Next(p, st))
	case approval.ApprovedEvent:
		return p.Name + " is approved", sentences("macOS may load its kernel extensions now", "open "+p.Name+" again if it does not work yet")
	case approval.RestartNeeded:
		return p.Name + ": restart your Mac", Why(p, st)
	case approval.KextsLoaded:
		return p.Name + " is ready", "All its kernel extensions are approved and loaded."
	case approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved:
		return updated(approval.Update{Event: n.Event, Product: p.Name, From: n.From, To: n.To}), meansNow(st)
	case approval.MacOSOffered:
		return say("Before you install macOS %s", Clean(n.To)), beforeUpdate(n)
	case approval.VerdictChanged:
		if p.Verdict == approval.Unknown {
			return "kextwatch cannot see what macOS blocks", sentences(Next(p, st))
		}
	}
	return p.Name + ": " + State(p), sentences(Why(p, st), Next(p, st))
}

// click says how to get to the button.
func click(st approval.Status, tray bool) string {
	pane := PaneFor(st.Mac.OS)
	allow := "then Allow"
	if len(st.OtherPending) > 0 {
		allow = "then Details…"
	}
	if tray {
		return "Click the kextwatch icon in the menu bar, then Open " + pane.Name + ", " + allow
	}
	return "Open " + pane.Path + ", " + allow
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
		return fmt.Sprintf("%s %s was installed", product, version(u.To))
	case approval.ParallelsRemoved:
		return product + " was removed"
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
			parts = append(parts, sentence(p.Name+": "+State(p)), "Nothing to do.")
			continue
		}
		parts = append(parts, sentence(p.Name+": "+State(p)), Next(p, st))
	}
	return strings.Join(parts, " ")
}

// EventText is a notice in one sentence, for the history.
func EventText(n approval.Notice) string {
	p := n.Product
	switch n.Event {
	case approval.WindowOpened:
		return sentence(fmt.Sprintf("macOS blocked %s; the Allow button is there until %s", p.Name, clock(n.Window.ClosesAt)))
	case approval.WindowReopened:
		return sentence(fmt.Sprintf("%s was tried again; the Allow button is back until %s", p.Name, clock(n.Window.ClosesAt)))
	case approval.WindowReminder:
		return sentence(fmt.Sprintf("%s left to approve %s", minutes(n.Minutes), p.Name))
	case approval.WindowClosed:
		return sentence("the time to approve " + p.Name + " is over")
	case approval.ApprovedEvent:
		return sentence(p.Name + " was approved")
	case approval.RestartNeeded:
		return sentence(p.Name + " is approved and needs a restart of the Mac")
	case approval.KextsLoaded:
		return sentence("all kernel extensions of " + p.Name + " are loaded")
	case approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved:
		return sentence(updated(approval.Update{Event: n.Event, Product: p.Name, From: n.From, To: n.To}))
	case approval.SourceLost:
		return sentence("the kernel extension policy can no longer be read from the " + n.From)
	case approval.SourcesDiffer:
		return sentence(say("the sources of policy differ: %s", Clean(n.To)))
	case approval.MacOSOffered:
		return sentence(say("Software Update offers macOS %s; %s was made for macOS up to %s", Clean(n.To), title(p), madeFor(p)))
	case approval.SnoozedEvent:
		return sentence(say("quiet until %s", n.To))
	case approval.SourceChanged:
		return sentence("the kernel extension policy is read from the " + n.To)
	case approval.AgentStarted:
		return "kextwatch started."
	case approval.AgentStopped:
		return "kextwatch stopped."
	case approval.NotificationFailed:
		return "A notification could not be shown."
	}
	return sentence(p.Name + ": " + State(p))
}

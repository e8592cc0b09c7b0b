package view

import (
	"fmt"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// eventWords has a row for every event that can be noticed.
var eventWords = map[approval.EventName]struct {
	// history is the event in the history; nil means the new state of the product.
	history func(n approval.Notice, mac probe.Mac) string
	// alert is the title and the text of a notification; nil means the new state.
	alert func(n approval.Notice, st approval.Status, tray bool) (title, body string)
}{
	approval.AgentStarted: {history: always("kextwatch started")},
	approval.AgentStopped: {history: always("kextwatch stopped")},
	approval.WindowOpened: {
		func(n approval.Notice, mac probe.Mac) string {
			return OnScreen(mac, "macOS blocked %s; the {Allow} button is there until %s", n.Product.Name, Closing(mac, *n.Window))
		},
		func(n approval.Notice, st approval.Status, tray bool) (title, body string) {
			return fmt.Sprintf("%s needs your approval", n.Product.Name), click(n, st, tray)
		},
	},
	approval.WindowReopened: {
		func(n approval.Notice, mac probe.Mac) string {
			return OnScreen(mac, "%s tried again; the {Allow} button is back until %s", n.Product.Name, Closing(mac, *n.Window))
		},
		func(n approval.Notice, st approval.Status, tray bool) (title, body string) {
			return OnScreen(st.Mac, "%s: the {Allow} button is back", n.Product.Name), sentences(click(n, st, tray), "macOS shows no alert for it")
		},
	},
	approval.WindowReminder: {
		func(n approval.Notice, _ probe.Mac) string {
			return fmt.Sprintf("%s left to approve %s", minutes(n.Minutes), n.Product.Name)
		},
		func(n approval.Notice, st approval.Status, tray bool) (title, body string) {
			return OnScreen(st.Mac, "%s: %s left to click {Allow}", n.Product.Name, minutes(n.Minutes)), click(n, st, tray)
		},
	},
	approval.WindowObstacle: {
		func(n approval.Notice, mac probe.Mac) string {
			return OnScreen(mac, "something may keep the {Allow} button for %s from working", n.Product.Name)
		},
		func(n approval.Notice, st approval.Status, _ bool) (title, body string) {
			o := obstacle(n.Product, st)
			if o == nil {
				return newState(n, st)
			}
			return OnScreen(st.Mac, "%s: before you click {Allow}", n.Product.Name), sentences(o.Title, o.Next)
		},
	},
	approval.WindowClosed: {
		func(n approval.Notice, _ probe.Mac) string {
			return fmt.Sprintf("the time to approve %s is over", n.Product.Name)
		},
		func(n approval.Notice, st approval.Status, tray bool) (title, body string) {
			p := n.Product
			title = fmt.Sprintf("%s: the time to approve is over", p.Name)
			switch {
			case p.Verdict == approval.Unknown:
				return title, sentences(OnScreen(st.Mac, "if you did not click {Allow}, %s, then click it", TryAgain(p, st.Mac.OS)), "kextwatch cannot see whether you did")
			case tray && canRetry(p, st):
				return title, sentences(tryAgainEntry, fmt.Sprintf("then open %s and %s", PaneFor(st.Mac).Name, clickAllow(p, st)))
			}
			return title, nextInShort(p, st)
		},
	},
	approval.BlockedNoWindow: {
		alert: func(n approval.Notice, st approval.Status, _ bool) (title, body string) {
			return fmt.Sprintf("%s is blocked", n.Product.Name), nextInShort(n.Product, st)
		},
	},
	approval.ApprovedEvent: {
		func(n approval.Notice, _ probe.Mac) string { return fmt.Sprintf("%s was approved", n.Product.Name) },
		func(n approval.Notice, st approval.Status, _ bool) (title, body string) {
			again := fmt.Sprintf("open %s again", n.Product.Name)
			if otherVendor(n.Product) {
				again = TryAgain(n.Product, st.Mac.OS)
			}
			return fmt.Sprintf("%s is approved", n.Product.Name),
				sentences("macOS can now load its kernel extensions", fmt.Sprintf("if it does not work yet, %s", again))
		},
	},
	approval.RestartNeeded: {
		func(n approval.Notice, _ probe.Mac) string {
			return fmt.Sprintf("%s is approved and needs a restart of the Mac", n.Product.Name)
		},
		func(n approval.Notice, st approval.Status, _ bool) (title, body string) {
			body = Why(n.Product, st)
			if others := othersThan(n.Product, st); len(others) > 0 {
				body = sentences("first allow the other developers that you need, in the same pane: "+list(others), "then restart once", body)
			}
			return fmt.Sprintf("%s: restart your Mac", n.Product.Name), body
		},
	},
	approval.KextsLoaded: {
		func(n approval.Notice, _ probe.Mac) string {
			return fmt.Sprintf("all kernel extensions of %s are loaded", n.Product.Name)
		},
		func(n approval.Notice, _ approval.Status, _ bool) (title, body string) {
			return fmt.Sprintf("%s is ready", n.Product.Name), "All its kernel extensions are approved and loaded."
		},
	},
	approval.UpgradeEvent:     {},
	approval.LoadFailingEvent: {},
	approval.CannotLoadEvent:  {},
	approval.NeedsRecoveryEvent: {
		alert: func(n approval.Notice, st approval.Status, tray bool) (title, body string) {
			if !tray {
				return newState(n, st)
			}
			return headline(n.Product), sentences("choose Show the Steps… in the kextwatch menu", OnScreen(st.Mac, "there is no {Allow} button before a change in macOS Recovery"))
		},
	},
	approval.ApprovalLostEvent: {
		func(n approval.Notice, _ probe.Mac) string {
			return fmt.Sprintf("macOS does not list the approval of %s any more", n.Product.Name)
		},
		func(n approval.Notice, st approval.Status, _ bool) (title, body string) {
			return fmt.Sprintf("%s: the approval is gone", n.Product.Name), nextInShort(n.Product, st)
		},
	},
	approval.ManagedEvent: {},
	approval.VerdictChanged: {
		alert: func(n approval.Notice, st approval.Status, _ bool) (title, body string) {
			if n.Product.Verdict == approval.Unknown && st.Source == "" {
				return "kextwatch cannot see what macOS blocks", nextInShort(n.Product, st)
			}
			return newState(n, st)
		},
	},
	approval.MacOSUpdated:       {updatedTo, updateAlert},
	approval.ParallelsInstalled: {updatedTo, updateAlert},
	approval.ParallelsUpdated:   {updatedTo, updateAlert},
	approval.ParallelsRemoved:   {updatedTo, updateAlert},
	approval.MacOSOffered: {
		func(n approval.Notice, _ probe.Mac) string {
			return fmt.Sprintf("Software Update offers macOS %s; %s", Clean(n.To), strings.Join(findingsInShort(n.Findings), "; "))
		},
		func(n approval.Notice, st approval.Status, tray bool) (title, body string) {
			return fmt.Sprintf("Before you install macOS %s", Clean(n.To)), beforeUpdate(n, st, tray)
		},
	},
	approval.SourcesDiffer: {history: func(n approval.Notice, _ probe.Mac) string {
		return fmt.Sprintf("macOS gives two different answers about kernel extensions: %s", Clean(n.To))
	}},
	approval.SnoozedEvent: {history: func(n approval.Notice, _ probe.Mac) string {
		until, err := time.Parse(time.RFC3339, n.To)
		if err != nil {
			return "alerts are snoozed"
		}
		return fmt.Sprintf("alerts are snoozed until %s", clock(until))
	}},
	approval.IgnoredEvent: {history: func(n approval.Notice, _ probe.Mac) string {
		if n.To == "" {
			return fmt.Sprintf("%s is no longer ignored", n.Product.Name)
		}
		return fmt.Sprintf("%s is ignored", n.Product.Name)
	}},
	approval.SourceChanged: {history: func(n approval.Notice, _ probe.Mac) string {
		return fmt.Sprintf("kextwatch now reads the kernel extension policy from the %s", n.To)
	}},
	approval.SourceLost: {history: func(n approval.Notice, _ probe.Mac) string {
		return fmt.Sprintf("kextwatch can no longer read the kernel extension policy from the %s", n.From)
	}},
	approval.NotificationFailed: {history: always("a notification could not be shown")},
}

// always returns the same text for every notice.
func always(text string) func(approval.Notice, probe.Mac) string {
	return func(approval.Notice, probe.Mac) string { return text }
}

func updatedTo(n approval.Notice, _ probe.Mac) string {
	return updated(approval.Update{Event: n.Event, Product: n.Product.Name, From: n.From, To: n.To})
}

func updateAlert(n approval.Notice, st approval.Status, _ bool) (title, body string) {
	return updatedTo(n, st.Mac), sentences(meansNow(st), changedByUpgrade(n, st))
}

// newState is the alert for the new state of a product.
func newState(n approval.Notice, st approval.Status) (title, body string) {
	return headline(n.Product), sentences(nextInShort(n.Product, st), Why(n.Product, st))
}

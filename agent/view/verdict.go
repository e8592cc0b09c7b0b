package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// verdictText holds the words and the icon of a verdict. Without next there is
// nothing to do. Without headline, alerts show the state. Without short, alerts
// show next. Only State and window name times.
type verdictText struct {
	icon     notify.Icon
	state    func(p approval.Product) string                     // in a few words
	why      func(p approval.Product, st approval.Status) string // the facts behind the verdict
	window   windowText                                          // the last sentence of why; nil: none
	next     func(p approval.Product, st approval.Status) string // what the user can do now
	headline func(p approval.Product) string                     // the title of an alert; macOS shows about 50 characters
	short    func(p approval.Product, st approval.Status) string // one way only, for an alert; macOS shows a few lines
	pane     func(p approval.Product) bool                       // the pane may have a button for it; nil: no
	at       stage                                               // of an approval by the user, in the guide; 0: none
	primary  *primaryText                                        // the first entry of the menu; nil: none
	steps    stepsOf                                             // other steps of the guide; nil, without at: next is the only step
}

// verdictWords has one row for each of approval.Verdicts.
var verdictWords = map[approval.Verdict]verdictText{
	approval.Managed: {
		primary: &copyFirst,
		icon:    notify.IconTodo,
		state:   as("blocked by your organization"),
		why: func(p approval.Product, _ approval.Status) string {
			if hasReason(p, approval.ReasonBootManaged) {
				return sentences(refused(p), "the startup security of this Mac lets only your organization approve them")
			}
			return sentences(refused(p), "a configuration profile does not let users approve it")
		},
		next: func(p approval.Product, _ approval.Status) string {
			return fmt.Sprintf("Ask your administrator to allow the kernel extensions of %s (team %s)%s.", p.Name, Clean(p.TeamID), payload(p))
		},
		short: func(p approval.Product, _ approval.Status) string {
			return fmt.Sprintf("Ask your administrator to allow %s (team %s).", p.Name, Clean(p.TeamID))
		},
		headline: func(p approval.Product) string { return fmt.Sprintf("%s: your organization decides", p.Name) },
		steps:    askAdministrator,
	},
	approval.NeedsRecovery: {
		primary: &stepsFirst,
		icon:    notify.IconTodo,
		state:   as("blocked until you change the startup security"),
		why: func(p approval.Product, st approval.Status) string {
			return sentences(refused(p), "the startup security of this Mac does not let users approve kernel extensions", OnScreen(st.Mac, "the pane shows “{Enable system extensions…}” instead of {Allow}"))
		},
		next: func(p approval.Product, st approval.Status) string {
			steps := sentences(strangerWarning(p), recoverySteps(st), "back in macOS, "+TryAgain(p, st.Mac.OS),
				OnScreen(st.Mac, "then open %s, click {Allow} and restart the Mac", PaneFor(st.Mac).Path))
			return beside(steps, p, st.Mac)
		},
		short:    because("In macOS Recovery, set the startup security to {Reduced Security}. Then try again, click {Allow} and restart the Mac."),
		headline: func(p approval.Product) string { return fmt.Sprintf("%s needs a change in macOS Recovery", p.Name) },
		at:       inRecovery,
	},
	approval.CannotLoad: {
		primary:  &stepsFirst,
		icon:     notify.IconTodo,
		state:    as("cannot be loaded on this Mac"),
		why:      failingBecause,
		next:     failingNext,
		headline: func(p approval.Product) string { return fmt.Sprintf("%s cannot load", p.Name) },
		steps:    helping,
	},
	approval.BlockedOpen: {
		icon:  notify.IconWaiting,
		state: as("waiting for your approval"),
		why:   func(p approval.Product, _ approval.Status) string { return refused(p) },
		window: func(p approval.Product, st approval.Status, at times) string {
			return OnScreen(st.Mac, "the {Allow} button is there until %s", closing(p, st, at))
		},
		next: func(p approval.Product, st approval.Status) string {
			return sentences(strangerWarning(p), clickThere(p, st), pressTab, noButtonYet(p, st), withoutKexts(p, st.Mac))
		},
		short: clickThere,
		pane:  anyway,
		at:    allowing,
	},
	approval.BlockedUnknown: {
		primary: &retryFirst,
		icon:    notify.IconWaiting,
		state:   as("blocked until you approve it"),
		why: func(p approval.Product, st approval.Status) string {
			if hasKext(p, isLost) {
				return fmt.Sprintf("macOS does not list the approval of the kernel extensions of %s any more, and will block them.", p.Name)
			}
			return sentences(refused(p), OnScreen(st.Mac, "the time of the attempt is unknown, so the {Allow} button may be gone"))
		},
		next: func(p approval.Product, st approval.Status) string {
			if hasKext(p, isLost) {
				return tryThenAllow(p, st)
			}
			return sentences(strangerWarning(p), clickThere(p, st), pressTab, noButtonYet(p, st),
				fmt.Sprintf("if there is no button, %s, then check again", bringBack(p, st)), withoutKexts(p, st.Mac))
		},
		short: func(p approval.Product, st approval.Status) string {
			if hasKext(p, isLost) {
				return tryThenAllowInShort(p, st)
			}
			return sentences(fmt.Sprintf("open %s and %s", PaneFor(st.Mac).short, clickOnce(p, st)), fmt.Sprintf("if it is missing, %s", TryAgain(p, st.Mac.OS)))
		},
		pane: func(p approval.Product) bool { return !hasKext(p, isLost) },
		at:   trying,
	},
	approval.BlockedClosed: {
		primary: &retryFirst,
		icon:    notify.IconBlocked,
		state:   as("blocked, and the time to approve it is over"),
		why:     func(p approval.Product, _ approval.Status) string { return refused(p) },
		window: func(p approval.Product, st approval.Status, at times) string {
			return OnScreen(st.Mac, "the {Allow} button was there until %s", closing(p, st, at))
		},
		next: func(p approval.Product, st approval.Status) string {
			return sentences(strangerWarning(p), bringBack(p, st), "then "+clickThere(p, st), withoutKexts(p, st.Mac))
		},
		short: tryThenAllowInShort,
		at:    trying,
	},
	approval.UpgradePending: {
		icon:  notify.IconWaiting,
		state: as("updated, and waiting for another approval"),
		why:   because("The kernel extensions on disk differ from those last loaded. macOS needs a new approval for them."),
		next: func(p approval.Product, st approval.Status) string {
			return sentences(fmt.Sprintf("open %s, approve the update and restart the Mac", PaneFor(st.Mac).Path),
				fmt.Sprintf("if nothing waits there, %s first", TryAgain(p, st.Mac.OS)))
		},
		short: func(p approval.Product, st approval.Status) string {
			return sentences(fmt.Sprintf("approve the update in %s, then restart the Mac", PaneFor(st.Mac).short),
				fmt.Sprintf("if nothing waits there, %s first", TryAgain(p, st.Mac.OS)))
		},
		headline: func(p approval.Product) string { return fmt.Sprintf("%s: the update needs your approval", p.Name) },
		pane:     anyway,
		at:       trying,
	},
	approval.LoadFailing: {
		primary: &stepsFirst,
		icon:    notify.IconTodo,
		state: func(p approval.Product) string {
			if _, other := failureOf(p); other || p.Proof == approval.RuleRunsWithout {
				return "macOS does not load it"
			}
			return "approved, but macOS does not load it"
		},
		why:      failingBecause,
		next:     failingNext,
		short:    failingInShort,
		headline: func(p approval.Product) string { return fmt.Sprintf("%s still does not load", p.Name) },
		steps:    helping,
	},
	approval.RestartPending: {
		primary: &restartFirst,
		icon:    notify.IconTodo,
		state:   as("approved; restart the Mac to finish"),
		why:     because("The kernel extensions are approved. From macOS 11, macOS loads them at the next start."),
		next:    because("Restart the Mac."),
		at:      restarting,
	},
	approval.Incompatible: {
		primary: &updateFirst,
		icon:    notify.IconTodo,
		state:   as("made for an older macOS"),
		why: func(p approval.Product, _ approval.Status) string {
			if p.Made == nil {
				return fmt.Sprintf("This version of %s was made for an older macOS.", p.Name)
			}
			return fmt.Sprintf("%s was made for macOS up to %s.", title(p), p.Made.MaxMacOS)
		},
		next: func(p approval.Product, st approval.Status) string {
			return sentence(updateFor(p, st, st.Mac.OS))
		},
	},
	approval.Unknown: {
		icon:  notify.IconUnsure,
		state: as("cannot tell"),
		why: func(p approval.Product, st approval.Status) string {
			switch {
			case st.Source != "" && hasKext(p, isLost):
				return fmt.Sprintf("macOS does not list the approval of the kernel extensions of %s any more.", p.Name)
			case st.Source != "" && hasKext(p, isRecorded):
				return fmt.Sprintf("macOS loaded the kernel extensions of %s before, or tried to, but lists no decision about them.", p.Name)
			case st.Source != "" && p.TeamID == probe.ParallelsTeamID && p.App == nil && approval.AppUnknown(st.Facts):
				return fmt.Sprintf("kextwatch cannot tell whether %s is installed.", p.Name)
			}
			return "kextwatch cannot read which kernel extensions are allowed."
		},
		window: lastWindow,
		next: func(p approval.Product, st approval.Status) string {
			return unknownStep(p, st, unknownNext(st))
		},
		short: func(p approval.Product, st approval.Status) string {
			return unknownStep(p, st, sentence(unknownWays(st)[0]))
		},
		pane: anyway,
		steps: func(p approval.Product, st approval.Status) []GuideStep {
			if !p.Window.Open() {
				return nil
			}
			return approving(allowing, p, st)
		},
	},
	approval.NotAsked: {
		icon:  notify.IconWell,
		state: as("not asked for approval yet"),
		why: func(p approval.Product, _ approval.Status) string {
			return fmt.Sprintf("macOS has not been asked to load the kernel extensions of %s yet.", p.Name)
		},
		next: func(p approval.Product, st approval.Status) string {
			return sentences("nothing to do yet", firstTry(p, st.Mac.OS))
		},
		pane: whileOpen,
	},
	approval.Approved: {
		icon: notify.IconWell,
		state: func(p approval.Product) string {
			if p.Loaded {
				return "approved and loaded"
			}
			return "approved"
		},
		why: func(p approval.Product, _ approval.Status) string { return approvedBecause(p) },
		next: func(p approval.Product, st approval.Status) string {
			switch older := olderStays(p, st); {
			case p.Uncertain && otherVendor(p):
				return fmt.Sprintf("If %s does not work, restart the Mac.", p.Name)
			case p.Uncertain:
				return "If a virtual machine does not start, restart the Mac."
			case older != "":
				return fmt.Sprintf("Version %s is still loaded. Quit %s. If that does not help, restart the Mac.", older, p.Name)
			case p.Loaded || st.Mac.OS.AtLeast(11, 0) || otherVendor(p):
				return ""
			}
			return fmt.Sprintf("If %s is open and does not work, quit it and open it again. If that does not help, restart the Mac.", p.Name)
		},
		pane: whileOpen,
	},
	approval.NotNeeded: {
		icon:  notify.IconWell,
		state: as("needs no approval on this Mac"),
		pane:  whileOpen,
		why:   func(p approval.Product, _ approval.Status) string { return noneNeeded(p) },
	},
	approval.NotInstalled: {
		icon:  notify.IconWell,
		state: as("not installed"),
		pane:  whileOpen,
		why:   func(p approval.Product, _ approval.Status) string { return fmt.Sprintf("%s is not installed.", p.Name) },
	},
	"": {icon: notify.IconUnsure, state: as("not checked yet")}, // before the first snapshot
}

// as returns a state that is the same for every product.
func as(state string) func(approval.Product) string {
	return func(approval.Product) string { return state }
}

// because returns a sentence that is the same for every product. Only its labels depend on the Mac.
func because(text string) func(approval.Product, approval.Status) string {
	return func(_ approval.Product, st approval.Status) string { return OnScreen(st.Mac, text) }
}

// anyway and whileOpen are values of verdictText.pane.
func anyway(approval.Product) bool      { return true }
func whileOpen(p approval.Product) bool { return p.Window.Open() }

// windowText is a sentence about the times of an approval window. It may be empty.
type windowText func(p approval.Product, st approval.Status, at times) string

// State returns the state of a product in a few words, with the minutes left. It is true
// for a minute: see stateOnPage.
func State(p approval.Product) string {
	state := verdictWords[p.Verdict].state(p)
	if p.Verdict == approval.BlockedOpen {
		state += fmt.Sprintf(", %s left", minutes(p.Window.MinutesLeft()))
	}
	return state
}

// Why returns the facts behind the verdict.
func Why(p approval.Product, st approval.Status) string { return why(p, st, clock) }

func why(p approval.Product, st approval.Status, at times) string {
	if openNames(p, st) != "" {
		switch p.Verdict {
		case approval.NotAsked:
			return fmt.Sprintf("kextwatch found no entry of macOS for the kernel extensions of %s.", p.Name)
		case approval.NotInstalled:
			return fmt.Sprintf("kextwatch did not find %s.", p.Name)
		}
	}
	words := verdictWords[p.Verdict]
	switch {
	case words.why == nil:
		return ""
	case words.window == nil:
		return words.why(p, st)
	}
	return sentences(words.why(p, st), words.window(p, st, at))
}

// Next returns what the user can do now. It is empty if there is nothing to do, and
// says so if kextwatch cannot tell.
func Next(p approval.Product, st approval.Status) string {
	if names := openNames(p, st); names != "" {
		if p.Uncertain {
			return sentences(cannotTell(names), verdictWords[p.Verdict].next(p, st))
		}
		return cannotTell(names)
	}
	if next := verdictWords[p.Verdict].next; next != nil {
		return next(p, st)
	}
	return ""
}

// refused says what macOS blocks, and which virtual machines cannot start.
func refused(p approval.Product) string {
	blocked := 0
	for _, k := range p.Kexts() {
		if k.Blocked {
			blocked++
		}
	}
	return sentences(fmt.Sprintf("macOS blocked %s of %s", count(blocked, "1 kernel extension", "%d kernel extensions"), p.Name), stuck(p.Need))
}

// noneNeeded says why a product needs no kernel extension.
func noneNeeded(p approval.Product) string {
	switch p.Need.Because {
	case approval.RuleAppleSilicon:
		return fmt.Sprintf("%s uses no kernel extensions on Apple silicon.", p.Name)
	case approval.RuleAppStore:
		return fmt.Sprintf("The App Store edition of %s has no kernel extensions.", p.Name)
	}
	return "Every virtual machine uses Apple's hypervisor, which needs no kernel extension."
}

// closing is the time at which macOS removes the Allow button of a product.
func closing(p approval.Product, st approval.Status, at times) string {
	return closingOn(st.Mac, *p.Window, at)
}

// closingOn is the time at which macOS removes the Allow button. From macOS 11 it is
// an estimate: Apple has not confirmed the 30 minutes there.
func closingOn(mac probe.Mac, w approval.Window, at times) string {
	if mac.OS.AtLeast(11, 0) {
		return fmt.Sprintf("about %s", at(w.ClosesAt))
	}
	return at(w.ClosesAt)
}

// Closing is the local time of day at which macOS removes the Allow button.
func Closing(mac probe.Mac, w approval.Window) string { return closingOn(mac, w, clock) }

func lastWindow(p approval.Product, st approval.Status, at times) string {
	if !p.Window.Open() {
		return ""
	}
	return OnScreen(st.Mac, "macOS refused a load at %s, so the {Allow} button should stay until %s", at(p.Window.OpenedAt), at(p.Window.ClosesAt))
}

func approvedBecause(p approval.Product) string {
	if p.Loaded {
		return "All kernel extensions of the installed version are loaded."
	}
	for _, item := range p.Items {
		for _, k := range item.Kexts {
			switch k.AllowedBy {
			case approval.ByMDM:
				return "A configuration profile allows the kernel extensions."
			case approval.ByRecovery:
				return "The developer was allowed in macOS Recovery."
			case approval.NotEnforced:
				return "macOS does not ask for an approval on this Mac."
			}
		}
	}
	return "The kernel extensions are allowed."
}

// payload names the profile that does not let users approve, if its name is
// known.
func payload(p approval.Product) string {
	for _, r := range p.Reasons {
		if name := list(r.About); r.Code == approval.ReasonManaged && name != "" {
			return fmt.Sprintf("; the profile is “%s”", name)
		}
	}
	return ""
}

// pressTab is part of every text about an open window: macOS may ignore a click.
const pressTab = "if the button does nothing, press Tab until it is selected, then press Space"

// recoverySteps changes the boot policy of Apple silicon. The labels are those of Apple's
// guide for Apple silicon.
func recoverySteps(st approval.Status) string {
	choose := "in {Startup Security Utility}, choose {Reduced Security} and select “{Allow user management of kernel extensions from identified developers}”"
	if reducedAlready(st) {
		choose = "in {Startup Security Utility}, {Reduced Security} is chosen already: select “{Allow user management of kernel extensions from identified developers}”"
	}
	return sentences("shut down the Mac", toRecovery(st), OnScreen(st.Mac, choose)) + " Restart"
}

// toRecovery starts macOS Recovery on a Mac with Apple silicon that is shut down.
func toRecovery(st approval.Status) string {
	return OnScreen(st.Mac, "press and hold the power button until “{Loading startup options}” appears. Click {Options}, then {Continue}")
}

// reducedAlready reports whether only the option below Reduced Security is missing.
func reducedAlready(st approval.Status) bool {
	return st.Facts.Boot.Security == probe.ReducedSecurity && st.Facts.Boot.UserKexts == probe.No
}

// noButtonYet says what the pane shows instead of the Allow button, if the boot policy of
// the Mac is not known and may not let users approve.
func noButtonYet(p approval.Product, st approval.Status) string {
	if !hasReason(p, approval.ReasonBootUnknown) {
		return ""
	}
	return OnScreen(st.Mac, "if the pane shows “{Enable system extensions…}” instead of {Allow}, click it: macOS first needs {Reduced Security}, set in macOS Recovery")
}

// hasReason reports whether a reason holds for a product.
func hasReason(p approval.Product, code approval.ReasonCode) bool {
	return slices.ContainsFunc(p.Reasons, func(r approval.Reason) bool { return r.Code == code })
}

// othersThan returns the names of the developers that wait in the pane beside a product.
func othersThan(p approval.Product, st approval.Status) []string {
	var names []string
	for _, d := range st.OthersThan(p) {
		names = append(names, d.Name)
	}
	return names
}

// clickThere says where the Allow button is and how to click it.
func clickThere(p approval.Product, st approval.Status) string {
	return fmt.Sprintf("open %s and %s", PaneFor(st.Mac).Path, clickAllow(p, st))
}

// clickAllow says how to click the Allow button, and what follows.
func clickAllow(p approval.Product, st approval.Status) string {
	if st.Mac.OS.AtLeast(11, 0) {
		return fmt.Sprintf("%s, then restart the Mac", clickOnce(p, st))
	}
	return clickOnce(p, st)
}

func clickOnce(p approval.Product, st approval.Status) string {
	click := OnScreen(st.Mac, "click {Allow}")
	if others := othersThan(p, st); len(others) > 0 && p.Developer != "" {
		click = OnScreen(st.Mac, "click {Details…}, select “%s” and every other developer that you need (%s), and click {OK}", Clean(p.Developer), list(others))
		if st.Mac.OS.AtLeast(13, 0) { // System Settings shows one or the other
			click = OnScreen(st.Mac, "click {Allow}, or {Details…}, for “%s” and every other developer that you need (%s)", Clean(p.Developer), list(others))
		}
	}
	return click
}

// unknownStep is the next step if kextwatch cannot tell. ways lead to an answer.
func unknownStep(p approval.Product, st approval.Status, ways string) string {
	switch {
	case st.Source != "" && hasKext(p, func(k approval.Kext) bool { return k.Lost || k.Recorded }):
		return sentences(firstTry(p, st.Mac.OS))
	case p.Window.Open():
		return sentences(clickThere(p, st), pressTab, ways)
	}
	return ways
}

// unknownNext returns the ways to an answer if no source has one. Each way but the first
// begins with "Or".
func unknownNext(st approval.Status) string {
	return sentence(strings.Join(unknownWays(st), ". Or "))
}

// unknownWays returns the ways, without the end of a sentence.
func unknownWays(st approval.Status) []string {
	var ways []string
	for _, s := range st.Sources {
		if next := sourceNext(s, st); s.State != probe.OK && next != "" {
			ways = append(ways, next)
		}
	}
	if st.Source != "" && approval.AppUnknown(st.Facts) {
		ways = nil
		for _, g := range st.Facts.Gaps {
			if g.Source == probe.FactParallels {
				ways = append(ways, strings.TrimSuffix(Clean(g.Next), "."))
			}
		}
	}
	if len(ways) == 0 {
		return []string{"check again in a moment"}
	}
	return ways
}

// sourceNext returns what a person can do about a source that did not answer.
func sourceNext(s probe.Source, st approval.Status) string {
	database := slices.IndexFunc(st.Sources, func(s probe.Source) bool { return s.Name == probe.Database })
	denied := database < 0 || st.Sources[database].State == probe.Denied
	switch {
	case st.Mac.Offline && s.Name != probe.Database: // nothing on this Mac helps
		return ""
	case st.Mac.Offline && s.State == probe.Denied:
		return "run the same command with sudo"
	case s.Name == probe.Reader && s.State == probe.Absent && !denied: // it would fail, too
		return ""
	}
	return Clean(s.Next)
}

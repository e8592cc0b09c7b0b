package view

import (
	"strings"

	"kextwatch/agent/approval"
)

// Reason is a reason in words: what it is, what it means, and the one next
// step; Next is empty where there is nothing to do.
type Reason struct {
	approval.Reason
	Title string
	Text  string
	Next  string
}

// Reasons are why a product, or its Allow button, does not simply work, the
// one that matters most first.
func Reasons(p approval.Product, st approval.Status) []Reason {
	var all []Reason
	for _, r := range p.Reasons {
		all = append(all, reasonWords(r, p, st))
	}
	return all
}

// obstacle is the first reason why a click on Allow may not do, and that the
// verdict does not tell by itself; nil: none.
func obstacle(p approval.Product, st approval.Status) *Reason {
	for _, r := range Reasons(p, st) {
		told := saidByVerdict[r.Code] && (r.Code != approval.ReasonTooOld || p.Verdict == approval.Incompatible)
		if r.Severity == approval.Obstacle && !told {
			return &r
		}
	}
	return nil
}

// reasonWords has the sentences of every reason in the catalogue.
func reasonWords(r approval.Reason, p approval.Product, st approval.Status) Reason {
	os, pane, about := st.Mac.OS, PaneFor(st.Mac.OS), list(r.About)
	w := func(title, text, next string) Reason { return Reason{r, title, text, next} }
	switch r.Code {
	case approval.ReasonManaged:
		profile := say("a configuration profile of your organisation")
		if about != "" {
			profile = say("the configuration profile “%s”", about)
		}
		return w(say("Your organisation decides"),
			sentences(say("%s forbids users to allow kernel extensions", profile)),
			say("Ask your administrator to allow team %s.", p.TeamID))
	case approval.ReasonNotAdmin:
		return w(say("An administrator has to allow it"),
			say("From macOS 11 on, only an administrator can click Allow, and you are not one."),
			say("Let an administrator enter name and password when you click Allow."))
	case approval.ReasonOtherUser:
		return w(say("Another user is at the screen"),
			say("macOS shows the button to whoever uses screen and keyboard, and that is another user, or the login window."),
			say("Switch to your own session, then open %s.", pane.Name))
	case approval.ReasonLocked:
		return w(say("The screen is locked"),
			say("The button can be clicked once the screen is unlocked."),
			say("Unlock the screen, then open %s.", pane.Name))
	case approval.ReasonRemote:
		return w(say("This Mac may be under remote control"),
			say("There are signs of it: %s. macOS may ignore clicks on Allow that do not come from a mouse or trackpad of this Mac.", about),
			say("Click with a mouse or trackpad of this Mac, or press Tab until Allow is framed, then Space."))
	case approval.ReasonInputTool:
		return w(say("A program makes clicks of its own"),
			say("Running: %s. macOS may ignore clicks on Allow meanwhile.", about),
			say("Quit %s and click again, or press Tab until Allow is framed, then Space.", about))
	case approval.ReasonPaneOpen:
		return w(say("The pane was open already"),
			say("A pane that is open does not show a new Allow button."),
			say("Quit %s and open it again.", settingsApp(os)))
	case approval.ReasonWindowOver:
		return w(say("The time is over"),
			say("macOS takes the Allow button away about 30 minutes after the attempt, and brings it back, without an alert, at the next one."),
			say("Make Parallels try again: kextwatch retry."))
	case approval.ReasonUpdateAgain:
		return w(say("The update needs an approval of its own"),
			say("From macOS 11 on, a new version of an approved kernel extension is held back until it is approved too."),
			say("Open %s, approve the update, restart the Mac.", pane.Path))
	case approval.ReasonRestart:
		return w(say("A restart is missing"),
			say("From macOS 11 on, an approved kernel extension is loaded at the next start, not before."),
			say("Restart the Mac."))
	case approval.ReasonTooOld:
		return w(say("Made for an older macOS"),
			say("%s was made for macOS up to %s; this is macOS %s.", title(p), about, os),
			say("Update %s (%s).", p.Name, releaseNotes(p)))
	case approval.ReasonError56521:
		return w(say("Parallels says error 56521"),
			say("Parallels tried to start a virtual machine, and macOS refused its hypervisor."),
			say("Allow the kernel extension and restart the Mac; Parallels has a page about it (%s).", errorPage(p)))
	case approval.ReasonSystemExtension:
		return w(say("A system extension waits"),
			say("%s is a system extension, not a kernel extension: it has no 30 minutes, and waits until you allow it.", about),
			say("Open %s.", SystemExtensionPane(os).Path))
	case approval.ReasonSIP:
		return w(say("System Integrity Protection is not as usual"),
			say("With System Integrity Protection off or changed, macOS may load kernel extensions without asking, or refuse them without a button."),
			say("If you did not mean this, start from macOS Recovery and run csrutil enable."))
	case approval.ReasonConsentOff:
		return w(say("Nobody is asked on this Mac"),
			say("User consent for kernel extensions was switched off from macOS Recovery: they load without an approval."),
			say("If you did not mean this, start from macOS Recovery and run spctl kext-consent enable."))
	case approval.ReasonNothingTried:
		return w(say("Nothing has tried to load yet"),
			say("macOS asks only when a kernel extension is to be loaded, so there is no Allow button yet."),
			sentences(firstTry(p, os)))
	case approval.ReasonNotNeeded:
		return w(say("No kernel extension is needed"), Why(p, st), "")
	case approval.ReasonAppleSilicon:
		return w(say("Apple silicon"), say("Parallels Desktop uses no kernel extensions on Apple silicon."), "")
	case approval.ReasonServiceDown:
		return w(say("Parallels' service does not run"),
			say("That is no matter of approval: it starts with Parallels Desktop."),
			say("If a virtual machine cannot connect to the service, quit %s and open it again.", p.Name))
	}
	return w(string(r.Code), "", "")
}

// list is names from outside, cleaned, with commas; a long one is cut short.
func list(names []string) string {
	const most = 4
	var clean []string
	for _, name := range names {
		if name = Clean(name); name != "" {
			clean = append(clean, name)
		}
	}
	if len(clean) > most {
		clean = append(clean[:most], say("%d more", len(clean)-most))
	}
	return strings.Join(clean, ", ")
}

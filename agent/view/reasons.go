package view

import (
	"fmt"
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

// reasonWords has the sentences of every reason.
func reasonWords(r approval.Reason, p approval.Product, st approval.Status) Reason {
	os, pane, about := st.Mac.OS, PaneFor(st.Mac.OS), list(r.About)
	w := func(title, text, next string) Reason { return Reason{r, title, text, next} }
	switch r.Code {
	case approval.ReasonManaged:
		profile := "a configuration profile of your organisation"
		if about != "" {
			profile = fmt.Sprintf("the configuration profile “%s”", about)
		}
		return w("Your organisation decides",
			sentences(fmt.Sprintf("%s forbids users to allow kernel extensions", profile)),
			fmt.Sprintf("Ask your administrator to allow team %s.", p.TeamID))
	case approval.ReasonNotAdmin:
		return w("An administrator has to allow it",
			"From macOS 11 on, only an administrator can click Allow, and you are not one.",
			"Let an administrator enter name and password when you click Allow.")
	case approval.ReasonOtherUser:
		return w("Another user is at the screen",
			"macOS shows the button to whoever uses screen and keyboard, and that is another user, or the login window.",
			fmt.Sprintf("Switch to your own session, then open %s.", pane.Name))
	case approval.ReasonLocked:
		return w("The screen is locked",
			"The button can be clicked once the screen is unlocked.",
			fmt.Sprintf("Unlock the screen, then open %s.", pane.Name))
	case approval.ReasonRemote:
		return w("This Mac may be under remote control",
			fmt.Sprintf("There are signs of it: %s. macOS may ignore clicks on Allow that do not come from a mouse or trackpad of this Mac.", about),
			"Click with a mouse or trackpad of this Mac, or press Tab until Allow is framed, then Space.")
	case approval.ReasonInputTool:
		return w("A program makes clicks of its own",
			fmt.Sprintf("Running: %s. macOS may ignore clicks on Allow meanwhile.", about),
			fmt.Sprintf("Quit %s and click again, or press Tab until Allow is framed, then Space.", about))
	case approval.ReasonPaneOpen:
		return w("The pane was open already",
			"A pane that is open does not show a new Allow button.",
			fmt.Sprintf("Quit %s and open it again.", settingsApp(os)))
	case approval.ReasonWindowOver:
		return w("The time is over",
			"macOS takes the Allow button away about 30 minutes after the attempt, and brings it back, without an alert, at the next one.",
			"Make Parallels try again: kextwatch retry.")
	case approval.ReasonUpdateAgain:
		return w("The update needs an approval of its own",
			"From macOS 11 on, a new version of an approved kernel extension is held back until it is approved too.",
			fmt.Sprintf("Open %s, approve the update, restart the Mac.", pane.Path))
	case approval.ReasonRestart:
		return w("A restart is missing",
			"From macOS 11 on, an approved kernel extension is loaded at the next start, not before.",
			"Restart the Mac.")
	case approval.ReasonTooOld:
		return w("Made for an older macOS",
			fmt.Sprintf("%s was made for macOS up to %s; this is macOS %s.", title(p), about, os),
			fmt.Sprintf("Update %s (%s).", p.Name, releaseNotes(p)))
	case approval.ReasonError56521:
		return w("Parallels says error 56521",
			"Parallels tried to start a virtual machine, and macOS refused its hypervisor.",
			fmt.Sprintf("Allow the kernel extension and restart the Mac; Parallels has a page about it (%s).", errorPage(p)))
	case approval.ReasonSystemExtension:
		return w("A system extension waits",
			fmt.Sprintf("%s is a system extension, not a kernel extension: it has no 30 minutes, and waits until you allow it.", about),
			fmt.Sprintf("Open %s.", SystemExtensionPane(os).Path))
	case approval.ReasonSIP:
		return w("System Integrity Protection is not as usual",
			"With System Integrity Protection off or changed, macOS may load kernel extensions without asking, or refuse them without a button.",
			"If you did not mean this, start from macOS Recovery and run csrutil enable.")
	case approval.ReasonConsentOff:
		return w("Nobody is asked on this Mac",
			"User consent for kernel extensions was switched off from macOS Recovery: they load without an approval.",
			"If you did not mean this, start from macOS Recovery and run spctl kext-consent enable.")
	case approval.ReasonNothingTried:
		return w("Nothing has tried to load yet",
			"macOS asks only when a kernel extension is to be loaded, so there is no Allow button yet.",
			sentences(firstTry(p, os)))
	case approval.ReasonNotNeeded:
		return w("No kernel extension is needed", Why(p, st), "")
	case approval.ReasonAppleSilicon:
		return w("Apple silicon", "Parallels Desktop uses no kernel extensions on Apple silicon.", "")
	case approval.ReasonServiceDown:
		return w("Parallels' service does not run",
			"That is no matter of approval: it starts with Parallels Desktop.",
			fmt.Sprintf("If a virtual machine cannot connect to the service, quit %s and open it again.", p.Name))
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
		clean = append(clean[:most], fmt.Sprintf("%d more", len(clean)-most))
	}
	return strings.Join(clean, ", ")
}

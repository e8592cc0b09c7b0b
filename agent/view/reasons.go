package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Reason is a reason with its words: a title, what it means, and the next step.
// Next is empty if there is nothing to do.
type Reason struct {
	approval.Reason
	Title string `json:"title" plist:"title"`
	Text  string `json:"text" plist:"text"`
	Next  string `json:"next" plist:"next"`
}

// Reasons returns why a product or its Allow button does not work. The most
// important reason comes first.
func Reasons(p approval.Product, st approval.Status) []Reason {
	all := []Reason{} // a document has an empty list, not null
	for _, r := range p.Reasons {
		all = append(all, withWords(r, p, st))
	}
	return all
}

// obstacle returns the first of obstacles, or nil.
func obstacle(p approval.Product, st approval.Status) *Reason {
	for _, r := range obstacles(p, st) {
		return &r
	}
	return nil
}

// obstacles returns the reasons why a click on Allow may not work, without those that the
// verdict already states.
func obstacles(p approval.Product, st approval.Status) []Reason {
	return slices.DeleteFunc(Reasons(p, st), func(r Reason) bool {
		stated := slices.Contains(statedByVerdict, r.Code) && (r.Code != approval.ReasonTooOld || p.Verdict == approval.Incompatible)
		return r.Severity != approval.Obstacle || stated
	})
}

// maySpoilButton holds the notes about this Mac that the text about an Allow button
// contains.
var maySpoilButton = []approval.ReasonCode{approval.ReasonSIP, approval.ReasonConsentOff}

// besideButton returns the notes for a text about an Allow button, without the obstacles.
func besideButton(p approval.Product, st approval.Status) string {
	var parts []string
	for _, r := range Reasons(p, st) {
		if slices.Contains(maySpoilButton, r.Code) {
			parts = append(parts, r.Title, r.Text, r.Next)
		}
	}
	return sentences(parts...)
}

// statedByVerdict holds the reasons that the sentences of a verdict already
// state.
var statedByVerdict = []approval.ReasonCode{
	approval.ReasonManaged, approval.ReasonWindowOver, approval.ReasonUpdateAgain,
	approval.ReasonRestart, approval.ReasonTooOld,
	approval.ReasonBootManaged, approval.ReasonNeedsRecovery,
}

// reasonCase holds what the sentences about a reason depend on.
type reasonCase struct {
	about string // programs, profiles, extensions or versions; may be empty
	p     approval.Product
	st    approval.Status
	os    probe.OSVersion
	pane  Pane
}

// refused reports whether macOS refuses the product, whatever a setting says.
func (c reasonCase) refused() bool { return c.p.Verdict.Blocked() || c.p.Window.Open() }

// text is OnScreen for the Mac of the case.
func (c reasonCase) text(format string, args ...any) string {
	return OnScreen(c.st.Mac, format, args...)
}

// reasonText holds the sentences about a reason.
type reasonText struct{ title, text, next string }

// withWords adds its words to a reason.
func withWords(r approval.Reason, p approval.Product, st approval.Status) Reason {
	words := reasonWords[r.Code](reasonCase{list(r.About), p, st, st.Mac.OS, PaneFor(st.Mac)})
	return Reason{r, words.title, words.text, words.next}
}

// reasonWords has one row for each row of approval.Catalog.
var reasonWords = map[approval.ReasonCode]func(c reasonCase) reasonText{
	approval.ReasonManaged: func(c reasonCase) reasonText {
		profile := "a configuration profile of your organization"
		if c.about != "" {
			profile = fmt.Sprintf("the configuration profile “%s”", c.about)
		}
		return reasonText{"Your organization decides",
			sentences(fmt.Sprintf("%s forbids users to allow kernel extensions", profile)),
			fmt.Sprintf("Ask your administrator to allow team %s.", Clean(c.p.TeamID))}
	},
	approval.ReasonBootManaged: func(c reasonCase) reasonText {
		return reasonText{"Your organization decides",
			"The startup security of this Mac lets only a device management service approve kernel extensions, not users.",
			fmt.Sprintf("Ask your administrator to allow team %s.", Clean(c.p.TeamID))}
	},
	approval.ReasonNeedsRecovery: func(c reasonCase) reasonText {
		return reasonText{"The startup security does not allow it",
			c.text("On Apple silicon, kernel extensions of other developers need {Reduced Security} with user management of kernel extensions."),
			sentences(recoverySteps(c.st))}
	},
	approval.ReasonExternalDisk: func(c reasonCase) reasonText {
		return reasonText{"macOS runs from an external disk",
			"On Apple silicon, macOS on an external disk does not load kernel extensions of other developers. An approval does not change that.",
			fromInternalDisk}
	},
	approval.ReasonVirtualMac: func(c reasonCase) reasonText {
		return reasonText{"macOS runs in a virtual machine",
			"On Apple silicon, macOS in a virtual machine does not load kernel extensions of other developers. An approval does not change that.",
			onTheMacItself}
	},
	approval.ReasonBootUnknown: func(c reasonCase) reasonText {
		return reasonText{"The startup security is not known",
			c.text("On Apple silicon, macOS shows the {Allow} button only in {Reduced Security} with user management of kernel extensions."),
			sentences(noButtonYet(c.p, c.st))}
	},
	approval.ReasonNotAdmin: func(c reasonCase) reasonText {
		if c.p.Verdict == approval.NeedsRecovery {
			return reasonText{"An administrator must change it",
				"macOS Recovery asks for an administrator before it changes the startup security. You are not an administrator.",
				"Let an administrator of this Mac follow the steps with you."}
		}
		return reasonText{"An administrator must allow it",
			c.text("From macOS 11, only an administrator can click {Allow}. You are not an administrator."),
			c.text("When you click {Allow}, let an administrator enter a name and password.")}
	},
	approval.ReasonOtherUser: func(c reasonCase) reasonText {
		if c.st.Facts.Situation.NobodyHere {
			return reasonText{"Nobody is at the screen",
				"macOS shows the button to the user at the screen. There is only the login window.",
				fmt.Sprintf("Log in at the screen, then open %s.", c.pane.Name)}
		}
		return reasonText{"Another user is at the screen",
			"macOS shows the button to the user at the screen. That is another user.",
			fmt.Sprintf("Switch to your own session, then open %s.", c.pane.Name)}
	},
	approval.ReasonLocked: func(c reasonCase) reasonText {
		return reasonText{"The screen is locked",
			"You can click the button after you unlock the screen.",
			fmt.Sprintf("Unlock the screen, then open %s.", c.pane.Name)}
	},
	approval.ReasonRemote: func(c reasonCase) reasonText {
		return reasonText{"This Mac may be under remote control",
			c.text("kextwatch found %s. macOS may ignore a click on {Allow} that does not come from this Mac's own mouse or trackpad.", c.about),
			c.text("Click with this Mac's own mouse or trackpad. Or press Tab until {Allow} is selected, then press Space.")}
	},
	approval.ReasonInputTool: func(c reasonCase) reasonText {
		return reasonText{"A running program can create clicks",
			c.text("Running: %s. macOS may ignore clicks on {Allow} while it runs.", c.about),
			c.text("Quit %s and click again. Or press Tab until {Allow} is selected, then press Space.", c.about)}
	},
	approval.ReasonPaneOpen: func(c reasonCase) reasonText {
		return reasonText{"The pane was already open",
			c.text("An open pane does not show a new {Allow} button."),
			fmt.Sprintf("Quit %s and open it again.", settingsApp(c.st.Mac))}
	},
	approval.ReasonWindowOver: func(c reasonCase) reasonText {
		return reasonText{"The time is over",
			c.text("macOS removes the {Allow} button about 30 minutes after a load attempt. The next attempt brings it back, without an alert."),
			sentence(bringBack(c.p, c.st))}
	},
	approval.ReasonUpdateAgain: func(c reasonCase) reasonText {
		return reasonText{"The update needs a new approval",
			"From macOS 11, macOS blocks a new version of an approved kernel extension until you approve it.",
			fmt.Sprintf("Open %s, approve the update and restart the Mac.", c.pane.Path)}
	},
	approval.ReasonRestart: func(c reasonCase) reasonText {
		return reasonText{"A restart is needed",
			"From macOS 11, macOS loads an approved kernel extension at the next start.",
			"Restart the Mac."}
	},
	approval.ReasonTooOld: func(c reasonCase) reasonText {
		return reasonText{"Made for an older macOS",
			fmt.Sprintf("%s was made for macOS up to %s; this is macOS %s.", title(c.p), c.about, c.os),
			sentence(updateFor(c.p, c.st, c.os))}
	},
	approval.ReasonExcluded:          failureReason(probe.Excluded),
	approval.ReasonWrongArch:         failureReason(probe.WrongArch),
	approval.ReasonBadOwnership:      failureReason(probe.BadOwnership),
	approval.ReasonInsecureLocation:  failureReason(probe.InsecureLocation),
	approval.ReasonBadSignature:      failureReason(probe.BadSignature),
	approval.ReasonMissingDependency: failureReason(probe.MissingDependency),
	approval.ReasonApprovalLost: func(c reasonCase) reasonText {
		return reasonText{"The approval is gone",
			"macOS drops approvals after a kernel panic or a reset, or when a profile is removed.",
			sentences(firstTry(c.p, c.os))}
	},
	approval.ReasonOlderLoaded: func(c reasonCase) reasonText {
		loaded, installed := olderLoaded(c.p)
		return reasonText{"An older version is loaded",
			fmt.Sprintf("The kernel runs version %s, and version %s is installed.", loaded, installed),
			fmt.Sprintf("Quit %s. If that does not help, restart the Mac.", c.p.Name)}
	},
	approval.ReasonNotSeenLoaded: func(c reasonCase) reasonText {
		return reasonText{"Not seen loaded since the start of the Mac",
			fmt.Sprintf("%s unloads its kernel extensions when no virtual machine runs, so this proves nothing.", c.p.Name),
			"If a virtual machine does not start, restart the Mac."}
	},
	approval.ReasonError56521: func(c reasonCase) reasonText {
		return reasonText{"Parallels reports error 56521",
			"Parallels tried to start a virtual machine, and macOS refused its hypervisor.",
			sentences(afterError56521(c.p), fmt.Sprintf("Parallels has a page about it (%s)", errorPage(c.p)))}
	},
	approval.ReasonSystemExtension: func(c reasonCase) reasonText {
		return reasonText{"A system extension waits for approval",
			fmt.Sprintf("%s is a system extension, not a kernel extension. It has no time limit and waits until you allow it.", c.about),
			fmt.Sprintf("Open %s.", SystemExtensionPane(c.st.Mac).Path)}
	},
	approval.ReasonSIP: func(c reasonCase) reasonText {
		const title = "System Integrity Protection is off or changed"
		if c.refused() {
			return reasonText{title, c.text("macOS refused a kernel extension anyway. The {Allow} button may be missing or do nothing."),
				"If it is missing or does nothing, start from macOS Recovery and run csrutil enable."}
		}
		return reasonText{title,
			c.text("macOS may load kernel extensions without asking, or block them without the {Allow} button."),
			"If this is not intended, start from macOS Recovery and run csrutil enable."}
	},
	approval.ReasonConsentOff: func(c reasonCase) reasonText {
		const off = "User consent for kernel extensions was turned off in macOS Recovery."
		if c.refused() {
			return reasonText{"User consent is off, and macOS refused a kernel extension",
				c.text(off + " macOS refused one anyway. The {Allow} button may be missing or do nothing."),
				"If it is missing or does nothing, start from macOS Recovery and run spctl kext-consent enable."}
		}
		return reasonText{"This Mac does not ask for approval",
			off + " They load without an approval.",
			"If this is not intended, start from macOS Recovery and run spctl kext-consent enable."}
	},
	approval.ReasonNothingTried: func(c reasonCase) reasonText {
		return reasonText{"No load attempt yet",
			c.text("macOS shows the {Allow} button after the first attempt to load a kernel extension."),
			sentences(firstTry(c.p, c.os))}
	},
	approval.ReasonNotNeeded: func(c reasonCase) reasonText {
		return reasonText{"No kernel extension is needed", Why(c.p, c.st), ""}
	},
	approval.ReasonAppleSilicon: func(c reasonCase) reasonText {
		return reasonText{"Apple silicon", "Parallels Desktop uses no kernel extensions on Apple silicon.", ""}
	},
	approval.ReasonServiceDown: func(c reasonCase) reasonText {
		return reasonText{"Parallels' service does not run",
			"This has nothing to do with approval. The service starts with Parallels Desktop.",
			fmt.Sprintf("If a virtual machine cannot connect to the service, quit %s and open it again.", c.p.Name)}
	},
}

// list joins foreign names with commas, after cleaning them. It shows at most
// four.
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

// afterError56521 says what helps after the error, if the next step does not say it.
func afterError56521(p approval.Product) string {
	switch p.Verdict {
	case approval.BlockedClosed, approval.Managed:
		return ""
	case approval.Approved, approval.RestartPending, approval.LoadFailing:
		return "it is allowed: restart the Mac"
	}
	return "allow the kernel extension and restart the Mac"
}

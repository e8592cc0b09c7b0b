package view

import (
	"fmt"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// onlyPolicy is the fact behind "nothing waits for a click": an obstacle to a
// click is harmless only if the policy is known.
var onlyPolicy = []probe.Fact{factPolicy}

var sessionChecks = []check{
	{
		id: "session.console", reason: approval.ReasonOtherUser, level: Warn, unknown: "kextwatch cannot tell who is at the screen",
		needs: []probe.Fact{probe.FactConsoleUser},
		early: func(c checking) (Check, bool) {
			s := c.st.Facts.Situation
			return ok("You are at the screen, or nothing waits for a click"), s.ConsoleUID == s.UID && !s.NobodyHere
		},
		facts: onlyPolicy,
		judge: func(checking) Check { return ok("You are at the screen, or nothing waits for a click") },
	},
	{
		id: "session.locked", reason: approval.ReasonLocked, level: Warn, unknown: "kextwatch cannot tell whether the screen is locked",
		needs: []probe.Fact{probe.FactScreenLock},
		early: func(c checking) (Check, bool) {
			return ok("The screen is not locked, or nothing waits for a click"), c.st.Facts.Situation.Locked == probe.No
		},
		facts: onlyPolicy,
		judge: func(checking) Check { return ok("The screen is not locked, or nothing waits for a click") },
	},
	{
		id: "session.remote", reason: approval.ReasonRemote, level: Warn, unknown: "kextwatch cannot tell whether this Mac is under remote control",
		needs: []probe.Fact{probe.FactPrograms, probe.FactNetwork},
		early: func(c checking) (Check, bool) {
			return ok("There is no sign of remote control"), len(c.st.Facts.Situation.Remote) == 0
		},
		facts: onlyPolicy,
		judge: func(c checking) Check {
			return ok(fmt.Sprintf("This Mac may be under remote control (%s), but nothing waits for a click", list(c.st.Facts.Situation.Remote)))
		},
	},
	{
		id: "session.input-tools", reason: approval.ReasonInputTool, level: Warn, unknown: "kextwatch cannot tell whether a running program can create clicks",
		needs: []probe.Fact{probe.FactPrograms},
		early: func(c checking) (Check, bool) {
			return ok("kextwatch found no running program that can create clicks"), len(c.st.Facts.Situation.InputTools) == 0
		},
		facts: onlyPolicy,
		judge: func(c checking) Check {
			return ok(OnScreen(c.st.Mac, "%s may keep macOS from accepting a click on {Allow}, but nothing waits for one", list(c.st.Facts.Situation.InputTools)))
		},
	},
	{
		id: "session.admin", reason: approval.ReasonNotAdmin, level: Warn, unknown: "kextwatch cannot tell whether you are an administrator",
		needs: []probe.Fact{probe.FactAdmin},
		early: func(c checking) (Check, bool) {
			return ok("You are an administrator"), c.st.Facts.Situation.Admin == probe.Yes
		},
		facts: []probe.Fact{factPolicy, probe.FactMacOSVersion},
		judge: func(checking) Check { return ok("You are not an administrator. Nothing that waits now needs one.") },
	},
	{
		id: "settings.pane-open", reason: approval.ReasonPaneOpen, level: Warn, unknown: "kextwatch cannot tell whether the pane with the {Allow} button is open",
		needs: []probe.Fact{probe.FactPrograms, factPane},
		early: func(c checking) (Check, bool) {
			return ok(OnScreen(c.st.Mac, "The pane with the {Allow} button is not open")), c.st.Facts.Situation.PaneOpen == probe.No
		},
		facts: onlyPolicy,
		judge: func(c checking) Check {
			return ok(OnScreen(c.st.Mac, "The pane with the {Allow} button is open, but nothing waits there"))
		},
	},
}

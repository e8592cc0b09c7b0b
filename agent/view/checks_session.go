package view

import (
	"fmt"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// onlyPolicy is what has to be known where something would keep a click on
// Allow from working: whether any click is waited for.
var onlyPolicy = []probe.Fact{factPolicy}

var sessionChecks = []check{
	{
		id: "session.console", reason: approval.ReasonOtherUser, level: Warn, unknown: "Who is at the screen is not known",
		needs: []probe.Fact{probe.FactConsoleUser},
		early: func(c checking) (Check, bool) {
			s := c.st.Facts.Situation
			return ok("You are at the screen, or nothing waits there"), s.ConsoleUID == s.UID
		},
		facts: onlyPolicy,
		judge: func(checking) Check { return ok("You are at the screen, or nothing waits there") },
	},
	{
		id: "session.locked", reason: approval.ReasonLocked, level: Warn, unknown: "Whether the screen is locked is not known",
		needs: []probe.Fact{probe.FactScreenLock},
		early: func(c checking) (Check, bool) {
			return ok("The screen is not locked, or nothing waits there"), c.st.Facts.Situation.Locked == probe.No
		},
		facts: onlyPolicy,
		judge: func(checking) Check { return ok("The screen is not locked, or nothing waits there") },
	},
	{
		id: "session.remote", reason: approval.ReasonRemote, level: Warn, unknown: "Whether this Mac is under remote control is not known",
		needs: []probe.Fact{probe.FactPrograms, probe.FactNetwork},
		early: func(c checking) (Check, bool) {
			return ok("There is no sign of remote control"), len(c.st.Facts.Situation.Remote) == 0
		},
		facts: onlyPolicy,
		judge: func(c checking) Check {
			return ok(fmt.Sprintf("There are signs of remote control (%s), and nothing waits for a click", list(c.st.Facts.Situation.Remote)))
		},
	},
	{
		id: "session.input-tools", reason: approval.ReasonInputTool, level: Warn, unknown: "Whether a program makes clicks of its own is not known",
		needs: []probe.Fact{probe.FactPrograms},
		early: func(c checking) (Check, bool) {
			return ok("No program is known to run that makes clicks of its own"), len(c.st.Facts.Situation.InputTools) == 0
		},
		facts: onlyPolicy,
		judge: func(c checking) Check {
			return ok(fmt.Sprintf("%s may keep macOS from taking a click on Allow; nothing waits for one", list(c.st.Facts.Situation.InputTools)))
		},
	},
	{
		id: "session.admin", reason: approval.ReasonNotAdmin, level: Warn, unknown: "Whether you are an administrator is not known",
		needs: []probe.Fact{probe.FactAdmin},
		early: func(c checking) (Check, bool) {
			return ok("You are an administrator"), c.st.Facts.Situation.Admin == probe.Yes
		},
		facts: []probe.Fact{factPolicy, probe.FactMacOSVersion},
		judge: func(checking) Check { return ok("You are no administrator, and need not be for what waits now") },
	},
	{
		id: "settings.pane-open", reason: approval.ReasonPaneOpen, level: Warn, unknown: "Whether the pane with the Allow button is open is not known",
		needs: []probe.Fact{probe.FactPrograms, factPane},
		early: func(c checking) (Check, bool) {
			return ok("The pane with the Allow button is not open"), c.st.Facts.Situation.PaneOpen == probe.No
		},
		facts: onlyPolicy,
		judge: func(checking) Check { return ok("The pane is open, and nothing waits in it") },
	},
}

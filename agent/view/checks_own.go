package view

import (
	"fmt"

	"kextwatch/probe"
)

var ownChecks = []check{
	{id: "settings.valid", unknown: "Whether the settings are valid is not known", facts: []probe.Fact{factSettings}, judge: settingsValid},
	{id: "agent.installed", judge: agentInstalled},
	{id: "agent.running", judge: agentRunning},
	{id: "notifications", judge: notifications},
	{id: "tray", judge: tray},
}

func settingsValid(c checking) Check {
	if len(c.own.Settings) > 0 {
		return warn("Some settings cannot be used; their defaults hold", list(c.own.Settings),
			"kextwatch settings lists every key and what it takes.")
	}
	check := ok("The settings are valid")
	if len(c.own.Managed) > 0 {
		check.Detail = fmt.Sprintf("Managed by your organisation: %s", list(c.own.Managed))
	}
	return check
}

// loginWords has a row for each state of a probe.LoginJob that is a problem.
var loginWords = map[probe.LoginState]string{
	probe.LoginAbsent:         "kextwatch does not start at login",
	probe.LoginDamaged:        "The file that starts kextwatch at login is damaged",
	probe.LoginRefused:        "macOS refuses the file that starts kextwatch at login",
	probe.LoginProgramMissing: "At login macOS looks for a program that is not there",
	probe.LoginOtherProgram:   "At login macOS starts another program instead of kextwatch",
}

func agentInstalled(c checking) Check {
	job := c.own.AtLogin
	switch job.State {
	case "":
		return unsure("Whether kextwatch starts at login is not known", Clean(job.Why), "")
	case probe.LoginReady:
		check := ok("kextwatch starts at login")
		check.Detail = Clean(job.Program)
		return check
	}
	return warn(loginWords[job.State], Clean(job.Why), "kextwatch install")
}

func agentRunning(c checking) Check {
	switch c.own.Running {
	case probe.Yes:
		return ok("kextwatch runs in the background")
	case probe.No:
		return warn("kextwatch does not run in the background", "Windows are neither noticed nor announced.", "kextwatch install")
	}
	return unsure("Whether kextwatch runs in the background is not known", "", "")
}

func notifications(c checking) Check {
	if c.own.Notifications != "" {
		return warn("The last notification could not be shown", Clean(c.own.Notifications), "kextwatch notify-test")
	}
	if c.own.NotifyKnown {
		return ok("Notifications are handed over; no system tells whether a person sees them. To try: kextwatch notify-test")
	}
	return unsure("No notification was posted yet", "", "kextwatch notify-test")
}

func tray(c checking) Check {
	if c.own.Tray != "" {
		return warn("There is no icon in the menu bar", Clean(c.own.Tray), "Notifications and kextwatch status work all the same; for the icon, use the app.")
	}
	return ok("There can be an icon in the menu bar")
}

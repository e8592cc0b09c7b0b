package view

import (
	"fmt"
	"strings"

	"kextwatch/probe"
)

var ownChecks = []check{
	{id: "settings.valid", unknown: "kextwatch cannot tell whether the settings are valid", facts: []probe.Fact{factSettings}, judge: settingsValid},
	{id: "agent.installed", judge: agentInstalled},
	{id: "agent.running", judge: onRunningMac("kextwatch cannot tell whether it runs in the background", agentRunning)},
	{id: "notifications", judge: onRunningMac("kextwatch cannot tell whether notifications are delivered", notifications)},
	{id: "tray", judge: onRunningMac("kextwatch cannot tell whether there can be an icon in the menu bar", tray)},
}

// onRunningMac makes a check unknown for the disk of another Mac: it is about what runs.
func onRunningMac(unknown string, judge func(c checking) Check) func(c checking) Check {
	return func(c checking) Check {
		if c.st.Mac.Offline {
			return unsure(unknown, onlyTheDisk, onThatMac)
		}
		return judge(c)
	}
}

func settingsValid(c checking) Check {
	unknown := unknownKeys(c.own.UnknownKeys)
	if len(c.own.Settings) > 0 {
		return warn("Some settings are invalid. kextwatch uses their defaults.", strings.Join(present(list(c.own.Settings), named("unknown: %s", unknown)), "; "),
			"Run kextwatch settings to see every key and its allowed values.")
	}
	if n := len(c.own.UnknownKeys); n > 0 {
		return warn(count(n, "1 key in the settings is unknown and has no effect", "%d keys in the settings are unknown and have no effect"), unknown,
			count(n, "Correct or delete the key.", "Correct or delete these %d keys.")+" Run kextwatch settings to see every key.")
	}
	check := ok("The settings are valid")
	if len(c.own.Managed) > 0 {
		check.Detail = fmt.Sprintf("Managed by your organization: %s", list(c.own.Managed))
	}
	return check
}

// unknownKeys names the first of them: a damaged file can have thousands.
func unknownKeys(keys []UnknownKey) string {
	const most = 5
	var names []string
	for i, k := range keys {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(keys)-most))
			break
		}
		names = append(names, fmt.Sprintf("%s in %s", k.Key, k.File)+named(" (did you mean %s?)", k.Suggestion))
	}
	return list(names)
}

// loginWords has a row for each state of a probe.LoginJob that is a problem.
var loginWords = map[probe.LoginState]string{
	probe.LoginAbsent:         "kextwatch does not start at login",
	probe.LoginDamaged:        "The file that starts kextwatch at login is damaged",
	probe.LoginRefused:        "macOS refuses the file that starts kextwatch at login",
	probe.LoginProgramMissing: "The program that macOS starts at login is missing",
	probe.LoginOtherProgram:   "macOS starts another program at login instead of kextwatch",
}

func agentInstalled(c checking) Check {
	job := c.own.AtLogin
	switch job.State {
	case "":
		return unsure("kextwatch cannot tell whether it starts at login", Clean(job.Why), "Run kextwatch install. It reports what is in the way.")
	case probe.LoginReady:
		if job.Twice {
			next := "Run kextwatch uninstall --keep-data, then log out and in again."
			if c.own.Running == probe.Yes {
				next = "Choose Open at Login in the kextwatch menu. This removes the one that you installed."
			}
			return warn("kextwatch is set to start at login twice", "An administrator installed it for every user, and you for yourself. macOS starts only one of them.", next)
		}
		check := ok("kextwatch starts at login")
		if job.OfAll {
			check = ok("kextwatch starts at login: an administrator installed it for every user")
		}
		check.Detail = Clean(job.Program)
		return check
	}
	next := "Run kextwatch install."
	switch {
	case c.st.Mac.Offline:
		next = "On that Mac, run kextwatch install."
	case job.OfAll:
		next = "Ask an administrator to install kextwatch for every user again."
	case c.own.Running == probe.Yes:
		next = "Choose Open at Login in the kextwatch menu."
	}
	return warn(loginWords[job.State], Clean(job.Why), next)
}

func agentRunning(c checking) Check {
	switch c.own.Running {
	case probe.Yes:
		return ok("kextwatch runs in the background")
	case probe.No:
		next := "Run kextwatch install."
		if job := c.own.AtLogin; job.OfAll && job.State == probe.LoginReady {
			next = "Log out and in again."
		}
		return warn("kextwatch does not run in the background", "kextwatch will not notice an approval window.", next)
	}
	return unsure("kextwatch cannot tell whether it runs in the background", "", "Look for the icon of kextwatch in the menu bar.")
}

func notifications(c checking) Check {
	if c.own.Notifications != "" {
		return warn("The last notification could not be shown", sentence(Clean(c.own.Notifications)), "Run kextwatch notify-test.")
	}
	if c.own.NotifyKnown {
		return ok("Notifications are delivered. The system does not report whether anyone saw them.")
	}
	return unsure("kextwatch has not posted a notification yet", "", "Run kextwatch notify-test.")
}

func tray(c checking) Check {
	if c.own.Tray != "" {
		return warn("There is no icon in the menu bar", sentence(Clean(c.own.Tray)), "Use the kextwatch app to get the icon. Notifications work without it.")
	}
	if IconMayBeHidden(c.st.Mac.OS) {
		return unsure("kextwatch cannot tell whether macOS shows its icon", "From macOS 26, macOS can hide the icon of a program, and does not tell the program.", iconMissing(c.st.Mac))
	}
	return ok("kextwatch can show an icon in the menu bar")
}

package view

import (
	"fmt"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

func (c checking) macosVersion() Check {
	const id = "macos.version"
	os := c.st.Mac.OS
	switch {
	case !os.Known():
		return c.notKnown(id, "Which macOS this is cannot be read", gapVersion)
	case !os.AtLeast(12, 0):
		return Check{id, Warn, macLine(c.st.Mac), "kextwatch is built to load on this macOS, and was not tried on it.",
			"Tell the project how it went: kextwatch doctor --facts."}
	}
	return ok(id, macLine(c.st.Mac))
}

func (c checking) updateOffered() Check {
	const id = "macos.update-offered"
	p, offers := c.parallels, c.st.Facts.Updates.Offered
	if offer, tooNew := c.tooNewOffer(); tooNew {
		return Check{id, Warn, fmt.Sprintf("macOS %s is offered; %s was made for macOS up to %s", Clean(offer.Version), title(p), p.Made.MaxMacOS), "",
			fmt.Sprintf("Update %s first (%s), and make a backup.", p.Name, releaseNotes(p))}
	}
	if len(offers) > 0 {
		return ok(id, fmt.Sprintf("macOS %s is offered", Clean(offers[0].Version)))
	}
	return ok(id, "No update of macOS is offered")
}

// tooNewOffer is an offered macOS that the installed Parallels was not made
// for.
func (c checking) tooNewOffer() (probe.Offer, bool) {
	if c.parallels.Made == nil || c.parallels.Need.Answer == probe.No {
		return probe.Offer{}, false
	}
	for _, offer := range c.st.Facts.Updates.Offered {
		if older, _ := c.parallels.Made.MadeForOlder(probe.OSVersion{Version: offer.Version}); older {
			return offer, true
		}
	}
	return probe.Offer{}, false
}

func (c checking) autoUpdate() Check {
	const id = "macos.auto-update"
	_, tooNew := c.tooNewOffer()
	switch on := c.st.Facts.Updates.Install; {
	case on == probe.Yes && tooNew:
		return Check{id, Warn, "macOS installs updates by itself, and offers one that Parallels was not made for", "",
			fmt.Sprintf("Switch automatic macOS updates off until %s is updated.", c.parallels.Name)}
	case on == probe.Yes:
		return ok(id, "macOS installs its updates by itself")
	case on == probe.No:
		return ok(id, "macOS does not install its updates by itself")
	}
	return c.notKnown(id, "Whether macOS installs its updates by itself is not known", gapUpdates)
}

func (c checking) backup() Check {
	const id = "backup.recent"
	const recent = 7 * 24 * time.Hour
	b := c.st.Facts.Updates.Backup
	switch {
	case !b.Last.IsZero() && c.st.At.Sub(b.Last) <= recent:
		return ok(id, fmt.Sprintf("Time Machine made a backup on %s", b.Last.Local().Format("2 January, 15:04")))
	case !b.Last.IsZero():
		return Check{id, Warn, fmt.Sprintf("The last Time Machine backup is of %s", b.Last.Local().Format("2 January 2006")), "",
			"Make a backup before you update macOS or Parallels."}
	case b.On == probe.No:
		return Check{id, Warn, "Time Machine makes no backups", "", "Make a backup before you update macOS or Parallels."}
	}
	return c.notKnown(id, "When the last backup was made is not known", gapBackup)
}

func (c checking) sip() Check {
	const id = "sip"
	switch c.st.Facts.Enforcement.SIP.State {
	case "":
		return c.notKnown(id, "Whether System Integrity Protection is on is not known", gapSIP)
	case probe.SIPEnabled:
		return ok(id, "System Integrity Protection is on")
	}
	return c.unless(approval.ReasonSIP, Warn, id, "System Integrity Protection is changed")
}

func (c checking) consent() Check {
	const id = "kext-consent"
	switch consent := c.st.Facts.Enforcement.Consent; {
	case consent.Enabled == probe.No:
		return c.unless(approval.ReasonConsentOff, Warn, id, "User consent for kernel extensions is off")
	case consent.Enabled == probe.Yes && len(consent.Teams) > 0:
		return ok(id, fmt.Sprintf("Allowed from macOS Recovery: %s", list(consent.Teams)))
	case consent.Enabled == probe.Yes:
		return ok(id, "Kernel extensions need the consent of a user")
	}
	return c.notKnown(id, "Whether kernel extensions need consent is not known", gapConsent)
}

func (c checking) profile() Check {
	const id = "mdm.kext-policy"
	p := c.st.Facts.Enforcement.Profile
	forbids := p.Present == probe.Yes && p.UserOverrides == probe.No
	if r, holds := c.reason(approval.ReasonManaged); holds {
		return Check{id, Fail, r.Title, r.Text, r.Next}
	}
	switch {
	case forbids:
		return ok(id, "A configuration profile decides which kernel extensions are allowed; none waits")
	case p.Present == probe.Yes:
		return ok(id, "A configuration profile allows some kernel extensions, and lets users allow others")
	case p.Present == probe.No:
		return ok(id, "No configuration profile is about kernel extensions")
	}
	return c.notKnown(id, "Whether a configuration profile is about kernel extensions is not known", gapProfiles)
}

func (c checking) systemExtensions() Check {
	if !c.st.Facts.Situation.Asked {
		return Check{ID: "system-extensions", Level: Unsure, Summary: "Not looked at"}
	}
	if c.missing(gapExtensions) != "" {
		return c.notKnown("system-extensions", "Whether a system extension waits is not known", gapExtensions)
	}
	return c.unless(approval.ReasonSystemExtension, Warn, "system-extensions", "No system extension waits for you")
}

func (c checking) console() Check {
	const id = "session.console"
	if c.st.Facts.Situation.ConsoleUID < 0 || !c.st.Facts.Situation.Asked {
		return c.notKnown(id, "Who is at the screen is not known", gapConsole)
	}
	return c.unless(approval.ReasonOtherUser, Warn, id, "You are at the screen, or nothing waits there")
}

func (c checking) locked() Check {
	const id = "session.locked"
	if c.st.Facts.Situation.Locked == "" {
		return c.notKnown(id, "Whether the screen is locked is not known", gapLock)
	}
	return c.unless(approval.ReasonLocked, Warn, id, "The screen is not locked, or nothing waits there")
}

func (c checking) remote() Check {
	const id = "session.remote"
	s := c.st.Facts.Situation
	switch {
	case !s.Asked:
		return Check{ID: id, Level: Unsure, Summary: "Not looked at"}
	case len(s.Remote) > 0 && !c.waits():
		return ok(id, fmt.Sprintf("There are signs of remote control (%s), and nothing waits for a click", list(s.Remote)))
	}
	if source := c.missing(gapProcesses, gapNetwork); source != "" && len(s.Remote) == 0 {
		return c.notKnown(id, "Whether this Mac is under remote control is not known", source)
	}
	return c.unless(approval.ReasonRemote, Warn, id, "There is no sign of remote control")
}

func (c checking) inputTools() Check {
	const id = "session.input-tools"
	s := c.st.Facts.Situation
	switch {
	case !s.Asked:
		return Check{ID: id, Level: Unsure, Summary: "Not looked at"}
	case len(s.InputTools) > 0 && !c.waits():
		return ok(id, fmt.Sprintf("%s may keep macOS from taking a click on Allow; nothing waits for one", list(s.InputTools)))
	}
	if c.missing(gapProcesses) != "" {
		return c.notKnown(id, "Whether a program makes clicks of its own is not known", gapProcesses)
	}
	return c.unless(approval.ReasonInputTool, Warn, id, "No program is known to run that makes clicks of its own")
}

func (c checking) admin() Check {
	const id = "session.admin"
	switch c.st.Facts.Situation.Admin {
	case probe.Yes:
		return ok(id, "You are an administrator")
	case probe.No:
		return c.unless(approval.ReasonNotAdmin, Warn, id, "You are no administrator, and need not be for what waits now")
	}
	return c.notKnown(id, "Whether you are an administrator is not known", gapAdmin)
}

func (c checking) paneOpen() Check {
	const id = "settings.pane-open"
	switch c.st.Facts.Situation.PaneOpen {
	case probe.Yes:
		return c.unless(approval.ReasonPaneOpen, Warn, id, "The pane is open, and nothing waits in it")
	case probe.No:
		return ok(id, "The pane with the Allow button is not open")
	}
	return c.notKnown(id, "Whether the pane with the Allow button is open is not known", gapProcesses)
}

func (c checking) settingsValid() Check {
	const id = "settings.valid"
	if len(c.own.Settings) > 0 {
		return Check{id, Warn, "Some settings cannot be used; their defaults hold", list(c.own.Settings),
			"kextwatch settings lists every key and what it takes."}
	}
	check := ok(id, "The settings are valid")
	if len(c.own.Managed) > 0 {
		check.Detail = fmt.Sprintf("Managed by your organisation: %s", list(c.own.Managed))
	}
	return check
}

func (c checking) agentInstalled() Check {
	const id = "agent.installed"
	switch c.own.Installed {
	case probe.Yes:
		return ok(id, "kextwatch starts at login")
	case probe.No:
		return Check{id, Warn, "kextwatch does not start at login", "", "kextwatch install"}
	}
	return Check{ID: id, Level: Unsure, Summary: "Whether kextwatch starts at login is not known"}
}

func (c checking) agentRunning() Check {
	const id = "agent.running"
	switch c.own.Running {
	case probe.Yes:
		return ok(id, "kextwatch runs in the background")
	case probe.No:
		return Check{id, Warn, "kextwatch does not run in the background", "Windows are neither noticed nor announced.", "kextwatch install"}
	}
	return Check{ID: id, Level: Unsure, Summary: "Whether kextwatch runs in the background is not known"}
}

func (c checking) notifications() Check {
	const id = "notifications"
	if c.own.Notifications != "" {
		return Check{id, Warn, "The last notification could not be shown", Clean(c.own.Notifications), "kextwatch notify-test"}
	}
	if c.own.NotifyKnown {
		return ok(id, "Notifications are handed over; no system tells whether a person sees them. To try: kextwatch notify-test")
	}
	return Check{ID: id, Level: Unsure, Summary: "No notification was posted yet", Next: "kextwatch notify-test"}
}

func (c checking) tray() Check {
	const id = "tray"
	if c.own.Tray != "" {
		return Check{id, Warn, "There is no icon in the menu bar", Clean(c.own.Tray), "Notifications and kextwatch status work all the same; for the icon, use the app."}
	}
	return ok(id, "There can be an icon in the menu bar")
}

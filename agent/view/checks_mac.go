package view

import (
	"fmt"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

var macOSChecks = []check{
	{
		id: "macos.version", unknown: "Which macOS this is cannot be read",
		facts: []probe.Fact{probe.FactMacOSVersion}, judge: macOSVersion,
	},
	{
		id: "macos.update-offered", unknown: "Whether an offered macOS suits Parallels is not known",
		needs: []probe.Fact{probe.FactOfferedUpdates},
		early: func(c checking) (Check, bool) {
			return ok("No update of macOS is offered"), len(c.st.Facts.Updates.Offered) == 0
		},
		facts: []probe.Fact{probe.FactParallels}, judge: updateOffered,
	},
	{
		id: "macos.auto-update", unknown: "Whether macOS installs its updates by itself is not known",
		needs: []probe.Fact{probe.FactUpdateSettings},
		early: func(c checking) (Check, bool) {
			return ok("macOS does not install its updates by itself"), c.st.Facts.Updates.Install == probe.No
		},
		facts: []probe.Fact{probe.FactOfferedUpdates, probe.FactParallels}, judge: autoUpdate,
	},
	{
		id: "backup.recent", unknown: "When the last backup was made is not known",
		facts: []probe.Fact{probe.FactBackup}, judge: recentBackup,
	},
	{
		id: "sip", reason: approval.ReasonSIP, level: Warn, unknown: "Whether System Integrity Protection is on is not known",
		facts: []probe.Fact{probe.FactSIP},
		judge: func(c checking) Check {
			if c.st.Facts.Enforcement.SIP.State == probe.SIPEnabled {
				return ok("System Integrity Protection is on")
			}
			return ok("System Integrity Protection is changed")
		},
	},
	{
		id: "kext-consent", reason: approval.ReasonConsentOff, level: Warn, unknown: "Whether kernel extensions need consent is not known",
		facts: []probe.Fact{probe.FactConsent, probe.FactRecoveryTeams}, judge: consent,
	},
	{
		id: "mdm.kext-policy", reason: approval.ReasonManaged, level: Fail,
		unknown: "Whether a configuration profile is about kernel extensions is not known",
		needs:   []probe.Fact{probe.FactKextProfile, probe.FactProfiles}, early: noProfileForbids,
		facts: []probe.Fact{factPolicy},
		judge: func(checking) Check {
			return ok("A configuration profile decides which kernel extensions are allowed; none waits")
		},
	},
	{
		id: "system-extensions", reason: approval.ReasonSystemExtension, level: Warn, unknown: "Whether a system extension waits is not known",
		facts: []probe.Fact{probe.FactSystemExtensions},
		judge: func(checking) Check { return ok("No system extension waits for you") },
	},
}

func macOSVersion(c checking) Check {
	if !c.st.Mac.OS.AtLeast(12, 0) {
		return warn(macLine(c.st.Mac), "kextwatch is built to load on this macOS, and was not tried on it.",
			"Tell the project how it went: kextwatch doctor --facts.")
	}
	return ok(macLine(c.st.Mac))
}

func updateOffered(c checking) Check {
	p := c.parallels
	if offer, tooNew := c.tooNewOffer(); tooNew {
		return warn(fmt.Sprintf("macOS %s is offered; %s was made for macOS up to %s", Clean(offer.Version), title(p), p.Made.MaxMacOS), "",
			fmt.Sprintf("Update %s first (%s), and make a backup.", p.Name, releaseNotes(p)))
	}
	return ok(fmt.Sprintf("macOS %s is offered", Clean(c.st.Facts.Updates.Offered[0].Version)))
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

func autoUpdate(c checking) Check {
	if _, tooNew := c.tooNewOffer(); tooNew {
		return warn("macOS installs updates by itself, and offers one that Parallels was not made for", "",
			fmt.Sprintf("Switch automatic macOS updates off until %s is updated.", c.parallels.Name))
	}
	return ok("macOS installs its updates by itself")
}

func recentBackup(c checking) Check {
	const recent = 7 * 24 * time.Hour
	b := c.st.Facts.Updates.Backup
	switch {
	case b.Last.IsZero():
		return warn("Time Machine makes no backups", "", "Make a backup before you update macOS or Parallels.")
	case c.st.At.Sub(b.Last) > recent:
		return warn(fmt.Sprintf("The last Time Machine backup is of %s", b.Last.Local().Format("2 January 2006")), "",
			"Make a backup before you update macOS or Parallels.")
	}
	return ok(fmt.Sprintf("Time Machine made a backup on %s", b.Last.Local().Format("2 January, 15:04")))
}

func consent(c checking) Check {
	switch consent := c.st.Facts.Enforcement.Consent; {
	case consent.Enabled == probe.No:
		return ok("User consent for kernel extensions is off")
	case len(consent.Teams) > 0:
		return ok(fmt.Sprintf("Allowed from macOS Recovery: %s", list(consent.Teams)))
	}
	return ok("Kernel extensions need the consent of a user")
}

func noProfileForbids(c checking) (Check, bool) {
	p := c.st.Facts.Enforcement.Profile
	switch {
	case p.Present == probe.No:
		return ok("No configuration profile is about kernel extensions"), true
	case p.UserOverrides == probe.Yes:
		return ok("A configuration profile allows some kernel extensions, and lets users allow others"), true
	}
	return Check{}, false
}

package view

import (
	"fmt"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

var macOSChecks = []check{
	{
		id: "macos.version", unknown: "kextwatch cannot read the macOS version",
		facts: []probe.Fact{probe.FactMacOSVersion}, judge: macOSVersion,
	},
	{
		id: "macos.update-offered", unknown: "kextwatch cannot tell what an offered macOS means for the kernel extensions of this Mac",
		needs: []probe.Fact{probe.FactOfferedUpdates}, early: offerNeedsSomething,
		facts: []probe.Fact{probe.FactParallels, factMadeFor, probe.FactKextsOnDisk, probe.FactProcessor}, judge: updateOffered,
	},
	{
		id: "macos.auto-update", unknown: "kextwatch cannot tell whether macOS installs updates automatically",
		needs: []probe.Fact{probe.FactUpdateSettings},
		early: installsOffer,
		facts: []probe.Fact{probe.FactOfferedUpdates, probe.FactParallels, factMadeFor, probe.FactKextsOnDisk, probe.FactProcessor},
		judge: func(checking) Check { return ok("macOS installs updates automatically") },
	},
	{
		id: "backup.recent", unknown: "kextwatch cannot tell when the last backup was made",
		facts: []probe.Fact{probe.FactBackup}, judge: recentBackup,
	},
	{
		id: "sip", reason: approval.ReasonSIP, level: Warn, unknown: "kextwatch cannot tell whether System Integrity Protection is on",
		needs: []probe.Fact{probe.FactSIP},
		early: func(c checking) (Check, bool) {
			return ok("System Integrity Protection is on"), c.st.Facts.Enforcement.SIP.State == probe.SIPEnabled
		},
		facts: parallelsAlone, // without a product, it does not matter
		judge: func(c checking) Check { return ok("System Integrity Protection is changed") },
	},
	{
		id: "kext-consent", reason: approval.ReasonConsentOff, level: Warn, unknown: "kextwatch cannot tell whether kernel extensions need the user's consent",
		needs: []probe.Fact{probe.FactConsent, probe.FactRecoveryTeams}, early: consent,
		facts: parallelsAlone, // without a product, it does not matter
		judge: func(checking) Check { return ok("User consent for kernel extensions is off") },
	},
	{
		id: "mdm.kext-policy", reason: approval.ReasonManaged, level: Fail,
		unknown: "kextwatch cannot tell whether a configuration profile sets rules for kernel extensions",
		needs:   []probe.Fact{probe.FactKextProfile, probe.FactProfiles}, early: noProfileForbids,
		facts: []probe.Fact{factPolicy},
		judge: func(checking) Check {
			return ok("A configuration profile decides which kernel extensions are allowed, and none waits for approval")
		},
	},
	{
		id: "boot.policy", reason: approval.ReasonNeedsRecovery, level: Fail,
		unknown: "kextwatch cannot tell whether the startup security lets users approve kernel extensions",
		early:   bootPolicyEarly, facts: []probe.Fact{probe.FactProcessor, probe.FactBootPolicy}, judge: bootPolicy,
	},
	{
		id: "boot.volume", unknown: "kextwatch cannot tell whether macOS runs from the internal disk",
		early: bootVolumeEarly, facts: []probe.Fact{probe.FactProcessor, probe.FactBootVolume, probe.FactVirtual},
		judge: func(checking) Check { return ok("macOS runs from the internal disk of this Mac") },
	},
	{
		id: "system-extensions", unknown: "kextwatch cannot tell whether a system extension waits for approval",
		early: waitingExtension, facts: []probe.Fact{probe.FactSystemExtensions},
		judge: func(checking) Check { return ok("No system extension waits for approval") },
	},
}

func bootPolicyEarly(c checking) (Check, bool) {
	if r, holds := c.reason(approval.ReasonBootManaged); holds {
		return fail(r.Title, r.Text, r.Next), true
	}
	return ok("The startup security of Intel Macs does not restrict kernel extensions"), c.st.Mac.Arch == probe.Intel
}

// bootPolicy is the check if nothing waits for a change of the boot policy.
func bootPolicy(c checking) Check {
	switch boot := c.st.Facts.Boot; {
	case boot.Security == probe.FullSecurity && boot.MDMKexts == probe.Yes:
		return ok("Full Security: a device management service can approve kernel extensions, users cannot")
	case boot.Security == probe.FullSecurity:
		return ok("Full Security: macOS loads no kernel extensions of other developers, and none waits")
	case boot.UserKexts == probe.No:
		return ok("The startup security does not let users approve kernel extensions, and none waits")
	case boot.UserKexts == probe.Yes:
		return ok("The startup security lets users approve kernel extensions")
	}
	return unsure("kextwatch cannot tell whether the startup security lets users approve kernel extensions", notQueried, factWords[probe.FactBootPolicy].next)
}

// bootVolumeEarly warns on Apple silicon, where macOS must run from the internal disk.
func bootVolumeEarly(c checking) (Check, bool) {
	boot := c.st.Facts.Boot
	code := approval.ReasonExternalDisk
	if boot.External != probe.Yes {
		code = approval.ReasonVirtualMac
	}
	if c.st.Mac.Arch == probe.AppleSilicon && (boot.External == probe.Yes || boot.Virtual == probe.Yes) {
		r := withWords(approval.Reason{Code: code}, c.worst, c.st)
		return warn(r.Title, r.Text, r.Next), true
	}
	return ok("Intel Macs can load kernel extensions from any disk"), c.st.Mac.Arch == probe.Intel
}

// waitingExtension needs no product that is watched: any program may have a system
// extension.
func waitingExtension(c checking) (Check, bool) {
	waiting := c.st.Facts.Situation.WaitingExtensions()
	if len(waiting) == 0 {
		return Check{}, false
	}
	r := withWords(approval.Reason{Code: approval.ReasonSystemExtension, About: waiting}, approval.Product{}, c.st)
	return warn(r.Title, r.Text, r.Next), true
}

func macOSVersion(c checking) Check {
	if !c.st.Mac.OS.AtLeast(12, 0) {
		return warn(c.mac(), "kextwatch is built for this macOS, but was not tested on it.",
			"Send the output of kextwatch doctor --facts to the project.")
	}
	return ok(c.mac())
}

// offerNeedsSomething warns about an offered macOS after which a product needs something.
func offerNeedsSomething(c checking) (Check, bool) {
	offer, findings := c.warnedOffer()
	if len(findings) == 0 {
		return ok("No update of macOS is offered"), len(c.st.Facts.Updates.Offered) == 0
	}
	var details, steps []string
	for _, f := range findings {
		why := findingWhy(f)
		if len(findings) > 1 {
			why = fmt.Sprintf("%s: %s", findingInShort(f), why)
		}
		details, steps = append(details, why), append(steps, findingNext(f, c.st))
	}
	summary := count(len(findings), findingInShort(findings[0]), "%d products need something")
	return warn(fmt.Sprintf("macOS %s is offered; %s", Clean(offer.Version), summary), sentences(details...),
		sentences(append(steps, "make a backup before you install macOS")...)), true
}

// updateOffered is the check if no product is known to need something. An update within
// one release is not expected to change anything.
func updateOffered(c checking) Check {
	for _, offer := range c.st.Facts.Updates.Offered {
		for _, f := range c.st.Foreseen(probe.OSVersion{Version: offer.Version}) {
			if f.Result == approval.NotKnown {
				return unsure(fmt.Sprintf("kextwatch cannot tell whether %s works on macOS %s, which is offered", f.Product.Name, Clean(offer.Version)), findingWhy(f), findingNext(f, c.st))
			}
		}
	}
	return ok(fmt.Sprintf("macOS %s is offered", Clean(c.st.Facts.Updates.Offered[0].Version)))
}

// warnedOffer returns an offered macOS after which products need something.
func (c checking) warnedOffer() (probe.Offer, []approval.Finding) {
	for _, offer := range c.st.Facts.Updates.Offered {
		if findings := c.st.Warnings(probe.OSVersion{Version: offer.Version}); len(findings) > 0 {
			return offer, findings
		}
	}
	return probe.Offer{}, nil
}

// installsOffer warns if macOS installs such an update by itself.
func installsOffer(c checking) (Check, bool) {
	if c.st.Facts.Updates.Install != probe.No {
		if _, findings := c.warnedOffer(); len(findings) > 0 {
			return warn("macOS installs updates automatically, and offers one after which you have something to do", "",
				"Turn automatic macOS updates off until you have done what \"macos.update-offered\" says."), true
		}
	}
	return ok("macOS does not install updates automatically"), c.st.Facts.Updates.Install == probe.No
}

func recentBackup(c checking) Check {
	const recent = 7 * 24 * time.Hour
	b := c.st.Facts.Updates.Backup
	switch {
	case b.Last.IsZero():
		return warn("Time Machine is off", "", "Make a backup before you update macOS or Parallels.")
	case c.st.At.Sub(b.Last) > recent:
		return warn(fmt.Sprintf("The last Time Machine backup was made on %s", b.Last.Local().Format("2 January 2006")), "",
			"Make a backup before you update macOS or Parallels.")
	}
	return ok(fmt.Sprintf("Time Machine made a backup on %s", b.Last.Local().Format("2 January, 15:04")))
}

func consent(c checking) (Check, bool) {
	consent := c.st.Facts.Enforcement.Consent
	if len(consent.Teams) > 0 {
		return ok(fmt.Sprintf("Allowed in macOS Recovery: %s", list(consent.Teams))), consent.Enabled != probe.No
	}
	return ok("Kernel extensions need the user's consent"), consent.Enabled != probe.No
}

func noProfileForbids(c checking) (Check, bool) {
	p := c.st.Facts.Enforcement.Profile
	switch {
	case p.Present == probe.No:
		return ok("No configuration profile sets rules for kernel extensions"), true
	case p.UserOverrides == probe.Yes:
		return ok("A configuration profile allows some kernel extensions and lets users allow others"), true
	}
	return Check{}, false
}

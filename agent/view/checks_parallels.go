package view

import (
	"fmt"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// parallelsAlone is all that the answer "not installed" needs.
var parallelsAlone = []probe.Fact{probe.FactParallels}

var parallelsChecks = []check{
	{
		id: "parallels.installed", unknown: "kextwatch cannot tell whether Parallels Desktop is installed",
		needs: parallelsAlone, early: notInstalled,
		judge: func(c checking) Check {
			check := ok(fmt.Sprintf("%s is installed", title(c.parallels)))
			check.Detail = Clean(c.parallels.App.Path)
			return check
		},
	},
	{
		id: "parallels.version", unknown: "kextwatch cannot tell whether this version was made for this macOS",
		needs: parallelsAlone, early: notInstalled,
		facts: []probe.Fact{probe.FactMacOSVersion}, judge: madeForThisMacOS,
	},
	{
		id: "parallels.needed", unknown: "kextwatch cannot tell whether a virtual machine needs kernel extensions",
		needs: parallelsAlone, early: notInstalled,
		facts: []probe.Fact{probe.FactVMs}, judge: kextsNeeded,
	},
	{
		id: "parallels.asked", unknown: "kextwatch cannot tell whether an approval waits",
		early: blockedOrUpdated,
		facts: []probe.Fact{factPolicy, probe.FactParallels},
		judge: func(c checking) Check {
			return ok(sentence(fmt.Sprintf("%s: %s", orNothing(c.worst.Name, "nothing"), State(c.worst))))
		},
	},
	{
		id: "parallels.loaded", unknown: "kextwatch cannot tell which kernel extensions are loaded",
		early: loadFailing,
		facts: []probe.Fact{probe.FactParallels, probe.FactLoadedKexts, probe.FactKextsOnDisk}, judge: loaded,
	},
	{
		id: "parallels.service", unknown: "kextwatch cannot tell whether Parallels' service runs",
		needs: parallelsAlone, early: notInstalled,
		facts: []probe.Fact{probe.FactPrograms}, judge: serviceRuns,
	},
	{
		id: "restart", reason: approval.ReasonRestart, level: Fail, unknown: "kextwatch cannot tell whether a restart is needed",
		needs: parallelsAlone,
		early: func(c checking) (Check, bool) { return ok("No restart is needed"), c.nothingToLoad() },
		facts: []probe.Fact{factPolicy, probe.FactMacOSVersion},
		judge: func(checking) Check { return ok("No restart is needed") },
	},
	{
		id: "window", unknown: "kextwatch cannot tell whether there is an Allow button",
		early: buttonThere,
		facts: []probe.Fact{factPolicy},
		judge: func(checking) Check { return ok("No approval window is open") },
	},
}

func notInstalled(c checking) (Check, bool) {
	return ok("Parallels Desktop is not installed"), c.parallels.App == nil
}

func madeForThisMacOS(c checking) Check {
	p := c.parallels
	if p.Made == nil {
		return unsure("kextwatch does not know which macOS this version was made for", "", "")
	}
	if older, _ := p.Made.MadeForOlder(c.st.Mac.OS); older {
		return warn(fmt.Sprintf("%s was made for macOS up to %s", title(p), p.Made.MaxMacOS),
			fmt.Sprintf("The confidence of this entry is “%s”.", p.Made.Confidence), sentence(updateFor(p, c.st, c.st.Mac.OS)))
	}
	return ok(fmt.Sprintf("%s was made for this macOS", title(p)))
}

func kextsNeeded(c checking) Check {
	p := c.parallels
	switch {
	case p.Need.Answer == probe.No && p.Window.Open():
		return warn(fmt.Sprintf("macOS refused a kernel extension at %s, although none should be needed", clock(p.Window.OpenedAt)),
			sentences(noneNeeded(p), ruleWords[approval.RuleAttempted]), Next(p, c.st))
	case p.Need.Answer == probe.No:
		return ok(fmt.Sprintf("No kernel extension is needed: %s", ruleWords[p.Need.Because]))
	}
	check := ok(fmt.Sprintf("Kernel extensions are needed: %s", ruleWords[p.Need.Because]))
	check.Detail = sentences(named("on the Parallels hypervisor: %s", vmNames(p.Need.VMs)), withoutKexts(p, c.st.Mac.OS))
	return check
}

func blockedOrUpdated(c checking) (Check, bool) {
	p := c.worst
	if !p.Verdict.Blocked() && p.Verdict != approval.UpgradePending {
		return Check{}, false
	}
	return fail(fmt.Sprintf("%s: %s", p.Name, State(p)), Why(p, c.st), Next(p, c.st)), true
}

func loadFailing(c checking) (Check, bool) {
	if c.worst.Verdict != approval.LoadFailing {
		return Check{}, false
	}
	return fail("macOS refuses to load an approved kernel extension", Why(c.worst, c.st), Next(c.worst, c.st)), true
}

func loaded(c checking) Check {
	p := c.worst
	switch {
	case p.Loaded:
		return ok("All kernel extensions are loaded in the installed version")
	case c.nothingToLoad():
		return ok("No kernel extension has to be loaded")
	case p.Verdict == approval.Approved:
		return ok(fmt.Sprintf("Not loaded now. macOS loads them when %s needs them.", p.Name))
	case p.Verdict == approval.NotAsked:
		return ok("Not loaded, because nothing has tried to load them")
	}
	return warn("Not loaded", "", "Fix \"parallels.asked\" and \"restart\" first.")
}

func serviceRuns(c checking) Check {
	if c.st.Facts.Situation.Service == probe.Yes {
		return ok("Parallels' service runs")
	}
	check := ok("Parallels' service does not run. It starts with Parallels Desktop.")
	if r, holds := c.reason(approval.ReasonServiceDown); holds {
		check.Detail, check.Next = r.Text, r.Next
	}
	return check
}

func buttonThere(c checking) (Check, bool) {
	p := c.worst
	switch {
	case p.Window.Open():
		return fail(fmt.Sprintf("An Allow button is there until about %s (%s left)", clock(p.Window.ClosesAt), minutes(p.Window.MinutesLeft())), besideButton(p, c.st), sentences(clickThere(p, c.st), pressTab)), true
	case p.Verdict == approval.BlockedClosed:
		r := withWords(approval.Reason{Code: approval.ReasonWindowOver}, p, c.st)
		return fail(r.Title, r.Text, r.Next), true
	case p.Verdict == approval.BlockedUnknown:
		return unsure("kextwatch cannot tell whether there is an Allow button", besideButton(p, c.st), Next(p, c.st)), true
	}
	return Check{}, false
}

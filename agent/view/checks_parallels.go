package view

import (
	"fmt"
	"slices"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// parallelsAlone is all that the answer "not installed" needs.
var parallelsAlone = []probe.Fact{probe.FactParallels}

// loadFacts are the facts that can contradict an approval.
var loadFacts = []probe.Fact{
	probe.FactLoadedKexts, probe.FactKextsOnDisk, probe.FactMacOSVersion, probe.FactBootSession, probe.FactLoadHistory,
}

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
		needs: parallelsAlone, early: nothingNeeds,
		facts: []probe.Fact{probe.FactVMs}, judge: kextsNeeded,
	},
	{
		id: "parallels.asked", unknown: "kextwatch cannot tell whether an approval waits",
		early: blockedOrUpdated,
		facts: slices.Concat([]probe.Fact{factPolicy, probe.FactParallels}, loadFacts),
		judge: waitsForNothing,
	},
	{
		id: "parallels.loaded", reason: approval.ReasonOlderLoaded, level: Warn, unknown: "kextwatch cannot tell which kernel extensions are loaded",
		early: loadFailing,
		facts: slices.Concat(parallelsAlone, loadFacts), judge: loaded,
	},
	{
		id: "parallels.service", unknown: "kextwatch cannot tell whether Parallels' service runs",
		needs: parallelsAlone, early: notInstalled,
		facts: []probe.Fact{probe.FactPrograms}, judge: serviceRuns,
	},
	{
		id: "restart", reason: approval.ReasonRestart, level: Fail, unknown: "kextwatch cannot tell whether a restart is needed",
		needs: parallelsAlone, early: restartCannotHelp,
		facts: slices.Concat([]probe.Fact{factPolicy}, loadFacts),
		judge: restartMayHelp,
	},
	{
		id: "window", unknown: noButtonKnown,
		early: buttonThere,
		facts: []probe.Fact{factPolicy, probe.FactParallels},
		judge: noWindow,
	},
}

func notInstalled(c checking) (Check, bool) {
	return ok("Parallels Desktop is not installed"), c.parallels.App == nil
}

// nothingNeeds reports that nothing on this Mac can need a kernel extension yet.
func nothingNeeds(c checking) (Check, bool) {
	if check, none := notInstalled(c); none {
		return check, true
	}
	p, machines := c.parallels, c.st.Facts.Machines
	return ok("There is no virtual machine that needs kernel extensions"),
		p.Need.Answer == "" && machines.Known && len(machines.List) == 0 && !p.Verdict.NeedsAction()
}

// restartCannotHelp reports that all kernel extensions are loaded or none is needed.
func restartCannotHelp(c checking) (Check, bool) {
	return ok("No restart is needed"), !slices.ContainsFunc(c.st.Products, func(p approval.Product) bool {
		return mayNeedRestart(p) || !p.Listed && !c.needsNothing(p)
	})
}

// needsNothing reports whether nothing is left to do for the product: it is loaded, not needed or
// not installed, and no fact is missing for that.
func (c checking) needsNothing(p approval.Product) bool {
	done := p.Loaded && p.Verdict == approval.Approved || p.Verdict == approval.NotNeeded || p.Verdict == approval.NotInstalled
	return done && len(c.openFacts(p)) == 0
}

func restartMayHelp(c checking) Check {
	// Another product may lead, because of its open window.
	if i := slices.IndexFunc(c.st.Products, needsMoreThanRestart); i >= 0 {
		p := c.st.Products[i]
		return warn("A restart alone may not be enough", sentence(c.stateOf(p)), Next(p, c.st))
	}
	i := slices.IndexFunc(c.st.Products, mayNeedRestart)
	if i < 0 {
		return ok("No restart is needed")
	}
	check := ok("kextwatch knows of no reason for a restart")
	check.Next = Next(c.st.Products[i], c.st)
	return check
}

func needsMoreThanRestart(p approval.Product) bool {
	return !p.Listed && (p.Verdict == approval.LoadFailing || p.Verdict == approval.CannotLoad || p.Verdict == approval.UpgradePending)
}

func madeForThisMacOS(c checking) Check {
	p := c.parallels
	if p.Made == nil {
		return unsure("kextwatch does not know which macOS this version was made for", "", factWords[factMadeFor].next)
	}
	older, confidence := p.Made.MadeForOlder(c.st.Mac.OS)
	switch {
	case older:
		return warn(fmt.Sprintf("%s was made for macOS up to %s", title(p), p.Made.MaxMacOS),
			fmt.Sprintf("The confidence of this entry is “%s”.", p.Made.Confidence), sentence(updateFor(p, c.st, c.st.Mac.OS)))
	case confidence == approval.Unsure:
		return unsure("kextwatch does not know which macOS this version was made for", "", factWords[factMadeFor].next)
	}
	return ok(fmt.Sprintf("%s was made for this macOS", title(p)))
}

func kextsNeeded(c checking) Check {
	p := c.parallels
	switch {
	case p.Need.Answer == probe.No && p.Window.Open():
		return warn(fmt.Sprintf("macOS refused a kernel extension at %s, although none should be needed", c.times()(p.Window.OpenedAt)),
			sentences(noneNeeded(p), ruleWords[approval.RuleAttempted]), Next(p, c.st))
	case p.Need.Answer == probe.No:
		return Check{Level: Ok, Summary: "No kernel extension is needed", Detail: noneNeeded(p)}
	}
	check := ok(fmt.Sprintf("Kernel extensions are needed: %s", ruleWords[p.Need.Because]))
	check.Detail = sentences(named("on the Parallels hypervisor: %s", vmNames(p.Need.VMs)), withoutKexts(p, c.st.Mac))
	return check
}

func waitsForNothing(c checking) Check {
	if c.parallels.Verdict == "" {
		return ok("Parallels Desktop is not watched")
	}
	return ok(sentence(c.stateOf(c.parallels)))
}

// ignored reports that something waits for a user who ignores it. The exit status of
// status does not count it either.
func ignored(c checking) (Check, bool) {
	check := waitsForNothing(c)
	check.Detail = developerIgnored
	return check, c.parallels.Ignored && c.parallels.Verdict.NeedsAction()
}

func blockedOrUpdated(c checking) (Check, bool) {
	if check, is := ignored(c); is {
		return check, true
	}
	p := c.parallels
	if p.Verdict == "" && c.st.Verdict != "" || c.needsNothing(p) {
		return waitsForNothing(c), true
	}
	if p.Verdict == approval.Unknown && c.st.Source != "" { // the policy is known, and leaves it open
		return unsure("kextwatch cannot tell whether an approval waits", c.why(p), Next(p, c.st)), true
	}
	if !p.Verdict.Blocked() && p.Verdict != approval.UpgradePending {
		return Check{}, false
	}
	return fail(c.stateOf(p), c.why(p), Next(p, c.st)), true
}

func loadFailing(c checking) (Check, bool) {
	if check, is := ignored(c); is {
		return check, true
	}
	summary := "macOS refuses to load an approved kernel extension"
	switch p := c.parallels; p.Verdict {
	case "":
		return waitsForNothing(c), c.st.Verdict != ""
	case approval.LoadFailing:
	case approval.CannotLoad:
		summary = "macOS cannot load a kernel extension on this Mac"
	case approval.Approved:
		return loaded(c), c.needsNothing(p)
	default:
		return Check{}, false
	}
	return fail(summary, c.why(c.parallels), Next(c.parallels, c.st)), true
}

func loaded(c checking) Check {
	p := c.parallels
	switch {
	case p.Loaded:
		return ok("All kernel extensions of the installed version are loaded")
	case p.Verdict == approval.NotNeeded, p.Verdict == approval.NotInstalled:
		return ok("No kernel extension has to be loaded")
	case p.Uncertain:
		r := withWords(approval.Reason{Code: approval.ReasonNotSeenLoaded}, p, c.st)
		check := ok(r.Title)
		check.Detail, check.Next = r.Text, r.Next
		return check
	case p.Verdict == approval.Approved:
		return ok(fmt.Sprintf("Not loaded now. macOS loads them when %s needs them.", p.Name))
	case p.Verdict == approval.NotAsked:
		return ok("Not loaded, because nothing has tried to load them")
	}
	next := "Fix \"parallels.asked\" first."
	switch p.Verdict {
	case approval.Incompatible:
		next = "Fix \"parallels.version\" first."
	case approval.RestartPending:
		next = "Restart the Mac."
	}
	return warn(fmt.Sprintf("The kernel extensions of %s are not loaded", p.Name), "", next)
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

const noButtonKnown = "kextwatch cannot tell whether the {Allow} button is there"

func buttonThere(c checking) (Check, bool) {
	if p := c.firstClosing(); p != nil {
		until := OnScreen(c.st.Mac, "The {Allow} button is there until %s", closing(*p, c.st, c.times()))
		if !c.page {
			until += fmt.Sprintf(" (%s left)", minutes(p.Window.MinutesLeft()))
		}
		return fail(until, besideButton(*p, c.st), orElse(Next(*p, c.st), sentences(clickThere(*p, c.st), pressTab))), true
	}
	var unknown *approval.Product
	for i, p := range c.st.Products {
		switch {
		case p.Listed:
		case p.Verdict == approval.BlockedClosed:
			r := withWords(approval.Reason{Code: approval.ReasonWindowOver}, p, c.st)
			return fail(r.Title, r.Text, Next(p, c.st)), true
		case p.Verdict == approval.BlockedUnknown:
			unknown = &c.st.Products[i]
		}
	}
	if unknown == nil {
		return Check{}, false
	}
	return unsure(OnScreen(c.st.Mac, noButtonKnown), besideButton(*unknown, c.st), Next(*unknown, c.st)), true
}

// noWindow does not deny the window of a product that is only listed.
func noWindow(c checking) Check {
	if slices.ContainsFunc(c.st.Products, func(p approval.Product) bool {
		return p.Listed && (p.Window.Open() || p.Verdict == approval.BlockedUnknown)
	}) {
		return ok("No approval window is open for a watched kernel extension")
	}
	return ok("No approval window is open")
}

// firstClosing returns the product with the open window that closes first; nil: none is
// open.
func (c checking) firstClosing() *approval.Product {
	var first *approval.Product
	for i, p := range c.st.Products {
		if p.Window.Open() && !p.Listed && (first == nil || p.Window.ClosesAt.Before(first.Window.ClosesAt)) {
			first = &c.st.Products[i]
		}
	}
	return first
}

package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

func (c checking) policySource() Check {
	const id = "policy.source"
	if c.st.Source != "" {
		check := ok(id, fmt.Sprintf("The policy is read from the %s", c.st.Source))
		var others []string
		for _, s := range c.st.Sources {
			if s.Name != c.st.Source && s.State != probe.OK {
				others = append(others, fmt.Sprintf("%s: %s", s.Name, Clean(s.Reason)))
			}
		}
		check.Detail = strings.Join(others, "; ")
		if c.st.Facts.Disagree != "" {
			return Check{id, Warn, "Two sources of policy differ", Clean(c.st.Facts.Disagree),
				"Restart the Mac; if they still differ, send the answer of kextwatch doctor --facts to the project."}
		}
		return check
	}
	if c.worst.Verdict == approval.NotNeeded || c.worst.Verdict == approval.NotInstalled {
		return Check{ID: id, Level: Unsure, Summary: "No source of policy answers, and none is needed"}
	}
	var why []string
	for _, s := range c.st.Sources {
		if s.Reason != "" {
			why = append(why, fmt.Sprintf("%s: %s", s.Name, Clean(s.Reason)))
		}
	}
	return Check{id, Fail, "No source of policy answers", strings.Join(why, "; "), unknownNext(c.st)}
}

func (c checking) policyReader() Check {
	const id = "policy.reader"
	for _, s := range c.st.Sources {
		if s.Name != probe.Reader {
			continue
		}
		switch {
		case s.State == probe.OK:
			return ok(id, "The root reader publishes the policy")
		case s.State != probe.Absent:
			return Check{id, Fail, "The root reader does not work", Clean(s.Reason), sentence(orNothing(Clean(s.Next), "install it again: sudo kextwatch install --reader"))}
		}
	}
	switch c.st.Source {
	case probe.Database:
		return ok(id, "The root reader is not installed, and here not needed")
	case probe.Framework:
		return Check{id, Warn, "The root reader is not installed",
			"Without it, kextwatch cannot always tell when an Allow button appeared.", "Let an administrator run: sudo kextwatch install --reader"}
	}
	if c.worst.Verdict == approval.NotNeeded || c.worst.Verdict == approval.NotInstalled {
		return ok(id, "The root reader is not installed, and not needed")
	}
	return Check{id, Warn, "The root reader is not installed", "", "Let an administrator run: sudo kextwatch install --reader"}
}

func (c checking) installed() Check {
	const id = "parallels.installed"
	if c.parallels.App == nil {
		return ok(id, "Parallels Desktop is not installed")
	}
	check := ok(id, fmt.Sprintf("%s is installed", title(c.parallels)))
	check.Detail = Clean(c.parallels.App.Path)
	return check
}

func (c checking) version() Check {
	const id = "parallels.version"
	p := c.parallels
	switch {
	case p.App == nil:
		return ok(id, "Parallels Desktop is not installed")
	case p.Made == nil:
		return Check{ID: id, Level: Unsure, Summary: "For which macOS this version was made is not known"}
	}
	if older, _ := p.Made.MadeForOlder(c.st.Mac.OS); older {
		return Check{id, Warn, fmt.Sprintf("%s was made for macOS up to %s", title(p), p.Made.MaxMacOS),
			fmt.Sprintf("The table says so with the confidence “%s”.", p.Made.Confidence), fmt.Sprintf("Update %s (%s).", p.Name, releaseNotes(p))}
	}
	return ok(id, fmt.Sprintf("%s was made for this macOS", title(p)))
}

func (c checking) needed() Check {
	const id = "parallels.needed"
	p := c.parallels
	switch {
	case p.App == nil:
		return ok(id, "Parallels Desktop is not installed")
	case p.Need.Answer == probe.No:
		return ok(id, fmt.Sprintf("No kernel extension is needed: %s", ruleWords[p.Need.Because]))
	case p.Need.Answer == probe.Yes:
		check := ok(id, fmt.Sprintf("Kernel extensions are needed: %s", ruleWords[p.Need.Because]))
		check.Detail = sentences(stuckNames(p), otherHypervisor(p, c.st.Mac.OS))
		return check
	}
	return c.notKnown(id, "Whether a virtual machine needs kernel extensions is not known", gapMachines)
}

func stuckNames(p approval.Product) string {
	names := vmNames(p.Need.VMs)
	if names == "" {
		return ""
	}
	return fmt.Sprintf("on the Parallels hypervisor: %s", names)
}

func (c checking) asked() Check {
	const id = "parallels.asked"
	p := c.worst
	switch {
	case p.Verdict.Blocked(), p.Verdict == approval.UpgradePending:
		return Check{id, Fail, fmt.Sprintf("%s: %s", p.Name, State(p)), Why(p, c.st), Next(p, c.st)}
	case p.Verdict == approval.Unknown:
		return Check{id, Unsure, "Whether an approval waits cannot be told", "", "See policy.source."}
	}
	return ok(id, sentence(fmt.Sprintf("%s: %s", orNothing(p.Name, "nothing"), State(p))))
}

func (c checking) loaded() Check {
	const id = "parallels.loaded"
	p := c.worst
	switch {
	case p.Loaded:
		return ok(id, "All kernel extensions are loaded in the version that is installed")
	case p.Verdict == approval.LoadFailing:
		return Check{id, Fail, "macOS refuses to load what is approved", Why(p, c.st), Next(p, c.st)}
	case p.Verdict == approval.NotNeeded, p.Verdict == approval.NotInstalled:
		return ok(id, "Nothing has to be loaded")
	case !c.st.Facts.Loaded.Known:
		return c.notKnown(id, "What the kernel has loaded is not known", gapLoaded)
	case p.Verdict == approval.Approved:
		return ok(id, fmt.Sprintf("Not loaded at present; they are when %s needs them", p.Name))
	}
	if p.Verdict == approval.NotAsked {
		return ok(id, "Not loaded, because nothing has tried to yet")
	}
	return Check{id, Warn, "Not loaded", "", "First do what parallels.asked and restart say."}
}

func (c checking) service() Check {
	const id = "parallels.service"
	switch {
	case c.parallels.App == nil:
		return ok(id, "Parallels Desktop is not installed")
	case c.st.Facts.Situation.Service == probe.Yes:
		return ok(id, "Parallels' service runs")
	case c.st.Facts.Situation.Service == probe.No:
		check := ok(id, "Parallels' service does not run; it starts with Parallels Desktop")
		if r, holds := c.reason(approval.ReasonServiceDown); holds {
			check.Detail, check.Next = r.Text, r.Next
		}
		return check
	}
	return c.notKnown(id, "Whether Parallels' service runs is not known", gapProcesses)
}

func (c checking) restart() Check {
	return c.unless(approval.ReasonRestart, Fail, "restart", "No restart is missing")
}

func (c checking) window() Check {
	const id = "window"
	p := c.worst
	switch {
	case p.Window.Open():
		return Check{id, Fail, fmt.Sprintf("An Allow button is there until about %s (%s left)", clock(p.Window.ClosesAt), minutes(p.Window.MinutesLeft())), "", "kextwatch open shows the pane."}
	case p.Verdict == approval.BlockedClosed:
		return c.unless(approval.ReasonWindowOver, Fail, id, "")
	case p.Verdict == approval.BlockedUnknown:
		return Check{id, Unsure, "Whether an Allow button is there cannot be told", "", "kextwatch open shows the pane."}
	}
	return ok(id, "No approval window is open")
}

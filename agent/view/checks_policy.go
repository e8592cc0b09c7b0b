package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/probe"
)

var policyChecks = []check{
	{
		id: "policy.source", unknown: "kextwatch reads which kernel extensions are allowed, but not when they were tried",
		early: noPolicy,
		facts: []probe.Fact{probe.FactLoadHistory}, judge: policySource,
	},
	{id: "policy.reader", judge: policyReader},
}

func policySource(c checking) Check {
	check := ok(fmt.Sprintf("The policy is read from the %s", c.st.Source))
	var others []string
	for _, s := range c.st.Sources {
		if s.Name != c.st.Source && s.State != probe.OK {
			others = append(others, fmt.Sprintf("not from the %s: %s", s.Name, Clean(s.Reason)))
		}
	}
	check.Detail = sentence(strings.Join(others, "; "))
	return check
}

// noPolicy is the check if no source answered, or two of them differ.
func noPolicy(c checking) (Check, bool) {
	switch {
	case c.st.Source != "" && c.st.Facts.Disagree != "":
		return warn("macOS gives two different answers about kernel extensions", Clean(c.st.Facts.Disagree),
			"Restart the Mac. If they still differ, send the output of kextwatch doctor --facts to the project."), true
	case c.st.Source != "":
		return Check{}, false
	case c.nothingToLoad() && !c.st.OthersInFull:
		return unsure("kextwatch cannot read the kernel extension policy, and does not need it here", "", noAction), true
	}
	var why []string
	for _, s := range c.st.Sources {
		if s.Reason != "" {
			why = append(why, fmt.Sprintf("not from the %s: %s", s.Name, Clean(s.Reason)))
		}
	}
	return fail("kextwatch cannot read the kernel extension policy", sentence(strings.Join(why, "; ")), unknownNext(c.st)), true
}

// policyReader is ok only where the reader publishes now and launchd can start
// it again.
func policyReader(c checking) Check {
	i := slices.IndexFunc(c.st.Sources, func(s probe.Source) bool { return s.Name == probe.Reader })
	if i < 0 || c.st.Sources[i].State == probe.Absent {
		return silentReader(c)
	}
	check := installedReader(c)
	if s := c.st.Sources[i]; s.State != probe.OK {
		if check.Level != Fail {
			check = fail("The root reader does not work", "", sentence(orElse(Clean(s.Next), "install it again with sudo kextwatch install --reader")))
		}
		check.Detail = Clean(s.Reason)
	}
	return check
}

// installReader is the next step for a reader that is missing or older.
func (c checking) installReader() string {
	if c.st.Facts.Situation.Admin == probe.Yes {
		return "Run sudo kextwatch install --reader."
	}
	return "Ask an administrator to run sudo kextwatch install --reader."
}

// installedReader is the check of a reader that published something.
func installedReader(c checking) Check {
	switch r := c.own.Reader; r.State {
	case probe.ReaderSound:
		return ok("The root reader publishes the policy")
	case probe.ReaderOlder:
		return warn("The root reader is older than kextwatch", "It does not record its runs, so kextwatch notices late when it stops.", c.installReader())
	case probe.ReaderAbsent:
		return fail("The root reader is no longer installed", "What it published is no longer updated.", c.installReader())
	case probe.ReaderNoProgram:
		return fail("The program of the root reader is missing", Clean(r.Path), c.installReader())
	case probe.ReaderNoPlist:
		return fail("The property list of the root reader is missing", Clean(r.Path), c.installReader())
	case probe.ReaderUnguarded:
		return fail("Users other than root can change the root reader", Clean(r.Reason), sentence(Clean(r.Next)))
	}
	return unsure("kextwatch cannot tell whether the root reader is installed", Clean(c.own.Reader.Reason), sentence(Clean(c.own.Reader.Next)))
}

// silentReader is the check of a reader that published nothing.
func silentReader(c checking) Check {
	switch check := installedReader(c); {
	case c.own.Reader.State == probe.ReaderSound:
		return fail("The root reader has published nothing", "", "Ask an administrator to run sudo kextwatch read-policy. It says why.")
	case c.own.Reader.State != probe.ReaderAbsent:
		return check
	case c.st.Source == probe.Database:
		return ok("The root reader is not installed and not needed here")
	case c.st.Source == probe.Framework:
		return warn("The root reader is not installed", OnScreen(c.st.Mac, "Without it, kextwatch does not always know when the {Allow} button appeared."), c.installReader())
	case c.nothingToLoad():
		return ok("The root reader is not installed and not needed")
	}
	return warn("The root reader is not installed", "", c.installReader())
}

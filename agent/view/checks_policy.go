package view

import (
	"fmt"
	"strings"

	"kextwatch/probe"
)

var policyChecks = []check{
	{id: "policy.source", judge: policySource},
	{id: "policy.reader", judge: policyReader},
}

func policySource(c checking) Check {
	if c.st.Source != "" {
		check := ok(fmt.Sprintf("The policy is read from the %s", c.st.Source))
		var others []string
		for _, s := range c.st.Sources {
			if s.Name != c.st.Source && s.State != probe.OK {
				others = append(others, fmt.Sprintf("%s: %s", s.Name, Clean(s.Reason)))
			}
		}
		check.Detail = strings.Join(others, "; ")
		if c.st.Facts.Disagree != "" {
			return warn("macOS gives two different answers about kernel extensions", Clean(c.st.Facts.Disagree),
				"Restart the Mac. If they still differ, send the output of kextwatch doctor --facts to the project.")
		}
		return check
	}
	if c.nothingToLoad() {
		return unsure("kextwatch cannot read the kernel extension policy, and does not need it here", "", "")
	}
	var why []string
	for _, s := range c.st.Sources {
		if s.Reason != "" {
			why = append(why, fmt.Sprintf("%s: %s", s.Name, Clean(s.Reason)))
		}
	}
	return fail("kextwatch cannot read the kernel extension policy", strings.Join(why, "; "), unknownNext(c.st))
}

func policyReader(c checking) Check {
	for _, s := range c.st.Sources {
		if s.Name != probe.Reader {
			continue
		}
		switch {
		case s.State == probe.OK:
			return ok("The root reader publishes the policy")
		case s.State != probe.Absent:
			return fail("The root reader does not work", Clean(s.Reason), sentence(orNothing(Clean(s.Next), "install it again with sudo kextwatch install --reader")))
		}
	}
	switch c.st.Source {
	case probe.Database:
		return ok("The root reader is not installed and not needed here")
	case probe.Framework:
		return warn("The root reader is not installed",
			"Without it, kextwatch does not always know when an Allow button appeared.", "Ask an administrator to run sudo kextwatch install --reader.")
	}
	if c.nothingToLoad() {
		return ok("The root reader is not installed and not needed")
	}
	return warn("The root reader is not installed", "", "Ask an administrator to run sudo kextwatch install --reader.")
}

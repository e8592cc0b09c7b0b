package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
)

var otherChecks = []check{
	{
		id: "kexts.others", unknown: "kextwatch cannot tell whether a kernel extension of another developer waits",
		early: othersWait, judge: noneOfOthersWaits,
	},
}

// others returns the products of other developers than Parallels.
func (c checking) others() []approval.Product {
	return slices.DeleteFunc(slices.Clone(c.st.Products), func(p approval.Product) bool { return !otherVendor(p) })
}

func othersWait(c checking) (Check, bool) {
	var waiting []approval.Product
	var names []string
	for _, p := range c.others() {
		if p.Verdict.NeedsAction() && !p.Listed {
			waiting, names = append(waiting, p), append(names, p.Name)
		}
	}
	switch {
	case len(waiting) == 1:
		p := waiting[0]
		return fail(c.stateOf(p), c.why(p), Next(p, c.st)), true
	case len(waiting) > 1:
		var states, next []string
		for _, p := range waiting {
			states = append(states, c.stateOf(p))
			next = append(next, fmt.Sprintf("%s: %s", p.Name, Next(p, c.st)))
		}
		return fail(fmt.Sprintf("These need you: %s", list(names)), strings.Join(states, "; "), strings.Join(next, " ")), true
	case c.st.Verdict != "" && c.st.Source == "":
		return unsure("kextwatch cannot tell whether a kernel extension of another developer waits", "kextwatch cannot read the kernel extension policy.", unknownNext(c.st)), true
	}
	return Check{}, false
}

// noneOfOthersWaits lists the other developers.
func noneOfOthersWaits(c checking) Check {
	check := ok("No watched kernel extension of another developer needs you now")
	var states []string
	for _, p := range c.others() {
		states = append(states, c.stateOf(p))
	}
	check.Detail = strings.Join(states, "; ")
	return check
}

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
	for _, p := range c.others() {
		if p.Verdict.NeedsAction() && !p.Listed {
			return fail(fmt.Sprintf("%s: %s", p.Name, State(p)), Why(p, c.st), Next(p, c.st)), true
		}
	}
	if c.st.Verdict != "" && c.st.Source == "" {
		return unsure("kextwatch cannot tell whether a kernel extension of another developer waits", "kextwatch cannot read the kernel extension policy.", unknownNext(c.st)), true
	}
	return Check{}, false
}

// noneOfOthersWaits lists the other developers.
func noneOfOthersWaits(c checking) Check {
	var states []string
	for _, p := range c.others() {
		states = append(states, fmt.Sprintf("%s: %s", p.Name, State(p)))
	}
	if len(states) == 0 {
		return ok("No kernel extension of another developer is known on this Mac")
	}
	check := ok("No kernel extension of another developer needs you now")
	check.Detail = strings.Join(states, "; ")
	return check
}

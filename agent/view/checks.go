package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Check is one line of `kextwatch doctor`. Scripts rely on ID and Level.
type Check struct {
	ID      string
	Level   Level
	Summary string
	Detail  string // empty: there is nothing to add
	Next    string // the one next step; never empty at Warn and Fail
}

// Level is how a check came out.
type Level string

// The levels. Not known is never well.
const (
	Ok     Level = "ok"
	Warn   Level = "warn"
	Fail   Level = "fail"
	Unsure Level = "unknown"
)

// Own is what kextwatch knows of itself, for its own checks.
type Own struct {
	Installed     probe.Answer // its LaunchAgent is there and starts this program
	Running       probe.Answer
	Settings      []string // what is wrong with the settings
	Managed       []string // the settings that are managed
	Notifications string   // the newest failure to show one; empty: none known
	NotifyKnown   bool
	Tray          string // why there can be no icon; empty: there can
}

// Checks are all of them, in a fixed order.
func Checks(st approval.Status, own Own) []Check {
	c := checking{st: st, own: own}
	if i := slices.IndexFunc(st.Products, func(p approval.Product) bool { return p.Verdict == st.Verdict }); i >= 0 {
		c.worst = st.Products[i]
	}
	c.parallels = c.worst
	if i := slices.IndexFunc(st.Products, func(p approval.Product) bool { return p.TeamID == probe.ParallelsTeamID }); i >= 0 {
		c.parallels = st.Products[i]
	}
	return []Check{
		c.policySource(), c.policyReader(),
		c.installed(), c.version(), c.needed(), c.asked(), c.loaded(), c.service(),
		c.restart(), c.window(),
		c.macosVersion(), c.updateOffered(), c.autoUpdate(), c.backup(),
		c.sip(), c.consent(), c.profile(), c.systemExtensions(),
		c.console(), c.locked(), c.remote(), c.inputTools(), c.admin(), c.paneOpen(),
		c.settingsValid(), c.agentInstalled(), c.agentRunning(), c.notifications(), c.tray(),
	}
}

// checking has what the checks are about.
type checking struct {
	st        approval.Status
	own       Own
	worst     approval.Product // the product with the worst verdict
	parallels approval.Product
}

// waits reports whether somebody has to click Allow.
func (c checking) waits() bool {
	return c.worst.Verdict.Blocked() || c.worst.Verdict == approval.UpgradePending
}

// reason is the words of a reason that holds for any product.
func (c checking) reason(code approval.ReasonCode) (Reason, bool) {
	for _, p := range c.st.Products {
		for _, r := range Reasons(p, c.st) {
			if r.Code == code {
				return r, true
			}
		}
	}
	return Reason{}, false
}

// unless is a check that is well unless a reason holds.
func (c checking) unless(code approval.ReasonCode, bad Level, id, well string) Check {
	if r, holds := c.reason(code); holds {
		return Check{id, bad, r.Title, r.Text, r.Next}
	}
	return ok(id, well)
}

// notKnown is a check nobody can answer. Where a gap says why, so does it.
func (c checking) notKnown(id, summary, gapSource string) Check {
	check := Check{ID: id, Level: Unsure, Summary: summary}
	for _, g := range c.st.Gaps {
		if gapSource != "" && g.Source == gapSource {
			check.Detail, check.Next = Clean(g.Err), Clean(g.Next)
		}
	}
	return check
}

// missing is the first of these sources that could not be read; empty: none.
func (c checking) missing(sources ...string) string {
	for _, source := range sources {
		if slices.ContainsFunc(c.st.Gaps, func(g probe.Gap) bool { return g.Source == source }) {
			return source
		}
	}
	return ""
}

func ok(id, summary string) Check { return Check{ID: id, Level: Ok, Summary: summary} }

// CheckText is the answer of `kextwatch doctor` for people.
func CheckText(checks []Check) string {
	var b strings.Builder
	counts := map[Level]int{}
	for _, c := range checks {
		counts[c.Level]++
		fmt.Fprintf(&b, "%-8s %-20s %s\n", mark(c.Level), c.ID, c.Summary)
		if c.Detail != "" {
			fmt.Fprintf(&b, "%-29s %s\n", "", c.Detail)
		}
		if c.Next != "" {
			fmt.Fprintf(&b, "%-29s %s %s\n", "", "Next:", c.Next)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", fmt.Sprintf("%d well, %d to mind, %d failed, %d not known", counts[Ok], counts[Warn], counts[Fail], counts[Unsure]))
	return b.String()
}

// mark tells the levels apart without colour.
func mark(l Level) string {
	switch l {
	case Ok:
		return "ok"
	case Warn:
		return "! warn"
	case Fail:
		return "X FAIL"
	}
	return "? unknown"
}

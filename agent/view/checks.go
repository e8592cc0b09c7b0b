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
	ID      string `json:"id"`
	Level   Level  `json:"level"`
	Summary string `json:"summary"`
	Detail  string `json:"detail"` // may be empty
	Next    string `json:"next"`   // the next step; may be empty only at Ok
}

// Level is the result of a check.
type Level string

// The levels. What is not known is Unsure, never Ok.
const (
	Ok     Level = "ok"
	Warn   Level = "warn"
	Fail   Level = "fail"
	Unsure Level = "unknown"
)

// Own is what kextwatch knows about itself.
type Own struct {
	AtLogin       probe.LoginJob // what launchd does at the next login
	Running       probe.Answer
	SettingsRead  bool
	Settings      []string // what is wrong with the settings
	UnknownKeys   []UnknownKey
	Managed       []string // the settings that are managed
	Notifications string   // the error of the newest notification; empty: none
	NotifyKnown   bool     // a notification was posted
	Tray          string   // why there can be no icon; empty: there can be one
	Reader        probe.ReaderInstallation
}

// UnknownKey is a key in a settings file that kextwatch does not know.
type UnknownKey struct {
	Key, File  string
	Suggestion string // the key that it probably means; empty: none is close
}

// check is one row of the table of checks.
//
// A reason that holds comes first: it needs no other fact. "ok" needs all facts:
// while one is missing, the check is unknown, and the functions that could return
// "ok" are not called.
type check struct {
	id     string
	reason approval.ReasonCode // empty: none
	level  Level               // the level while the reason holds

	unknown string // the summary while a fact is missing

	// early can decide with needs alone. It returns false if the check also
	// depends on facts. A nil early always does.
	needs []probe.Fact
	early func(c checking) (Check, bool)

	facts []probe.Fact // for judge
	judge func(c checking) Check
}

// checks returns all rows in the order of the output. Scripts rely on the IDs.
func checks() []check {
	return slices.Concat(policyChecks, parallelsChecks, otherChecks, macOSChecks, sessionChecks, ownChecks)
}

// Checks returns the lines of doctor.
func Checks(st approval.Status, own Own) []Check { return newChecking(st, own).all() }

// ChecksOnPage returns the same for a page, which is read later.
func ChecksOnPage(st approval.Status, own Own) []Check {
	c := newChecking(st, own)
	c.page = true
	return c.all()
}

func (c checking) all() []Check {
	var all []Check
	for _, row := range checks() {
		check := row.run(c)
		check.ID = row.id
		if check.Level != Ok {
			check.Next = withContact(orElse(check.Next, "Check again in a moment."), c.st)
		}
		all = append(all, check)
	}
	return all
}

func (row check) run(c checking) Check {
	if r, holds := c.reason(row.reason); holds {
		return Check{Level: row.level, Summary: r.Title, Detail: r.Text, Next: r.Next}
	}
	if check, missing := c.missing(OnScreen(c.st.Mac, row.unknown), row.needs); missing {
		return check
	}
	if row.early != nil {
		if check, decided := row.early(c); decided {
			return check
		}
	}
	if check, missing := c.missing(OnScreen(c.st.Mac, row.unknown), row.facts); missing {
		return check
	}
	return row.judge(c)
}

// checking holds what the checks depend on.
type checking struct {
	st        approval.Status
	own       Own
	page      bool             // the words are for a page
	worst     approval.Product // the product with the worst verdict
	parallels approval.Product // Parallels Desktop, even if it is not watched
}

func newChecking(st approval.Status, own Own) checking {
	c := checking{st: st, own: own, parallels: approval.Product{Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID}}
	c.worst, _ = st.Leading()
	if i := slices.IndexFunc(st.Products, func(p approval.Product) bool { return p.Name == c.parallels.Name }); i >= 0 {
		c.parallels = st.Products[i]
	} else if i := slices.IndexFunc(st.Facts.Apps, func(app probe.App) bool { return app.TeamID == probe.ParallelsTeamID }); i >= 0 {
		c.parallels.App = &st.Facts.Apps[i]
	}
	return c
}

// stateOf names a product and its state.
func (c checking) stateOf(p approval.Product) string {
	if c.page {
		return fmt.Sprintf("%s: %s", p.Name, stateOnPage(p, c.st))
	}
	return fmt.Sprintf("%s: %s", p.Name, State(p))
}

// why is Why with the times for a screen or a page.
func (c checking) why(p approval.Product) string { return why(p, c.st, c.times()) }

func (c checking) mac() string {
	if c.page {
		return macLine(c.st.Mac, stamp)
	}
	return macLine(c.st.Mac, minute)
}

func (c checking) times() times {
	if c.page {
		return dated
	}
	return clock
}

// reason returns a reason if it holds for any product that is not only listed.
func (c checking) reason(code approval.ReasonCode) (Reason, bool) {
	for _, p := range c.st.Products {
		if p.Listed {
			continue
		}
		for _, r := range Reasons(p, c.st) {
			if r.Code == code {
				return r, true
			}
		}
	}
	return Reason{}, false
}

func ok(summary string) Check { return Check{Level: Ok, Summary: summary} }

func warn(summary, detail, next string) Check { return Check{"", Warn, summary, detail, next} }

func fail(summary, detail, next string) Check { return Check{"", Fail, summary, detail, next} }

func unsure(summary, detail, next string) Check { return Check{"", Unsure, summary, detail, next} }

// CheckText returns the output of `kextwatch doctor`: what is not ok comes first, the worst
// before the others. Without all, the checks that are ok are only counted.
func CheckText(checks []Check, all bool) Lines {
	var l Lines
	var advised []Check // those whose next step is shown
	shown := checks
	if !all {
		shown = folded(checks)
	}
	counts := map[Level]int{}
	for _, c := range checks {
		counts[c.Level]++
	}
	for _, c := range worstFirst(shown) {
		if c.Level == Ok && !all {
			continue
		}
		l.add(levels[rank(c.Level)].tone, "%-9s  %s: %s", mark(c.Level), c.ID, c.Summary)
		if c.Detail != "" {
			l.add(NoTone, "%-9s  %s", "", c.Detail)
		}
		same := slices.IndexFunc(advised, func(other Check) bool { return strings.Contains(other.Next, c.Next) })
		switch {
		case c.Next == "":
		case same >= 0:
			l.add(NoTone, "%-9s  Next: as for %s", "", advised[same].ID)
		default:
			l.add(NoTone, "%-9s  Next: %s", "", c.Next)
			advised = append(advised, c)
		}
	}
	if len(l) > 0 {
		l.blank()
	}
	summary := count(counts[Ok], "1 check passed", "%d checks passed")
	if !all && counts[Ok] > 0 {
		summary += " (--all shows them)"
	}
	if n := len(checks) - counts[Ok]; n > 0 {
		summary = fmt.Sprintf("%d failed, %s, %d unknown; %s", counts[Fail], count(counts[Warn], "1 warning", "%d warnings"), counts[Unsure], summary)
	}
	l.add(NoTone, "%s", summary)
	return l
}

// folded returns checks with one for all that are unknown for the same reason, if there is
// nothing to do about them on this Mac.
func folded(checks []Check) []Check {
	var rest []Check
	same := map[string][]string{} // the IDs of the checks with this next step
	for _, c := range checks {
		if c.Level == Unsure && (c.Next == noAction && c.Detail == notNeeded || c.Next == onThatMac) {
			same[c.Next] = append(same[c.Next], c.ID)
		} else {
			rest = append(rest, c)
		}
	}
	for _, fold := range []struct{ why, next string }{{notNeeded, noAction}, {onlyTheDisk, onThatMac}} {
		if ids := same[fold.next]; len(ids) > 0 {
			rest = append(rest, Check{
				ID: strings.Join(ids, ", "), Level: Unsure,
				Summary: "not checked", Detail: fold.why, Next: fold.next,
			})
		}
	}
	return rest
}

// worstFirst sorts checks: what is not ok comes first.
func worstFirst(checks []Check) []Check {
	return slices.SortedStableFunc(slices.Values(checks), func(a, b Check) int { return rank(a.Level) - rank(b.Level) })
}

// levels are the levels in the order of the output, with their tones.
var levels = [...]struct {
	level Level
	tone  Tone
}{{Fail, Bad}, {Warn, Careful}, {Unsure, Headline}, {Ok, NoTone}}

// rank returns the place of a level in levels.
func rank(level Level) int {
	for i, row := range levels {
		if row.level == level {
			return i
		}
	}
	return len(levels) - 1
}

// mark distinguishes the levels without color.
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

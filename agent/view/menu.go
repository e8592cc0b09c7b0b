package view

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Around holds what the menu shows in addition to the status.
type Around struct {
	Version       string // of kextwatch
	HideTime      bool   // show no minutes beside the icon
	HideQuit      bool
	SnoozeMinutes int
	SnoozedUntil  time.Time      // zero: alerts are not snoozed
	AtLogin       probe.LoginJob // how kextwatch starts at login
	Ignored       []string       // team IDs that the user ignores
}

// Menu returns everything behind the icon in the menu bar.
func Menu(st approval.Status, around Around) notify.Menu {
	m := notify.Menu{Icon: shapeOf(st), State: "kextwatch is checking…"}
	worst, found := st.Leading()
	if !found {
		if st.Verdict != "" {
			m.State, _ = noneWaits(st)
		}
		m.Tooltip = m.State
		m.Primary = primary(approval.Product{}, st)
		m.Items = items(approval.Product{}, m.Primary, st, around)
		return m
	}
	m.State = fmt.Sprintf("%s: %s", worst.Name, State(worst))
	m.Tooltip = fmt.Sprintf("kextwatch: %s", m.State)
	if worst.Window.Open() && !around.HideTime {
		m.Title = fmt.Sprintf("%dm", worst.Window.MinutesLeft())
	}
	m.Primary = primary(worst, st)
	m.Next = nextLines(worst, st)
	m.Details = details(worst, st)
	m.Items = items(worst, m.Primary, st, around)
	return m
}

// primary returns the entry that helps most now: what to do about the leading product. If
// the pane can help, it opens the pane. It has no label if there is nothing to do.
func primary(worst approval.Product, st approval.Status) notify.Primary {
	if PaneHelps(st) {
		return notify.Primary{Action: notify.OpenSettings, Label: openPane(st) + timeLeft(worst)}
	}
	do := verdictWords[worst.Verdict].primary
	switch {
	case do == nil:
		return notify.Primary{}
	case do.action == notify.Retry && !canRetry(worst, st):
		return notify.Primary{Action: notify.ShowGuide, Label: showSteps}
	}
	return notify.Primary{Action: do.action, Label: strings.ReplaceAll(do.label, "PRODUCT", worst.Name)}
}

func openPane(st approval.Status) string { return fmt.Sprintf("Open %s…", PaneFor(st.Mac).Name) }

func timeLeft(p approval.Product) string {
	if !p.Window.Open() {
		return ""
	}
	return fmt.Sprintf(" (%d min left)", p.Window.MinutesLeft())
}

const (
	showSteps = "Show the Steps…"
	tryAgain  = "Try Again…"
)

// primaryText is the first entry of the menu for a verdict while the pane cannot help.
// PRODUCT stands for the name of the product.
type primaryText struct {
	action notify.Action
	label  string
}

var (
	copyFirst    = primaryText{notify.CopyMessage, "Copy a Message for Your Administrator"}
	stepsFirst   = primaryText{notify.ShowGuide, showSteps}
	retryFirst   = primaryText{notify.Retry, tryAgain}
	restartFirst = primaryText{notify.ShowGuide, "Restart the Mac to Finish…"}
	updateFirst  = primaryText{notify.ShowGuide, "Update PRODUCT…"}
)

// ignoreLabel returns the label of notify.Ignore; empty: there is nobody to ignore.
func ignoreLabel(st approval.Status, ignored []string) string {
	p, stop, found := st.ToIgnore(ignored)
	switch {
	case !found:
		return ""
	case stop:
		return fmt.Sprintf("Stop Ignoring %s", p.Name)
	}
	return fmt.Sprintf("Ignore %s", p.Name)
}

// menuCase holds what the label and the state of an entry depend on.
type menuCase struct {
	worst   approval.Product
	st      approval.Status
	around  Around
	pane    string // the label of notify.OpenSettings
	helps   bool   // something may wait in the pane
	open    bool   // the approval window of worst is open
	ignore  string // the label of notify.Ignore; empty: no entry
	snoozed bool
	steps   bool // the guide has steps
}

func (c menuCase) always() bool     { return true }
func (c menuCase) windowOpen() bool { return c.open }
func (c menuCase) isSnoozed() bool  { return c.snoozed }
func (c menuCase) hasSteps() bool   { return c.steps }

// menuItem is one entry of the menu. An entry that is not enabled is dimmed.
type menuItem struct {
	label   func(menuCase) string
	enabled func(menuCase) bool
	checked func(menuCase) bool // nil: never
}

// menuItems has one row for each action below the details.
var menuItems = map[notify.Action]menuItem{
	notify.OpenSettings: {label: func(c menuCase) string { return c.pane }, enabled: func(c menuCase) bool { return c.helps }},
	notify.Retry:        {label: shownIf(tryAgain, func(c menuCase) bool { return !c.st.NoRetry }), enabled: func(c menuCase) bool { return canRetry(c.worst, c.st) }},
	notify.ShowGuide:    {label: called(showSteps), enabled: menuCase.hasSteps},
	notify.CopyGuide:    {label: called("Copy the Steps"), enabled: menuCase.hasSteps},
	notify.ShowHistory:  {label: called("History…"), enabled: menuCase.always},
	notify.ShowDoctor:   {label: called("Doctor…"), enabled: menuCase.always},
	notify.ShowReport:   {label: called("Report…"), enabled: menuCase.always},
	notify.CheckNow:     {label: called("Check Now"), enabled: menuCase.always},
	notify.SnoozeMenu: {
		label: func(c menuCase) string {
			if c.snoozed {
				return fmt.Sprintf("Snoozed until %s", clock(c.around.SnoozedUntil))
			}
			return "Snooze"
		},
		enabled: func(c menuCase) bool { return c.open || c.snoozed },
	},
	notify.Snooze: {
		label:   func(c menuCase) string { return count(c.around.SnoozeMinutes, "For 1 Minute", "For %d Minutes") },
		enabled: menuCase.windowOpen,
	},
	notify.SnoozeWindow: {label: called("Until This Window Closes"), enabled: menuCase.windowOpen},
	notify.EndSnooze:    {label: called("End Snooze"), enabled: menuCase.isSnoozed},
	notify.Ignore:       {label: func(c menuCase) string { return c.ignore }, enabled: menuCase.always},
	notify.Contact:      {label: contactLabel, enabled: menuCase.opensContact},
	notify.OpenAtLogin: {
		label:   called("Open at Login"),
		enabled: func(c menuCase) bool { return c.around.AtLogin.Starts() != "" && !c.around.AtLogin.OfAll },
		checked: func(c menuCase) bool { return c.around.AtLogin.Starts() == probe.Yes },
	},
	notify.ShowAbout: {
		label:   func(c menuCase) string { return fmt.Sprintf("About kextwatch %s", c.around.Version) },
		enabled: menuCase.always,
	},
	notify.Quit: {label: shownIf("Quit kextwatch", func(c menuCase) bool { return !c.around.HideQuit }), enabled: menuCase.always},
}

// called returns a label that never changes.
func called(label string) func(menuCase) string { return func(menuCase) string { return label } }

// shownIf returns a label that never changes, or no entry.
func shownIf(label string, shown func(menuCase) bool) func(menuCase) string {
	return func(c menuCase) string { return when(shown(c), label) }
}

// items returns the entries below the details. One that is the first entry already is not
// repeated.
func items(worst approval.Product, primary notify.Primary, st approval.Status, around Around) map[notify.Action]notify.Item {
	c := menuCase{
		worst: worst, st: st, around: around, open: worst.Window.Open(), snoozed: !around.SnoozedUntil.IsZero(),
		ignore: ignoreLabel(st, around.Ignored), steps: hasSteps(st),
		pane: openPane(st), helps: PaneHelps(st),
	}
	items := map[notify.Action]notify.Item{}
	for action, row := range menuItems {
		if action == primary.Action {
			continue
		}
		items[action] = notify.Item{Label: row.label(c), Enabled: row.enabled(c), Checked: row.checked != nil && row.checked(c)}
	}
	return items
}

// lineLength is the largest number of characters in a line of details, so that the menu fits on a
// small screen.
const lineLength = 60

func short(line string) string { return cutAfterWord(line, lineLength) }

// cutAfterWord returns the words of a text that fit into at most most characters.
func cutAfterWord(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	cut := string(letters[:most-1])
	if space := strings.LastIndexByte(cut, ' '); space > 0 {
		cut = cut[:space]
	}
	// The first word or two of a sentence say nothing.
	if end := sentenceEnd(cut); end > 0 && len(strings.Fields(cut[end:])) < 3 {
		return cut[:end] + " …"
	}
	return strings.TrimRight(cut, " ,;:") + "…"
}

// sentenceEnd returns where the last whole sentence ends. It is 0 if no sentence is whole.
func sentenceEnd(text string) int {
	last := 0
	for end := range sentenceEnds(text) {
		last = end
	}
	return last
}

// wrapped breaks a text into lines. Each sentence begins a line.
func wrapped(text string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && (strings.HasSuffix(line, ".") || utf8.RuneCountInString(line+" "+word) > lineLength) {
			lines, line = append(lines, short(line)), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, short(line))
	}
	return lines
}

// otherLines returns a line for each other product that waits: three at most, and then
// how many more there are.
func otherLines(st approval.Status) []string {
	const most = 3
	var lines []string
	more := 0
	for i, p := range st.Products {
		switch {
		case i == 0 || p.Listed || !p.Verdict.NeedsAction():
		case len(lines) == most:
			more++
		default:
			lines = append(lines, short(fmt.Sprintf("%s: %s", p.Name, State(p))))
		}
	}
	if more > 0 {
		lines[most-1] = fmt.Sprintf("%d more products wait: see Doctor…", more+1)
	}
	return lines
}

// nextLines returns the next step in at most notify.MaxNext lines.
func nextLines(p approval.Product, st approval.Status) []string {
	lost := hasKext(p, isLost)
	noButton := p.Verdict == approval.BlockedClosed || p.Verdict == approval.BlockedUnknown && lost
	var lines []string
	switch {
	case noButton && canRetry(p, st):
		lines = []string{OnScreen(st.Mac, "To get the {Allow} button back, choose Try Again…")}
	case noButton:
		lines = []string{OnScreen(st.Mac, "This brings the {Allow} button back:"), short(TryAgain(p, st.Mac.OS))}
	case p.Verdict == approval.LoadFailing, p.Verdict == approval.CannotLoad:
		lines = wrapped(failingInShort(p, st))
	case p.Verdict == approval.Approved && (p.Uncertain || hasKext(p, approval.Kext.OlderLoaded)):
		lines = wrapped(verdictWords[p.Verdict].next(p, st))
		lines = lines[max(0, len(lines)-notify.MaxNext):] // what to do; what is known is in the details
	case p.Verdict == approval.RestartPending:
		lines = []string{OnScreen(st.Mac, "Choose {Restart…} in the {Apple menu}.")}
	case p.Verdict.NeedsAction() || p.Verdict == approval.Unknown:
		lines = wrapped(sentence(withoutAddresses(nextInShort(p, st))))
	}
	if len(lines) > notify.MaxNext {
		lines = append(lines[:notify.MaxNext-1], short(strings.Join(lines[notify.MaxNext-1:], " ")))
	}
	return lines
}

// details returns more lines about the state. Each of them is short.
func details(p approval.Product, st approval.Status) []string {
	var lines []string
	add := func(line string) { lines = append(lines, line) }
	if probe.HasGap(st.Gaps, probe.FactOwnFiles) {
		add("kextwatch cannot save: make room on the disk")
	}
	if p.Verdict.Blocked() && p.Verdict != approval.NeedsRecovery {
		for _, item := range p.Items {
			for _, k := range item.Kexts {
				if k.Blocked && k.Developer != "" {
					add(fmt.Sprintf("Shown in the pane as “%s”", Clean(k.Developer)))
					break
				}
			}
		}
	}
	if p.Window.Open() {
		add(OnScreen(st.Mac, "{Allow} button until %s", closing(p, st, clock)))
	}
	if others := othersThan(p, st); len(others) > 0 && p.Verdict.Blocked() {
		add(short("Also waiting there: " + list(others)))
	}
	if needs := neededBy(p.Need); needs != "" && p.Verdict.NeedsAction() {
		add(short(needs))
	}
	if o := obstacle(p, st); o != nil {
		add(o.Title)
	}
	if step := Progress(p, st); step != "" {
		add(fmt.Sprintf("%s: choose Show the Steps…", step))
	} else if p.Verdict == approval.Managed {
		add("For a message to send, choose Show the Steps…")
	}
	switch lost := hasKext(p, isLost); {
	case p.Verdict == approval.BlockedOpen, p.Verdict == approval.BlockedUnknown && !lost:
		add("Button does nothing? Press Tab, then Space")
		if st.Mac.OS.AtLeast(11, 0) {
			add(OnScreen(st.Mac, "After {Allow}, restart the Mac"))
		}
	case p.Verdict == approval.Unknown && st.Source == "":
		for _, s := range st.Sources {
			if s.State != probe.OK {
				add(short(fmt.Sprintf("%s: %s", s.Name, Clean(s.Reason))))
			}
		}
	case p.Verdict == approval.Approved && hasKext(p, approval.Kext.OlderLoaded):
		if known := wrapped(verdictWords[p.Verdict].next(p, st)); len(known) > notify.MaxNext {
			add(known[0])
		}
	case p.Verdict == approval.Unknown && lost:
		add("macOS does not list the approval any more")
	case p.Verdict == approval.Unknown && hasKext(p, isRecorded):
		add("macOS lists no decision about it")
	}
	if names := openNames(p, st); names != "" {
		add(short(fmt.Sprintf("Not known: %s", names)))
	}
	others := otherLines(st)
	lines = append(lines[:min(len(lines), notify.MaxDetails-len(others))], others...)
	if p.App != nil && p.App.Version != "" {
		add(fmt.Sprintf("%s %s, macOS %s", p.Name, Clean(p.App.Version), st.Mac.OS))
	}
	return lines[:min(len(lines), notify.MaxDetails)]
}

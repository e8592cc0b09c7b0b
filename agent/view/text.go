package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Text returns the output of `kextwatch status`.
func Text(st approval.Status) Lines {
	var l Lines
	for _, p := range st.Products {
		l.add(shownTone(p), "%s: %s", title(p), State(p))
		if p.Listed { // nothing to do now
			l.labeled("Note", listedBecause(p, st))
			l.labeled("Guide", whichStep(p, st))
			continue
		}
		l.labeled("Why", whyBeside(p, st))
		l.next(Next(p, st))
		l.labeled("Contact", contactAbout(p, st))
		l.labeled("Guide", whichStep(p, st))
		if p.Window.Open() {
			l.labeled("Window", fmt.Sprintf("%s  %s – %s (%s)", Bar(p.Window.Left, approval.WindowLength, 30), clock(p.Window.OpenedAt), clock(p.Window.ClosesAt), basis(p.Window.Basis)))
		}
		for _, r := range Reasons(p, st) {
			beside := slices.Contains(maySpoilButton, r.Code) && (p.Verdict.Blocked() || p.Window.Open())
			if beside || r.Severity != approval.Note && !slices.Contains(statedByVerdict, r.Code) {
				l.labeled("Note", fmt.Sprintf("%s: %s", r.Title, strings.TrimSpace(r.Text+" "+r.Next)))
			}
		}
	}
	l.add(NoTone, "%s", macLine(st.Mac, minute))
	for _, s := range st.Sources {
		switch {
		case s.Name == st.Source:
			l.add(NoTone, "Policy read from the %s", s.Name)
			continue
		case s.State == probe.OK: // read only to compare it with the source that answered
			continue
		case s.State == probe.Absent && st.Source == probe.Database: // not needed beside the database
			continue
		}
		l.add(NoTone, "Policy from the %s: %s: %s", s.Name, s.State, Clean(s.Reason))
		if st.Source == "" && !unknownSaid(st) {
			l.labeled("Next", sentence(sourceNext(s, st)))
		}
	}
	l.missing(shownFacts(missingFacts(st), st))
	return l
}

// whyBeside is Why below a headline with the state. It is empty if it says the same.
func whyBeside(p approval.Product, st approval.Status) string {
	why := Why(p, st)
	return when(why != sentence(fmt.Sprintf("%s is %s", p.Name, State(p))), why)
}

// unknownSaid reports whether the next step of a product has the ways to an answer.
func unknownSaid(st approval.Status) bool {
	return slices.ContainsFunc(st.Products, func(p approval.Product) bool {
		return !p.Listed && strings.Contains(Next(p, st), unknownNext(st))
	})
}

// missing lists facts.
func (l *Lines) missing(gaps []probe.Gap) {
	for _, m := range missingLines(gaps) {
		l.add(NoTone, "%s", m.text)
		l.next(m.next)
	}
}

// missingLine says which facts are missing, and why, and what a person can do.
type missingLine struct{ text, next string }

// missingLines returns a line for each cause: facts with one cause and one next step share
// it.
func missingLines(gaps []probe.Gap) []missingLine {
	var lines []missingLine
	for len(gaps) > 0 {
		first := gaps[0]
		var names []string
		var others []probe.Gap
		for _, g := range gaps {
			if cause(g) == cause(first) && g.Next == first.Next {
				names = append(names, factName(g.Source))
			} else {
				others = append(others, g)
			}
		}
		why := first.Err
		if len(names) > 1 {
			why = cause(first)
		}
		lines = append(lines, missingLine{fmt.Sprintf("Not known: %s: %s", strings.Join(names, ", "), Clean(why)), Clean(first.Next)})
		gaps = others
	}
	return lines
}

// cause is why a fact is missing, without the tool that was to tell it.
func cause(g probe.Gap) string {
	if tool, why, found := strings.Cut(g.Err, ": "); found && strings.HasPrefix(tool, "/") {
		return why
	}
	return g.Err
}

// shownTone is the tone of a product's headline. One that is only listed needs nothing now.
func shownTone(p approval.Product) Tone {
	if p.Listed {
		return NoTone
	}
	return toneOf(p.Verdict)
}

// whichStep leads to the guide if it is about this product and the user is on the way
// through macOS Recovery.
func whichStep(p approval.Product, st approval.Status) string {
	if first, _ := GuideProduct(st); first.Name != p.Name || p.Ignored {
		return ""
	}
	return sentences(named("%s. kextwatch guide shows all of them", Progress(p, st)))
}

const developerIgnored = "This developer is ignored."

// listedBecause says why a product changes neither the icon nor the exit status. It is
// empty if there is nothing to do about it.
func listedBecause(p approval.Product, st approval.Status) string {
	switch {
	case mayNeedRestart(p):
		return verdictWords[p.Verdict].next(p, st)
	case p.Repeated && !p.Ignored && p.Window.Open():
		return sentences("a program tries to load it after each start of the Mac, and nobody allowed it", "to use it, "+clickThere(p, st))
	case !p.Verdict.NeedsAction() && p.Verdict != approval.Unknown:
		return ""
	case p.Ignored:
		return developerIgnored
	}
	return named("if you need it: %s", Next(p, st))
}

func title(p approval.Product) string {
	if p.App == nil || p.App.Version == "" {
		return p.Name
	}
	return fmt.Sprintf("%s %s (%s)", p.Name, Clean(p.App.Version), Clean(p.App.Build))
}

// macLine returns macName and when the Mac started.
func macLine(mac probe.Mac, at times) string {
	if mac.BootedAt.IsZero() {
		return macName(mac)
	}
	return fmt.Sprintf("%s, started %s", macName(mac), at(mac.BootedAt))
}

// macName returns the version of macOS and the processor.
func macName(mac probe.Mac) string {
	version := "unknown macOS version"
	if mac.OS.Known() {
		version = fmt.Sprintf("macOS %s (%s)", mac.OS, mac.OS.Build)
	}
	switch mac.Arch {
	case probe.Intel:
		version = fmt.Sprintf("%s, Intel", version)
	case probe.AppleSilicon:
		version = fmt.Sprintf("%s, Apple silicon", version)
	}
	return version
}

// Bar draws part of a whole in width characters.
func Bar(part, whole time.Duration, width int) string {
	full := int(int64(width) * int64(part) / int64(whole))
	full = max(0, min(full, width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func basis(b approval.Basis) string {
	switch b {
	case approval.Seen:
		return "seen as it happened"
	case approval.LoadHistory:
		return "from the load history"
	case approval.Log:
		return "from the log"
	case approval.Retry:
		return "from the retry"
	}
	return string(b)
}

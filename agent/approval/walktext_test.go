package approval_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// A walk as text: what a failing test prints, and what TestStoriesOfWalks plays.

func (w walk) String() string {
	var b strings.Builder
	source := string(w.source)
	if source == "" {
		source = "none"
	}
	fmt.Fprintf(&b, "macOS %s, source %s, log %v, all vendors %v, two teams of one name %v\n", w.macOS, source, w.log, w.others, w.twins)
	for _, s := range w.steps {
		asleep := ""
		if !s.awake {
			asleep = " asleep"
		}
		fmt.Fprintf(&b, "  +%v%s %s\n", s.after, asleep, s.name())
	}
	return b.String()
}

func (s step) name() string {
	if slices.Contains(ofMac, s.what) {
		return string(s.what)
	}
	return fmt.Sprintf("%s %s", walkTeams[s.team].id, s.what)
}

// parseWalk is the inverse of walk.String. It panics if text is not a walk.
func parseWalk(text string) (w walk) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	source := ""
	if _, err := fmt.Sscanf(strings.ReplaceAll(lines[0], ",", ""), "macOS %s source %s log %t all vendors %t two teams of one name %t", &w.macOS, &source, &w.log, &w.others, &w.twins); err != nil {
		panic(fmt.Sprintf("%q: %v", lines[0], err))
	}
	if source != "none" {
		w.source = probe.SourceName(source)
	}
	for _, line := range lines[1:] {
		after, what, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "+"), " ")
		s := step{awake: true}
		var err error
		if s.after, err = time.ParseDuration(after); err != nil {
			panic(fmt.Sprintf("%q: %v", line, err))
		}
		if rest, asleep := strings.CutPrefix(what, "asleep "); asleep {
			s.awake, what = false, rest
		}
		if id, rest, _ := strings.Cut(what, " "); !slices.Contains(ofMac, action(what)) {
			s.team = teamIndex(id)
			what = rest
		}
		if s.what = action(what); s.team < 0 || !slices.Contains(slices.Concat(ofTeam, ofMac), s.what) {
			panic(fmt.Sprintf("%q is no step", line))
		}
		w.steps = append(w.steps, s)
	}
	return w
}

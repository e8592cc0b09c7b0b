package approval_test

import (
	"fmt"
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// What must hold whatever happens on a Mac. It follows from section 5 of the design, not
// from the code.

// expected is what is expected of the agent about the whole Mac.
type expected struct {
	posted   []posted        // the alerts since the last step that can cause them
	known    []time.Duration // the time left that the agent last claimed, by team; 0: it knows no window
	knownAt  time.Duration   // real
	jumped   bool            // the clock was set since
	update   expectedUpdate
	failures map[string]string
}

// posted is an alert about a team.
type posted struct {
	alert string
	team  string
	at    time.Duration // real
	old   bool          // it was posted before the last step
}

// expectedUpdate is the last update of macOS.
type expectedUpdate struct {
	to     string
	told   int  // alerts that name it
	judged bool // the tools have answered since
}

// A window is open from an attempt that is refused until 30 minutes after the last one, or
// until somebody allows it. A restart or a login ends what is known about it.
type window struct {
	open      bool
	ends      time.Duration // in the time that really passed
	announced bool
}

// expectedOfTeam is what is expected of the agent about one team.
type expectedOfTeam struct {
	window window

	// The window is new: the first snapshot that shows the attempt announces it.
	due bool

	// What the agent cannot know. The last attempt, if nothing tells it while the clock
	// is set back, and the time that passes while it is.
	told, lost bool
	slip       time.Duration
	latest     time.Duration // when the last window ends or ended, if nobody allowed it

	reminded uint          // the stages of the reminders of this window, a bit for each
	again    bool          // one of them may come again: after a snooze, or if it may be lost
	owed     bool          // the agent was killed while it posted an alert about the window
	gone     bool          // an approval is gone
	goneAt   time.Duration // real, when a good read first showed that; 0: none did
}

func (w *walker) fail(kind, format string, args ...any) {
	if w.failures[kind] == "" {
		w.failures[kind] = fmt.Sprintf(format, args...)
	}
}

// teamIndex returns the index of a team in walkTeams; -1: another one, or none.
func teamIndex(id string) int {
	return slices.IndexFunc(walkTeams, func(t team) bool { return t.id == id })
}

// full reports whether a team is watched in full.
func (w *walker) full(i int) bool { return w.others || walkTeams[i].id == probe.ParallelsTeamID }

// Events that cause no alert that was shown before.
var neutral = []action{agentAgain, agentKill, slowTools, toolsBack, snoozes, passes}

// happens begins a step.
func (w *walker) happens(s step) {
	for i := range w.posted {
		w.posted[i].old = true
	}
	w.posted = slices.DeleteFunc(w.posted, func(p posted) bool {
		return !slices.Contains(neutral, s.what) && (!slices.Contains(ofTeam, s.what) || p.team == walkTeams[s.team].id || p.team == "")
	})
}

// opens is an attempt that macOS refused. A window that the agent still shows is not new
// to anybody. After the clock was set back, an attempt looks older than the approval.
func (w *walker) opens(i int) {
	t := &w.teams[i]
	if !t.window.open {
		t.window, t.slip, t.due = window{open: true}, 0, w.known[i] == 0 && !(t.gone && w.offset < 0)
	}
	t.window.ends = w.real + approval.WindowLength
	t.latest = t.window.ends
	t.reminded = 0 // they come again
}

func (w *walker) forget() {
	for i := range w.known {
		w.known[i] = 0
	}
}

// settled ends the window of a team that somebody allowed. An agent without a
// policy source cannot know it.
func (w *walker) settled(i int) {
	t := &w.teams[i]
	t.window, t.due, t.owed, t.gone, t.goneAt = window{}, false, false, false, 0
	if w.answers && !(w.slow && w.source == probe.Framework) {
		w.known[i], t.latest = 0, 0
	}
}

// goes notes that an approval is gone.
func (t *expectedOfTeam) goes() { t.gone, t.goneAt = true, 0 }

// endWindows notes that a restart or a login ends what is known about the windows.
func (w *walker) endWindows() {
	w.forget()
	for i := range w.teams {
		t := &w.teams[i]
		t.window, t.due, t.owed, t.goneAt = window{}, false, false, 0
	}
}

// clockSet notes that the clock was set.
func (w *walker) clockSet() {
	w.jumped = true
	for i := range w.teams {
		t := &w.teams[i]
		t.due, t.owed, t.goneAt, t.again = false, false, 0, true
	}
}

// killed notes that alerts may not have been seen.
func (w *walker) killed(notices []approval.Notice) {
	for _, n := range notices {
		i := teamIndex(n.Product.TeamID)
		if i >= 0 && n.Urgency != approval.Silent && (n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.WindowReminder) {
			w.teams[i].again, w.teams[i].owed = true, true
		}
	}
	for i := range w.posted {
		w.posted[i].old = true
	}
}

// check compares a status and its notices with what is expected.
func (w *walker) check(when string, still bool, snap probe.Snapshot, notices []approval.Notice) {
	w.checkTimeLeft(when, w.status)
	for i := range w.teams {
		w.checkBlocked(when, i, snap)
		if t := &w.teams[i]; t.seen.Before(w.loginAt) { // by the clock, which may have been set back
			t.window.announced = false
		}
	}
	w.checkUpdate(when, snap, notices)
	w.checkAlerts(when, still, notices)
	for _, n := range notices {
		if i := teamIndex(n.Product.TeamID); i >= 0 {
			w.checkWindow(when, i, n)
		}
	}
	for i := range w.teams {
		w.checkDue(when, i, snap)
	}
}

// The time left is 0 to 30 minutes and never grows without an attempt, and a window that
// is known is not forgotten.
func (w *walker) checkTimeLeft(when string, status approval.Status) {
	now := w.now()
	passed := w.real - w.knownAt
	for i := range w.teams {
		left, opened := leftOf(status, walkTeams[i].id)
		t := &w.teams[i]
		truth := time.Duration(0)
		if t.window.open {
			truth = t.window.ends - w.real
		}
		claimed := w.known[i]
		if w.jumped {
			t.slip += passed
		} else {
			claimed -= passed
		}
		most := max(claimed, t.latest+t.slip-w.real, 0)
		if t.lost {
			most = max(most, min(approval.WindowLength, t.seen.Add(approval.WindowLength).Sub(now)))
		}
		t.told = t.told || left > 0
		const slack = 5 * time.Second
		switch {
		case left < 0 || left > approval.WindowLength:
			w.fail("the time left is impossible", "%s: %s has %v left", when, walkTeams[i].id, left)
		case left > 0 && left > most+slack && !(t.lost && w.offset < 0): // without a monotonic clock, the last read may look recent
			kind := "the time left grows without an attempt"
			if most == 0 {
				kind = "a window without an attempt"
			}
			w.fail(kind, "%s: %s has %v left (opened %v), at most %v is true", when, walkTeams[i].id, left, opened.Sub(walkStart), most)
		case left == 0 && claimed > slack && truth > slack && !w.jumped && !t.seen.Before(w.loginAt):
			w.fail("a known open window is forgotten", "%s: %s had %v left, now none; verdict %s", when, walkTeams[i].id, w.known[i], status.Verdict)
		}
		w.known[i] = left
	}
	w.knownAt, w.jumped = w.real, false
}

// A blocked extension is never shown as well, and neither is one about which no source
// answers. An approval that is gone counts as lost a moment later, that of a profile after
// five minutes.
func (w *walker) checkBlocked(when string, i int, snap probe.Snapshot) {
	t := &w.teams[i]
	if snap.Policy == nil || snap.Policy.Stale {
		t.goneAt = 0
	} else if t.gone && t.goneAt == 0 {
		t.goneAt = w.real
	}
	if !t.installed || slices.ContainsFunc(snap.Loaded.Kexts, func(k probe.LoadedKext) bool { return slices.Contains(walkTeams[i].kexts, k.BundleID) }) {
		return
	}
	verdict := approval.NotInstalled
	if p := slices.IndexFunc(w.status.Products, func(p approval.Product) bool { return p.TeamID == walkTeams[i].id }); p >= 0 {
		verdict = w.status.Products[p].Verdict
	}
	of := func(id string) bool { return id == walkTeams[i].id }
	switch policy := snap.Policy; {
	case policy == nil:
		if t.row && t.blocked() && !t.gone && verdict != approval.Unknown && !verdict.NeedsAction() {
			w.fail("well although no source answers", "%s: %s is %s", when, walkTeams[i].id, verdict)
		}
		return
	case slices.ContainsFunc(policy.MDM, func(r probe.MDMRow) bool { return of(r.TeamID) }),
		!slices.ContainsFunc(policy.Rows, func(r probe.PolicyRow) bool { return of(r.TeamID) && !r.Allowed }),
		t.gone && (t.goneAt == 0 || w.real-t.goneAt < 5*time.Minute+20*time.Second):
		return
	}
	if !verdict.NeedsAction() {
		w.fail("a blocked extension is shown as well", "%s: %s is %s", when, walkTeams[i].id, verdict)
	}
	if w.full(i) && !w.status.Verdict.NeedsAction() {
		w.fail("the icon shows a blocked extension as well", "%s: %s is %s, the icon %s", when, walkTeams[i].id, verdict, w.status.Verdict)
	}
}

// An update of macOS is announced once, as soon as the tools have answered, if there is
// something to do after it, or if the next start of a virtual machine will be interrupted.
func (w *walker) checkUpdate(when string, snap probe.Snapshot, notices []approval.Notice) {
	u := &w.update
	if u.to == "" {
		return
	}
	for _, n := range notices {
		if n.Urgency != approval.Silent && slices.ContainsFunc(n.Updates, func(is approval.Update) bool { return is.Event == approval.MacOSUpdated && is.To == u.to }) {
			u.told++
		}
	}
	if u.told > 1 {
		w.fail("an update is told twice", "%s: macOS %s", when, u.to)
	}
	if snap.Pending || u.judged {
		return
	}
	u.judged = true
	notAsked := slices.ContainsFunc(w.status.Products, func(p approval.Product) bool {
		return p.TeamID == probe.ParallelsTeamID && p.Verdict == approval.NotAsked
	})
	interrupts := notAsked && slices.ContainsFunc(snap.Machines.List, func(vm probe.VM) bool { return vm.Hypervisor == probe.ParallelsHypervisor })
	if u.told == 0 && (w.status.Verdict.NeedsAction() || interrupts) {
		w.fail("an update is not announced", "%s: macOS %s, and the verdict is %s", when, u.to, w.status.Verdict)
	}
}

// No alert is repeated until something happens that can cause it, and there is at most one
// for a product and minute beside those of the beginning and the end of a window.
func (w *walker) checkAlerts(when string, still bool, notices []approval.Notice) {
	before := w.posted
	for _, n := range notices {
		if n.Urgency == approval.Silent {
			continue
		}
		team := n.Product.TeamID
		if slices.Contains([]approval.EventName{approval.ParallelsInstalled, approval.ParallelsUpdated, approval.ParallelsRemoved}, n.Event) {
			team = "" // about what the user did a moment ago
		}
		is := posted{alert: fmt.Sprint(n.Event, " of ", n.Product.TeamID, " ", n.To, " ", n.Minutes), team: team, at: w.real}
		window := n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.WindowClosed
		for _, was := range before {
			switch {
			case team == "": // each time is another one
			case was.alert == is.alert && !(n.Event == approval.WindowReminder && w.teams[teamIndex(is.team)].again):
				w.fail("an alert is repeated", "%s: %s", when, is.alert)
			case was.team == is.team && !was.old && w.real-was.at < time.Minute && !window:
				w.fail("two alerts within a minute", "%s: %s after %s", when, is.alert, was.alert)
			}
		}
		w.posted = append(w.posted, is)
	}
}

// Each window, and each stage of it, is announced once.
func (w *walker) checkWindow(when string, i int, n approval.Notice) {
	t := &w.teams[i]
	switch n.Event {
	case approval.WindowOpened, approval.WindowReopened:
		switch {
		case !t.window.open && !t.lost && w.real >= t.latest+t.slip:
			w.fail("a window that is over is announced", "%s: %s of %s", when, n.Event, walkTeams[i].id)
		case t.window.open && t.window.announced:
			w.fail("a window is announced twice", "%s: %s of %s", when, n.Event, walkTeams[i].id)
		}
		t.window.announced = true
		if n.Urgency != approval.Silent {
			t.due, t.owed = false, false
		}
	case approval.WindowReminder:
		if n.Urgency == approval.Silent { // snoozed
			return
		}
		stage := uint(0)
		for bit, minutes := range w.settings.Reminders {
			if n.Minutes <= minutes {
				stage = 1 << bit
			}
		}
		if t.reminded&stage != 0 && !t.again {
			w.fail("a stage is announced twice", "%s: %d minutes left of %s", when, n.Minutes, walkTeams[i].id)
		}
		t.reminded |= stage
		t.owed, t.again = false, false
	}
}

// The first snapshot that shows a new window of a product watched in full announces it. If
// the agent was killed while it posted that, a reminder is due at once.
func (w *walker) checkDue(when string, i int, snap probe.Snapshot) {
	t := &w.teams[i]
	if !w.full(i) {
		return
	}
	of := func(id string) bool { return id == walkTeams[i].id }
	policy := snap.Policy
	shown := policy != nil && !policy.Stale && policy.TellsTimes() && slices.ContainsFunc(policy.Rows, func(r probe.PolicyRow) bool { return of(r.TeamID) }) ||
		slices.ContainsFunc(snap.Attempts, func(a probe.Attempt) bool { return of(a.TeamID) && a.Outcome == probe.Refused })
	if t.due && t.window.open && shown {
		w.fail("a new window is not announced", "%s: %s", when, walkTeams[i].id)
		t.due = false
	}
	left, _ := leftOf(w.status, walkTeams[i].id)
	if t.owed && left > 0 && w.memory.Snoozed.IsZero() {
		w.fail("nobody may have seen the alert, and no reminder follows", "%s: %s", when, walkTeams[i].id)
	}
	if left == 0 {
		t.owed = false
	}
}

// leftOf returns the time left that a status claims for the open window of a team.
func leftOf(status approval.Status, team string) (left time.Duration, opened time.Time) {
	for _, p := range status.Products {
		if p.TeamID == team && p.Window.Open() {
			if l := p.Window.ClosesAt.Sub(status.At); l > left {
				left, opened = l, p.Window.OpenedAt
			}
		}
	}
	return left, opened
}

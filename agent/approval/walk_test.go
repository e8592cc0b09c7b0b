package approval_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

var walks = flag.Uint64("walks", ordinaryWalks, "how many random sequences TestWalks plays")

// A walk is a Mac and what happens on it, one step after the other.
type walk struct {
	macOS  string
	source probe.SourceName // empty: no source ever answers, and only the log tells
	log    bool             // the agent follows the log
	twins  bool             // two teams have the same developer name
	others bool             // other vendors are watched, too
	steps  []step
}

// A step is one thing that happens, and the time that passes before it. The agent
// takes a snapshot after each step.
type step struct {
	what  action
	team  int // index in walkTeams
	after time.Duration
	awake bool // the agent notices when a window ends meanwhile; else the Mac sleeps
}

type action string

const (
	attempts   action = "attempts to load"
	allows     action = "is allowed"
	withdrawn  action = "is no longer allowed" // an allowed row goes back to 0: no attempt
	uninstall  action = "is uninstalled"
	reinstall  action = "is installed again"
	profileOn  action = "is allowed by a profile"
	profileOff action = "loses the profile"
	loseSource action = "the policy source fails"
	findSource action = "the policy source answers"
	restartMac action = "the Mac restarts"
	bootScan   action = "macOS moves every last_seen" // from macOS 11
	agentAgain action = "the agent restarts"
	agentKill  action = "the agent is killed while it posts"
	clockAhead action = "the clock is set ahead"
	clockBack  action = "the clock is set back"
	passes     action = "time passes"
)

// The teams of a walk. The last two may have the same developer name, and one of
// them has two kernel extensions in one place.
var walkTeams = []team{
	{probe.ParallelsTeamID, "Parallels International GmbH", []string{"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"}, "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9"},
	{"AAAAAAAAAA", "Acme Inc.", []string{"com.acme.one", "com.acme.two"}, "/Library/Extensions"},
	{"BBBBBBBBBB", "Bolt GmbH", []string{"org.acme.disk"}, "/Library/Application Support/Acme"},
}

type team struct {
	id, developer string
	kexts         []string
	folder        string
}

// developer returns the name of a team.
func (w walk) developer(i int) string {
	if w.twins && i == 2 {
		i = 1
	}
	return walkTeams[i].developer
}

func (w walk) String() string {
	var b strings.Builder
	source := string(w.source)
	if source == "" {
		source = "none"
	}
	fmt.Fprintf(&b, "macOS %s, source %s, log %v, all vendors %v, two teams of one name %v\n", w.macOS, source, w.log, w.others, w.twins)
	for _, s := range w.steps {
		asleep := ""
		if !s.awake && s.after > time.Minute {
			asleep = " asleep"
		}
		fmt.Fprintf(&b, "  +%v%s %s\n", s.after, asleep, s.name())
	}
	return b.String()
}

func (s step) name() string {
	switch s.what {
	case loseSource, findSource, restartMac, bootScan, agentAgain, agentKill, clockAhead, clockBack, passes:
		return string(s.what)
	}
	t := walkTeams[s.team]
	return fmt.Sprintf("%s %s", t.id, s.what)
}

// randomWalk returns a walk of 10 to 40 steps.
func randomWalk(r *rand.Rand) walk {
	w := walk{
		macOS:  pick(r, "10.13.6", "10.15.7", "11.7.10", "12.7.6", "14.6.1"),
		source: pick(r, probe.Database, probe.Database, probe.Reader, probe.Framework, probe.Framework, ""),
		log:    r.IntN(3) > 0,
		twins:  r.IntN(2) > 0,
		others: r.IntN(3) > 0,
	}
	if w.source == "" {
		w.log = true
	}
	kinds := []action{
		attempts, attempts, attempts, attempts, attempts, allows, withdrawn, uninstall, reinstall, reinstall,
		profileOn, profileOff, loseSource, findSource, findSource, restartMac, agentAgain, agentKill, clockAhead, clockBack, passes, passes, passes,
	}
	if w.macOS[:2] != "10" {
		kinds = append(kinds, bootScan)
	}
	for range 10 + r.IntN(31) {
		w.steps = append(w.steps, step{
			what:  pick(r, kinds...),
			team:  r.IntN(len(walkTeams)),
			after: pick(r, 2*time.Second, 5*time.Second, 15*time.Second, 61*time.Second, 4*time.Minute, 11*time.Minute, 31*time.Minute, 2*time.Hour),
			awake: r.IntN(3) > 0,
		})
	}
	return w
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// The expected side: a window is open from an attempt that is refused until 30
// minutes after the last one, or until somebody allows it. A restart ends what is
// known about it.
type window struct {
	open      bool
	ends      time.Duration // in the time that really passed
	announced bool
}

type walkTeam struct {
	installed bool
	row       bool // macOS has a row
	pending   bool // as the framework reports it: an attempt was refused since anybody allowed it
	allowed   bool
	mdm       bool
	seen      time.Time // last_seen
	window    window

	// What the agent cannot know. The last attempt, if nothing tells it while the clock
	// is set back, and the time that passes while it is.
	told, lost bool
	slip       time.Duration
	latest     time.Duration // when the last window ends or ended, if nobody allowed it
}

func (t *walkTeam) blocked() bool { return !t.allowed && !t.mdm }

// walker plays a walk.
type walker struct {
	walk
	settings approval.Settings
	real     time.Duration // since the walk began; a clock that is set does not change it
	offset   time.Duration // of the clock
	booted   time.Duration // real; a clock that is set moves kern.boottime, too
	boots    int
	answers  bool
	teams    []walkTeam
	logged   []probe.Attempt
	memory   approval.Memory
	saved    approval.Memory // before the last alerts were posted
	posted   []string        // the alerts since the last step

	known    []time.Duration // the time left that the agent last claimed, by team; 0: it knows no window
	knownAt  time.Duration   // real
	jumped   bool            // the clock was set since
	failures map[string]string
}

var walkStart = time.Date(2026, 5, 6, 8, 0, 0, 0, time.UTC)

func (w *walker) now() time.Time { return walkStart.Add(w.real + w.offset) }

func (w *walker) fail(kind, format string, args ...any) {
	if w.failures[kind] == "" {
		w.failures[kind] = fmt.Sprintf(format, args...)
	}
}

// play returns the first failure of each kind.
func (w walk) play() map[string]string {
	p := &walker{walk: w, failures: map[string]string{}, settings: approval.DefaultSettings(), answers: w.source != ""}
	p.settings.Vendors.All = w.others
	p.boot()
	p.teams = make([]walkTeam, len(walkTeams))
	p.known = make([]time.Duration, len(walkTeams))
	for i := range p.teams {
		p.teams[i].installed = true
	}
	p.real = 10 * time.Minute
	p.look("the start", false)
	for i, s := range w.steps {
		name := fmt.Sprintf("step %d, %s", i+1, s.name())
		p.wait(s.after, s.awake, "before "+name)
		p.do(s)
		p.wait(time.Second, false, "")
		p.look(name, false)
		for range 2 {
			p.wait(3*time.Second, false, "")
			p.look("a moment after "+name, true)
		}
	}
	return p.failures
}

func (w *walker) boot() {
	w.boots++
	w.booted = w.real
	w.logged = nil
}

// wait lets time pass. The agent takes a snapshot when a window ends, if the Mac is
// awake.
func (w *walker) wait(d time.Duration, awake bool, when string) {
	until := w.real + d
	for {
		var next *walkTeam
		for i := range w.teams {
			if t := &w.teams[i]; t.window.open && t.window.ends <= until && (next == nil || t.window.ends < next.window.ends) {
				next = t
			}
		}
		if next == nil {
			break
		}
		w.real = max(w.real, next.window.ends)
		next.window = window{}
		if awake {
			w.look(when, false)
		}
	}
	w.real = until
}

func (w *walker) forget() {
	for i := range w.known {
		w.known[i] = 0
	}
}

// settled ends the window of a team that somebody allowed. An agent without a
// policy source cannot know it.
func (w *walker) settled(i int) {
	w.teams[i].window, w.teams[i].latest = window{}, 0
	if w.answers {
		w.known[i] = 0
	}
}

func (w *walker) do(s step) {
	t := &w.teams[s.team]
	switch s.what {
	case attempts:
		if !t.installed {
			return
		}
		if since := w.real - w.booted; since < 3*time.Minute { // else it may be part of the start-up
			w.wait(3*time.Minute-since, false, "")
		}
		w.attempt(s.team)
	case allows: // only what the pane lists
		if t.row && t.window.open {
			t.allowed, t.pending = true, false
			w.settled(s.team)
		}
	case withdrawn:
		t.allowed = false
	case uninstall:
		t.installed = false
	case reinstall:
		t.installed = true
	case profileOn:
		t.mdm, t.pending = true, false
		w.settled(s.team)
	case profileOff:
		t.mdm = false
	case loseSource:
		w.answers = false
	case findSource:
		w.answers = w.source != ""
	case restartMac:
		w.wait(50*time.Second, false, "")
		w.boot()
		w.forget()
		for i := range w.teams {
			w.teams[i].window, w.teams[i].latest = window{}, 0
		}
		if w.macOS[:2] != "10" {
			w.scan()
		}
		w.again()
	case bootScan: // one team alone would be an attempt
		if w.macOS[:2] != "10" && w.recorded() > 1 {
			w.scan()
		}
	case agentKill:
		w.memory = w.saved
		fallthrough
	case agentAgain:
		w.logged = nil
		w.again()
	case clockAhead:
		w.offset += 45 * time.Minute
		w.jumped = true
		w.forget() // it takes every window for closed, and so announces the next attempt
		for i := range w.teams {
			w.teams[i].window.announced = false
		}
	case clockBack:
		w.offset -= 20 * time.Minute
		w.jumped = true
		for i := range w.teams {
			w.teams[i].lost = w.teams[i].lost || !w.teams[i].told
		}
	case passes:
	}
}

func (w *walker) attempt(i int) {
	t := &w.teams[i]
	t.seen, t.told, t.lost = w.now(), false, false
	outcome := probe.Permitted
	if t.blocked() {
		outcome = probe.Refused
		t.row, t.pending = true, true
		if !t.window.open {
			t.window = window{open: true}
			t.slip = 0
		}
		t.window.ends = w.real + approval.WindowLength
		t.latest = t.window.ends
	}
	if w.log {
		for _, id := range walkTeams[i].kexts {
			w.logged = append(w.logged, probe.Attempt{At: w.now(), TeamID: walkTeams[i].id, BundleID: id, From: probe.FromLog, Outcome: outcome})
		}
	}
}

// recorded returns how many teams have a load record that a scan moves.
func (w *walker) recorded() int {
	n := 0
	for _, t := range w.teams {
		if t.installed && !t.seen.IsZero() {
			n++
		}
	}
	return n
}

func (w *walker) scan() {
	for i := range w.teams {
		if w.teams[i].installed && !w.teams[i].seen.IsZero() {
			w.teams[i].seen = w.now()
			w.teams[i].lost = w.teams[i].lost || !w.answers // it looks like an attempt of one team later
		}
	}
}

// again restarts the agent: its memory comes from a property list.
func (w *walker) again() {
	data, err := plist.Marshal(w.memory, plist.BinaryFormat)
	if err != nil {
		w.fail("memory cannot be saved", "%v", err)
		return
	}
	w.memory = approval.Memory{}
	if _, err := plist.Unmarshal(data, &w.memory); err != nil {
		w.fail("memory cannot be read", "%v", err)
	}
	w.memory = w.memory.Resume()
}

func (w *walker) snapshot() probe.Snapshot {
	s := probe.Snapshot{
		Mac:         probe.Mac{OS: probe.OSVersion{Version: w.macOS, Build: "X"}, Arch: probe.Intel, BootedAt: walkStart.Add(w.booted + w.offset), BootSession: fmt.Sprint("boot ", w.boots)},
		Attempts:    slices.Clone(w.logged),
		Loaded:      probe.Loaded{Known: true},
		Machines:    probe.Machines{Known: true, From: "prlctl", List: []probe.VM{{Name: "Windows", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor}}},
		Enforcement: probe.Enforcement{SIP: probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, Consent: probe.Consent{Enabled: probe.Yes}, Profile: probe.KextProfile{Present: probe.No}},
		Situation:   probe.Situation{Asked: true, UID: 501, ConsoleUID: 501, Locked: probe.No, Admin: probe.Yes},
	}
	policy := &probe.Policy{Source: w.source, ReadAt: w.now()}
	for i, t := range w.teams {
		team := walkTeams[i]
		if t.installed && team.id == probe.ParallelsTeamID {
			s.Apps = append(s.Apps, probe.App{Product: "Parallels Desktop", TeamID: team.id, BundleID: "com.parallels.desktop.console", Path: "/Applications/Parallels Desktop.app", Version: version(w.macOS), Build: "1", Edition: probe.Standard})
		}
		for _, id := range team.kexts {
			path := team.folder + "/" + id + ".kext"
			if t.installed {
				s.Kexts = append(s.Kexts, probe.Kext{BundleID: id, TeamID: team.id, Path: path, Version: "1"})
			}
			if t.row {
				row := probe.PolicyRow{TeamID: team.id, BundleID: id, Allowed: t.allowed, Developer: w.developer(i)}
				if w.source == probe.Framework {
					row.Pending, row.PendingUpgrade, row.NeedsRestart = probe.AnswerOf(t.pending), probe.No, probe.No
				}
				policy.Rows = append(policy.Rows, row)
			}
			if t.mdm {
				policy.MDM = append(policy.MDM, probe.MDMRow{TeamID: team.id, BundleID: id, Allowed: true, PayloadUUID: "P"})
			}
			if !t.seen.IsZero() && w.source.TellsTimes() {
				policy.History = append(policy.History, probe.LoadRecord{Path: path, TeamID: team.id, BundleID: id, CreatedAt: walkStart, LastSeen: t.seen})
			}
		}
	}
	if w.answers {
		s.Policy = policy
		s.Sources = []probe.Source{{Name: w.source, State: probe.OK}}
	} else {
		s.Sources = []probe.Source{{Name: probe.Database, State: probe.Denied, Reason: "permission denied"}}
	}
	return s
}

// version is a version of Parallels Desktop that was made for a macOS.
func version(macOS string) string {
	return map[string]string{"10.13.6": "13.3.2", "10.15.7": "15.1.5", "11.7.10": "16.5.2", "12.7.6": "17.1.7", "14.6.1": "19.4.3"}[macOS]
}

// look is one snapshot of the agent. still: nothing happened since the one before.
func (w *walker) look(when string, still bool) {
	now := w.now()
	status, memory := w.settings.Assess(w.memory, w.snapshot(), now)
	notices, memory := w.settings.Tell(memory, status)
	w.saved, w.memory = memory, memory.Posted()

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
		case left > 0 && left > most+slack:
			kind := "the time left grows without an attempt"
			if most == 0 {
				kind = "a window without an attempt"
			}
			w.fail(kind, "%s: %s has %v left (opened %v), at most %v is true", when, walkTeams[i].id, left, opened.Sub(walkStart), most)
		case left == 0 && claimed > slack && truth > slack && !w.jumped:
			w.fail("a known open window is forgotten", "%s: %s had %v left, now none; verdict %s", when, walkTeams[i].id, w.known[i], status.Verdict)
		}
		w.known[i] = left
	}
	w.knownAt, w.jumped = w.real, false

	if !still {
		w.posted = nil
	}
	before := w.posted
	for _, n := range notices {
		if alert := fmt.Sprint(n.Event, " of ", n.Product.TeamID, " ", n.Minutes); n.Urgency != approval.Silent {
			if w.posted = append(w.posted, alert); still && slices.Contains(before, alert) {
				w.fail("an alert is repeated", "%s: %s", when, alert)
			}
		}
		if n.Event != approval.WindowOpened && n.Event != approval.WindowReopened {
			continue
		}
		t := &w.teams[slices.IndexFunc(walkTeams, func(t team) bool { return t.id == n.Product.TeamID })]
		switch {
		case !t.window.open && !t.lost:
			w.fail("a window that is over is announced", "%s: %s of %s", when, n.Event, n.Product.TeamID)
		case t.window.open && t.window.announced:
			w.fail("a window is announced twice", "%s: %s of %s", when, n.Event, n.Product.TeamID)
		}
		t.window.announced = true
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

// shrink leaves out steps, shortens the time between them, and makes the Mac
// ordinary, while the walk still fails in the same way.
func (w walk) shrink(failure string) walk {
	fails := func(w walk) bool { return w.play()[failure] != "" }
	for _, simpler := range []func(*walk){
		func(w *walk) { w.twins = false },
		func(w *walk) { w.others = false },
		func(w *walk) { w.source = probe.Database },
		func(w *walk) { w.log = w.source == "" },
		func(w *walk) { w.macOS = "10.15.7" },
	} {
		next := w
		if simpler(&next); fails(next) {
			w = next
		}
	}
	for again := true; again; {
		again = false
		for i := len(w.steps) - 1; i >= 0; i-- {
			shorter := w
			shorter.steps = slices.Delete(slices.Clone(w.steps), i, i+1)
			if fails(shorter) {
				w, again = shorter, true
			}
		}
		for i := range w.steps {
			for _, after := range []time.Duration{2 * time.Second, time.Minute, 4 * time.Minute} {
				sooner := w
				sooner.steps = slices.Clone(w.steps)
				if sooner.steps[i].after <= after {
					break
				}
				sooner.steps[i].after = after
				if fails(sooner) {
					w, again = sooner, true
					break
				}
			}
		}
	}
	return w
}

// Whatever happens on a Mac, a window is announced once, a known one is not
// forgotten, and the time left never grows without an attempt.
func TestWalks(t *testing.T) {
	type found struct {
		count int
		walk  walk // the shortest
	}
	var mu sync.Mutex
	failures := map[string]found{}
	var workers sync.WaitGroup
	n := uint64(runtime.GOMAXPROCS(0))
	for first := range n {
		workers.Go(func() {
			for seed := first; seed < *walks; seed += n {
				w := randomWalk(rand.New(rand.NewPCG(seed, 0)))
				for kind := range w.play() {
					mu.Lock()
					f := failures[kind]
					if f.count == 0 || len(w.steps) < len(f.walk.steps) {
						f.walk = w
					}
					f.count++
					failures[kind] = f
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	for kind, f := range failures {
		w := f.walk.shrink(kind)
		t.Errorf("%s: %d of %d sequences, for example\n%v  %s", kind, f.count, *walks, w, w.play()[kind])
	}
}

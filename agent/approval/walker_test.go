package approval_test

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// walker plays a walk: it is the Mac, the agent on it, and what is expected of the agent.
type walker struct {
	walk
	settings approval.Settings
	inMemory bool // a restarted agent takes its memory as it is, which is faster than from a file

	// The Mac.
	real     time.Duration // since the walk began; a clock that is set does not change it
	offset   time.Duration // of the clock
	booted   time.Duration // real; a clock that is set moves kern.boottime, too
	boots    int
	updates  int
	loginAt  time.Time
	answers  bool
	slow     bool
	answered probe.Snapshot // the last one without slow tools, since the agent started
	teams    []walkTeam
	logged   []probe.Attempt

	// The agent.
	memory approval.Memory
	disk   approval.Memory // the last one that was saved
	status approval.Status
	kill   bool          // it is killed while it posts the next alert
	pollAt time.Duration // real, without an event; 0: never
	held   time.Duration // real, since when notices have waited for slow tools; 0: none has

	expected
}

// walkTeam is a team on the Mac, and what is expected of the agent about it.
type walkTeam struct {
	installed bool
	row       bool // macOS has a row
	pending   bool // as the framework reports it: an attempt was refused since anybody allowed it
	allowed   bool
	allowedIn int // the boot in which it was last allowed
	mdm       bool
	loaded    bool
	seen      time.Time // last_seen
	expectedOfTeam
}

func (t *walkTeam) blocked() bool { return !t.allowed && !t.mdm }

var walkStart = time.Date(2026, 5, 6, 8, 0, 0, 0, time.UTC)

func (w *walker) now() time.Time { return walkStart.Add(w.real + w.offset) }

func (w *walker) macOS11() bool { return w.macOS[:2] != "10" }

func (w *walker) os() probe.OSVersion {
	os := probe.OSVersion{Version: w.macOS, Build: fmt.Sprint("X", w.updates)}
	if w.updates > 0 {
		os.Version += fmt.Sprint(".", w.updates)
	}
	return os
}

// begin returns the walker before the first step.
func (w walk) begin() *walker {
	p := &walker{walk: w, settings: approval.DefaultSettings(), answers: w.source != ""}
	p.failures = map[string]string{}
	p.settings.Vendors.All = w.others
	p.boot()
	p.teams = make([]walkTeam, len(walkTeams))
	p.known = make([]time.Duration, len(walkTeams))
	for i := range p.teams {
		p.teams[i].installed = true
	}
	p.real = 10 * time.Minute
	p.look("the start", false)
	return p
}

// play returns the first failure of each kind.
func (w walk) play() map[string]string {
	p := w.begin()
	for i, s := range w.steps {
		p.step(fmt.Sprintf("step %d, %s", i+1, s.name()), s)
	}
	return p.failures
}

// clone returns a walker that can take another step.
func (w *walker) clone() *walker {
	c := *w
	c.teams, c.logged, c.known, c.posted = slices.Clone(w.teams), slices.Clone(w.logged), slices.Clone(w.known), slices.Clone(w.posted)
	c.failures = map[string]string{}
	return &c
}

func (w *walker) step(name string, s step) {
	w.wait(s.after, s.awake, "before "+name)
	w.happens(s)
	w.do(s)
	w.wait(time.Second, false, "")
	w.look(name, false)
	w.wait(5*time.Second, false, "")
	w.look("a moment after "+name, true)
}

func (w *walker) boot() {
	w.boots++
	w.booted = w.real
	w.logged = nil
}

// wait lets time pass. The agent takes a snapshot when a window ends or something else is
// due, if the Mac is awake.
func (w *walker) wait(d time.Duration, awake bool, when string) {
	for until := w.real + d; ; {
		at := until
		var ends *walkTeam
		for i := range w.teams {
			if t := &w.teams[i]; t.window.open && t.window.ends <= at {
				at, ends = t.window.ends, t
			}
		}
		if awake && w.pollAt > w.real && w.pollAt < at {
			at, ends = w.pollAt, nil
		}
		w.real = max(w.real, at)
		if ends != nil {
			ends.window, ends.due = window{}, false
		} else if at == until {
			return
		}
		if awake {
			w.look(when, false)
		}
	}
}

// plan decides when the agent takes a snapshot without an event: at the reminders and the
// end of a window, and when the rules say that something is due.
func (w *walker) plan() {
	w.pollAt = 0
	in := func(d time.Duration) {
		if at := w.real + d; d > 0 && (w.pollAt == 0 || at < w.pollAt) {
			w.pollAt = at
		}
	}
	for _, p := range w.status.Products {
		for _, item := range p.Items {
			if item.Window.Open() {
				in(item.Window.Left)
				for _, minutes := range w.settings.Reminders {
					in(item.Window.Left - time.Duration(minutes)*time.Minute)
				}
			}
		}
	}
	if !w.status.DueAt.IsZero() {
		in(max(w.status.DueAt.Sub(w.status.At), 15*time.Second))
	}
}

// possible reports whether a step changes anything.
func (w *walker) possible(s step) bool {
	t := &w.teams[s.team]
	switch s.what {
	case attempts:
		return t.installed && !t.loaded
	case allows: // only what the pane lists
		return t.row && t.window.open && t.blocked()
	case withdrawn:
		return t.allowed
	case uninstall:
		return t.installed
	case reinstall:
		return !t.installed
	case profileOn:
		return !t.mdm
	case profileOff:
		return t.mdm
	case loads: // from macOS 11, only after a restart
		return t.installed && !t.loaded && !t.blocked() && (t.allowedIn < w.boots || !w.macOS11())
	case unloads:
		return t.loaded
	case loseSource:
		return w.answers
	case findSource:
		return !w.answers && w.source != ""
	case bootScan: // one team alone would be an attempt
		return w.macOS11() && w.recorded() > 1
	case agentKill:
		return !w.kill
	case slowTools:
		return !w.slow
	case toolsBack:
		return w.slow
	case snoozes:
		return w.memory.Snoozed.IsZero() && slices.ContainsFunc(w.status.Products, func(p approval.Product) bool { return p.Window.Open() })
	}
	return true
}

func (w *walker) do(s step) {
	if !w.possible(s) {
		return
	}
	t := &w.teams[s.team]
	switch s.what {
	case attempts:
		if since := w.real - w.booted; since < 3*time.Minute { // else it may be part of the start-up
			w.wait(3*time.Minute-since, false, "")
		}
		w.attempt(s.team)
	case allows:
		t.allowed, t.pending, t.allowedIn = true, false, w.boots
		w.settled(s.team)
	case withdrawn:
		t.allowed = false
		t.goes()
	case uninstall:
		t.installed = false
	case reinstall:
		t.installed = true
	case profileOn:
		t.mdm, t.pending, t.allowedIn = true, false, w.boots
		w.settled(s.team)
	case profileOff:
		t.mdm = false
		t.goes()
	case loads:
		t.loaded, t.row, t.seen = true, true, w.now()
		w.log(s.team, probe.Permitted)
	case unloads:
		t.loaded = false
	case loseSource:
		w.answers = false
	case findSource:
		w.answers = true
	case newMacOS:
		w.updates++
		w.update = expectedUpdate{to: w.os().String()}
		w.restart()
	case restartMac:
		w.restart()
	case bootScan:
		w.scan()
	case agentAgain:
		w.logged = nil
		w.again(w.disk)
	case agentKill:
		w.kill = true
	case slowTools:
		w.slow = true
	case toolsBack:
		w.slow = false
	case login:
		w.loginAt = w.now()
		w.endWindows()
		w.logged = nil
		w.again(w.disk)
	case snoozes:
		w.memory = w.memory.Snooze(w.now().Add(10*time.Minute), w.status)
		for i := range w.teams {
			w.teams[i].again = true
		}
	case clockAhead:
		w.offset += 45 * time.Minute
		w.clockSet()
		w.forget() // it takes every window for closed, and so announces the next attempt
		for i := range w.teams {
			w.teams[i].window.announced = false
		}
	case clockBack:
		w.offset -= 20 * time.Minute
		w.clockSet()
		for i := range w.teams {
			w.teams[i].lost = w.teams[i].lost || !w.teams[i].told
		}
	case passes:
	}
}

func (w *walker) restart() {
	w.wait(50*time.Second, false, "")
	w.boot()
	w.endWindows()
	for i := range w.teams {
		w.teams[i].loaded, w.teams[i].latest = false, 0
	}
	if w.macOS11() {
		w.scan()
	}
	w.again(w.disk)
}

func (w *walker) attempt(i int) {
	t := &w.teams[i]
	t.seen, t.told, t.lost = w.now(), false, !w.answers && w.offset < 0
	if !t.blocked() {
		w.log(i, probe.Permitted)
		return
	}
	t.row, t.pending = true, true
	w.opens(i)
	w.log(i, probe.Refused)
}

func (w *walker) log(i int, outcome probe.Outcome) {
	if !w.walk.log {
		return
	}
	for _, id := range walkTeams[i].kexts {
		w.logged = append(w.logged, probe.Attempt{At: w.now(), TeamID: walkTeams[i].id, BundleID: id, From: probe.FromLog, Outcome: outcome})
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

// again restarts the agent with a memory from a property list.
func (w *walker) again(saved approval.Memory) {
	defer func() {
		w.memory = w.memory.Resume()
		w.answered, w.held, w.pollAt = probe.Snapshot{}, 0, 0
	}()
	if w.inMemory {
		w.memory = saved
		return
	}
	data, err := plist.Marshal(saved, plist.XMLFormat)
	if err != nil {
		w.fail("memory cannot be saved", "%v", err)
		return
	}
	w.memory = approval.Memory{}
	if _, err := plist.Unmarshal(data, &w.memory); err != nil {
		w.fail("memory cannot be read", "%v", err)
	}
}

// look is one snapshot of the agent. still: nothing happened since the one before.
func (w *walker) look(when string, still bool) {
	snap := w.snapshot()
	status, memory := w.settings.Assess(w.memory, snap, w.now())
	notices, memory := w.settings.Tell(memory, status)
	if w.holdsBack(snap, notices) {
		return
	}
	alerts := slices.ContainsFunc(notices, func(n approval.Notice) bool { return n.Urgency != approval.Silent })
	killed := w.kill && alerts
	w.status, w.memory = status, memory.Posted()
	if !w.slow {
		w.answered = snap
	}
	w.plan()
	w.check(when, still, snap, notices)
	switch {
	case killed:
		w.kill, w.disk, w.logged = false, memory, nil
		w.again(w.disk)
		w.killed(notices)
	case !sameOnDisk(w.disk, w.memory):
		w.disk = w.memory
	}
}

// holdsBack reports whether the loop takes another snapshot first: for five seconds, what
// is not urgent waits for the tools.
func (w *walker) holdsBack(snap probe.Snapshot, notices []approval.Notice) bool {
	urgent := slices.ContainsFunc(notices, func(n approval.Notice) bool {
		return n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.ApprovedEvent && approval.Verdict(n.From).Blocked()
	})
	if !snap.Pending || len(notices) == 0 || urgent {
		w.held = 0
		return false
	}
	if w.held == 0 {
		w.held = w.real
	}
	return w.real-w.held < 5*time.Second
}

// sameOnDisk reports whether the loop does not save b, because a restarted agent would not
// know more from it than from a.
func sameOnDisk(a, b approval.Memory) bool {
	coarse := func(m approval.Memory) approval.Memory {
		m.LastRead = approval.LastRead{}
		items := map[string]approval.ItemMemory{}
		for id, item := range m.Items {
			item.Window.Left, item.Window.LeftAt = item.Window.Left.Truncate(time.Minute), time.Time{}
			items[id] = item
		}
		m.Items = items
		return m
	}
	return reflect.DeepEqual(coarse(a), coarse(b))
}

// snapshot returns the facts. Tools that are slow have their last answers.
func (w *walker) snapshot() probe.Snapshot {
	s := probe.Snapshot{
		Mac:         probe.Mac{OS: w.os(), Arch: probe.Intel, BootedAt: walkStart.Add(w.booted + w.offset), BootSession: fmt.Sprint("boot ", w.boots)},
		Attempts:    slices.Clone(w.logged),
		Loaded:      probe.Loaded{Known: true, ReadAt: w.now()},
		Machines:    probe.Machines{Known: true, From: "prlctl", List: []probe.VM{{Name: "Windows", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor}}},
		Enforcement: probe.Enforcement{SIP: probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, Consent: probe.Consent{Enabled: probe.Yes}, Profile: probe.KextProfile{Present: probe.No}},
		Situation:   probe.Situation{Asked: true, UID: 501, ConsoleUID: 501, Locked: probe.No, Admin: probe.Yes, LoginAt: w.loginAt},
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
			if t.loaded {
				s.Loaded.Kexts = append(s.Loaded.Kexts, probe.LoadedKext{BundleID: id, Version: "1"})
			}
			if t.mdm {
				policy.MDM = append(policy.MDM, probe.MDMRow{TeamID: team.id, BundleID: id, Allowed: true})
			}
			if !t.seen.IsZero() && w.source.TellsTimes() {
				policy.History = append(policy.History, probe.LoadRecord{Path: path, TeamID: team.id, BundleID: id, LastSeen: t.seen})
			}
		}
	}
	if w.slow {
		s.Pending = true
		s.Loaded, s.Machines, s.Enforcement, s.Situation = w.answered.Loaded, w.answered.Machines, w.answered.Enforcement, w.answered.Situation
		if w.source == probe.Framework {
			policy = nil
			if w.answered.Policy != nil {
				old := *w.answered.Policy
				policy, old.Stale = &old, true
			}
		}
	}
	if w.answers && policy != nil {
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

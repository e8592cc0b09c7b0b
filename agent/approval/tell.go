package approval

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"kextwatch/probe"
)

// Announced is what was announced to the user about one product.
type Announced struct {
	Verdict       Verdict  `plist:"Verdict"`  // the last one
	Before        Verdict  `plist:"Before"`   // the last one that was not Unknown; BlockedOpen if a window opened while it was Unknown
	Windows       []string `plist:"Windows"`  // the newest announced window of each item, by its windowID
	Lead          string   `plist:"Lead"`     // the windowID of the window the reminders are about
	Reminded      int      `plist:"Reminded"` // the minutes left of the last reminder; 0: none yet
	BeforeUnknown Verdict  `plist:"Dark"`     // Before at the last alert about Unknown
	Awaiting      bool     `plist:"Awaiting"` // the user had something to do: announce when all is loaded
	Posting       bool     `plist:"Posting"`  // an alert about the window is being posted
	Due           bool     `plist:"Due"`      // the agent was killed while posting: the next reminder is due at once

	// For a product that is not watched in full: its release when an attempt was last
	// announced (see assessment.release), and whether nobody approved in those 30 minutes.
	Release    string `plist:"Release,omitempty"`
	BootPolicy string `plist:"BootPolicy,omitempty"` // at that time; empty: not known
	Unapproved bool   `plist:"Unapproved,omitempty"`

	Lost bool `plist:"Lost,omitempty"` // that macOS does not list the approval any more

	// A window was announced before all tools had answered, and these obstacles were
	// known.
	Early     bool         `plist:"Early,omitempty"`
	Obstacles []ReasonCode `plist:"Obstacles,omitempty"`
}

// Notice is an event to record. If Urgency is not Silent, it is also shown as an
// alert.
type Notice struct {
	Event   EventName
	Urgency Urgency
	Product Product // empty for events of the whole Mac
	Window  *Window
	Minutes int    // minutes left, for a reminder
	From    string // a verdict, a version or a source
	To      string
	Updates []Update // the latest updates, for the text of the alert

	// What an offered macOS, or the last upgrade of macOS, means for products.
	Findings []Finding
}

// Update is a change of version since the last snapshot. The agent may not have run
// when it happened.
type Update struct {
	Event   EventName
	Product string // "macOS" or a product's name
	From    string
	To      string
	At      time.Time // when it was installed; zero: not known
}

// Resume prepares a memory that was read from disk. If the agent was killed while
// posting, the alert may have been shown or not: it is not repeated, but the next
// reminder is due at once.
func (m Memory) Resume() Memory {
	m = m.clone()
	for id, announced := range m.Announced {
		announced.Due, announced.Posting, announced.BeforeUnknown = announced.Due || announced.Posting, false, ""
		m.Announced[id] = announced
	}
	return m
}

// Posted notes that the alerts of the last Tell were posted.
func (m Memory) Posted() Memory {
	m = m.clone()
	for id, announced := range m.Announced {
		announced.Posting = false
		m.Announced[id] = announced
	}
	return m
}

// Tell compares a status with what was announced before. It returns the new notices, in
// the order of the events, and the memory in which they count as shown. At most one notice
// about a product is an alert. The others are only recorded.
func (s Settings) Tell(mem Memory, status Status) ([]Notice, Memory) {
	before := mem
	mem = mem.clone()
	updates, known := mem.updates(status)
	updated := updateNotices(updates, known)
	if !s.AfterUpdates {
		updates = nil
	}
	snooze := mem.snoozeFor(status)
	alerted := false
	var about []Notice
	for _, p := range status.Products {
		announced, news := mem.Announced[p.ID].tellProduct(p, status.Facts.Pending, s.Reminders, snooze(p))
		for i := range news {
			if news[i].Urgency != Silent && !alerted {
				news[i].Updates, alerted = updates, true
			}
		}
		mem.Announced[p.ID] = announced
		about = append(about, news...)
	}
	switch {
	case len(updates) == 0 || alerted:
	case status.Facts.Pending: // what it means can depend on the tools
		mem.OS, mem.Versions, updated = before.OS, maps.Clone(before.Versions), nil
	default:
		showUpdate(updated, updates, status)
	}
	notices := slices.Concat(mem.source(status), mem.disagreement(status), updated, about, s.offers(&mem, status))
	return notices, mem
}

// updateNotices records the updates. products has those that they name.
func updateNotices(updates []Update, products map[string]Product) []Notice {
	var notices []Notice
	for _, u := range updates {
		notices = append(notices, Notice{Event: u.Event, From: u.From, To: u.To, Product: products[u.Product]})
	}
	return notices
}

// disagreement records once how two policy sources differ.
func (m *Memory) disagreement(status Status) []Notice {
	now := status.Facts.Disagree
	if now == "" || now == m.Disagree {
		return nil
	}
	m.Disagree = now
	return []Notice{{Event: SourcesDiffer, To: now}}
}

// showUpdate turns the notice of the newest update into an alert if the user has
// something to do or to know after it.
func showUpdate(notices []Notice, updates []Update, status Status) {
	findings := status.newsOf(updates)
	if len(findings) == 0 && !slices.ContainsFunc(status.Products, func(p Product) bool { return p.newsAfter(updates, status.Mac.OS) }) {
		return
	}
	for i := len(notices) - 1; i >= 0; i-- {
		if notices[i].Event == updates[len(updates)-1].Event {
			notices[i].Urgency, notices[i].Updates, notices[i].Findings = Plain, updates, findings
			return
		}
	}
}

// newsAfter reports whether these updates leave something to do or to know about
// the product.
func (p Product) newsAfter(updates []Update, os probe.OSVersion) bool {
	switch {
	case p.Verdict == NotInstalled, p.Listed:
		return false
	case p.Verdict.NeedsAction(), p.Verdict == Unknown, p.MadeForOlder(os):
		return true
	case p.Verdict == NotAsked:
		// The next start of a virtual machine is interrupted, and the user then has 30
		// minutes. Where no virtual machine is known to need it, that is news only with
		// the product itself.
		return p.Need.Answer == probe.Yes || slices.ContainsFunc(updates, func(u Update) bool { return u.Product == p.Name })
	}
	return false
}

// updates returns the versions that changed, and remembers the new ones. A version
// that cannot be read counts as unchanged.
func (m *Memory) updates(status Status) ([]Update, map[string]Product) {
	var updates []Update
	products := map[string]Product{}
	if os := status.Mac.OS; os.Known() {
		if m.OS.Known() && m.OS != os {
			from, to := m.OS.String(), os.String()
			if from == to { // another build of the same version
				from, to = from+" "+m.OS.Build, to+" "+os.Build
			}
			updates = append(updates, Update{MacOSUpdated, "macOS", from, to, installedAt(status.Facts.Updates, os)})
		}
		m.OS = os
	}
	for _, p := range status.Products {
		products[p.Name] = p
		now := ""
		if p.App == nil && p.TeamID == probe.ParallelsTeamID && AppUnknown(status.Facts) {
			continue
		}
		if p.App != nil {
			if p.App.Version == "" {
				continue
			}
			now = p.App.Version + "-" + p.App.Build
		}
		was, known := m.Versions[p.ID]
		m.Versions[p.ID] = now
		switch {
		case !known || was == now:
		case was == "":
			updates = append(updates, Update{Event: ParallelsInstalled, Product: p.Name, To: now})
		case now == "":
			updates = append(updates, Update{Event: ParallelsRemoved, Product: p.Name, From: was})
		default:
			updates = append(updates, Update{Event: ParallelsUpdated, Product: p.Name, From: was, To: now})
		}
	}
	return updates, products
}

// noSource is remembered if no policy source answered. An empty source means that
// there was no snapshot yet.
const noSource = "none"

// source records that another policy source answers, or that none does any more.
func (m *Memory) source(status Status) []Notice {
	was, now := m.Source, status.Source
	if now == "" {
		now = noSource
	}
	m.Source = now
	switch {
	case was == "" || was == now:
		return nil
	case now == noSource:
		return []Notice{{Event: SourceLost, From: string(was)}}
	}
	return []Notice{{Event: SourceChanged, From: string(was), To: string(now)}}
}

// tellProduct is Tell for one product.
func (t Announced) tellProduct(p Product, pending bool, reminders []int, snooze snoozeState) (Announced, []Notice) {
	if p.Brief {
		return t.tellBriefly(p, pending, snooze)
	}
	return t.tell(p, pending, reminders, snooze)
}

// tell is tellProduct for a product that is watched in full. pending says that tools have not answered yet.
func (t Announced) tell(p Product, pending bool, reminders []int, snooze snoozeState) (Announced, []Notice) {
	var notices []Notice
	note := func(event EventName, urgency Urgency) *Notice {
		notices = append(notices, Notice{Event: event, Urgency: urgency, Product: p, Window: p.Window, To: string(p.Verdict)})
		return &notices[len(notices)-1]
	}
	// Other verdicts than Unknown say that an open window no longer matters: its
	// extensions were loaded while no source of policy answered.
	over := !p.Window.Open() || p.Verdict != Unknown
	if t.Before == BlockedOpen && over && verdictChanges[p.Verdict].endsUnnoticed {
		end, urgency := t.end(p), Silent
		if p.Verdict == Unknown {
			urgency = Plain
		}
		note(windowEnd[end], urgency).From = string(t.Verdict)
		t = t.noteKnown(end)
	}
	if t.Verdict != p.Verdict {
		var what verdictChange
		if t.Before != p.Verdict { // otherwise it was only unknown for a while
			what = verdictChangeFor(t.Before, p.Verdict)
		}
		if p.Verdict == Unknown { // one alert, even if the source fails and recovers repeatedly
			if t.BeforeUnknown != "" && t.BeforeUnknown == t.Before {
				what = verdictChange{}
			}
			t.BeforeUnknown = t.Before
		}
		if t.Verdict != "" && !slices.Contains(what.events, VerdictChanged) {
			note(VerdictChanged, Silent).From = string(t.Verdict)
		}
		for _, event := range what.events {
			note(event, what.urgency).From = string(t.Verdict)
		}
		t.Verdict = p.Verdict
		if p.Verdict != Unknown {
			t.Before = p.Verdict
		}
	}
	if p.lost() && !t.Lost {
		note(ApprovalLostEvent, Plain)
	}
	t.Lost = p.lost()
	t = t.tellWindow(p, pending, reminders, snooze, note)
	t.Awaiting = t.Awaiting && p.Verdict != NotNeeded && p.Verdict != NotInstalled || p.Verdict.NeedsAction() ||
		p.Verdict == Unknown && p.Window.Open()
	if t.Awaiting && p.Loaded && !p.Verdict.NeedsAction() && !p.lost() {
		note(KextsLoaded, Plain)
		t.Awaiting = false
	}
	if snooze == snoozing {
		silence(notices, lastStage(reminders))
	}
	onlyOneAlert(notices)
	return t, notices
}

// lost reports whether macOS does not list an approval any more that the product needs.
func (p Product) lost() bool {
	return p.Need.Answer != probe.No && p.Verdict != NotInstalled && slices.ContainsFunc(p.Kexts(), func(k Kext) bool { return k.Lost })
}

// end returns how the window of the last reminders ended: Approved, or
// BlockedClosed if no approval is known.
func (t Announced) end(p Product) Verdict {
	for _, item := range p.Items {
		if item.Key != itemOf(t.Lead) {
			continue
		}
		switch item.Verdict {
		case Approved, RestartPending, LoadFailing, UpgradePending:
			return Approved
		}
	}
	return BlockedClosed
}

// noteKnown remembers a verdict that is known although no policy source answers.
// While the verdict stays Unknown, the alert about that covers this verdict, too.
func (t Announced) noteKnown(v Verdict) Announced {
	t.Before = v
	if t.Verdict == Unknown {
		t.BeforeUnknown = v
	}
	return t
}

// windowID names a window of an item. The numbers of an item's windows rise as
// long as Memory.Items has the item, and forget drops both together. So it is
// enough to keep the newest announced window of each item, and no fixed limit
// is needed: one that is too small would announce the same windows at each poll.
func windowID(item string, number int) string { return key(item, strconv.Itoa(number)) }

// itemOf returns the key of the item in a windowID.
func itemOf(windowID string) string {
	return windowID[:max(0, strings.LastIndex(windowID, " "))]
}

// announce adds announced windows, and drops older windows of the same items.
func (t Announced) announce(ids []string) Announced {
	newer := map[string]bool{}
	for _, id := range ids {
		newer[itemOf(id)] = true
	}
	kept := slices.DeleteFunc(slices.Clone(t.Windows), func(id string) bool { return newer[itemOf(id)] })
	t.Windows = append(kept, ids...)
	return t
}

// tellWindow announces each window once, and reminds of the one that closes first.
// If tools had not answered when a window was announced, one more notice follows
// when they report an obstacle.
func (t Announced) tellWindow(p Product, pending bool, reminders []int, snooze snoozeState, note func(EventName, Urgency) *Notice) Announced {
	w := p.Window
	if !w.Open() || !(p.Verdict.Blocked() || p.Verdict == Unknown) {
		t.Due, t.Early, t.Obstacles = false, false, nil
		return t
	}
	if p.Verdict == Unknown {
		t = t.noteKnown(BlockedOpen)
	}
	t.Due = t.Due || snooze == snoozeOver
	known := map[string]bool{}
	for _, id := range t.Windows {
		known[id] = true
	}
	stage, lead := stageAt(w.Left, reminders), ""
	var fresh []string
	for _, item := range p.Items {
		if !item.Window.Open() {
			continue
		}
		id := windowID(item.Key, item.Window.Number)
		if item.Window == w {
			lead = id
		}
		if known[id] {
			continue
		}
		event := WindowOpened
		if item.Window.Reopened > 0 {
			event = WindowReopened
		}
		note(event, Urgent).Window = item.Window
		fresh = append(fresh, id)
	}
	announced := len(fresh) > 0
	if announced {
		t = t.announce(fresh)
	}
	// Another attempt extended the window, so its reminders come again.
	prolonged := t.Reminded > 0 && w.Left > time.Duration(t.Reminded)*time.Minute+2*time.Minute
	if announced || prolonged || lead != t.Lead {
		t.Lead, t.Reminded = lead, stage
	}
	switch {
	case announced:
		t.Posting, t.Due = true, false
		t.Early, t.Obstacles = pending, nil
		if pending {
			t.Obstacles = p.obstacles()
		}
	case t.Due || stage > 0 && (t.Reminded == 0 || stage < t.Reminded):
		note(WindowReminder, Urgent).Minutes = w.MinutesLeft()
		t.Reminded, t.Due, t.Posting = stageAt(w.Left-reminderRest, reminders), false, true
		t.Early, t.Obstacles = false, nil // the reminder names the obstacle
	case t.Early && !pending:
		if slices.ContainsFunc(p.obstacles(), func(c ReasonCode) bool { return !slices.Contains(t.Obstacles, c) }) {
			note(WindowObstacle, Plain)
			t.Posting = true
		}
		t.Early, t.Obstacles = false, nil
	}
	return t
}

// obstacles returns the reasons why a click on Allow may not work.
func (p Product) obstacles() []ReasonCode {
	var codes []ReasonCode
	for _, r := range p.Reasons {
		if r.Severity == Obstacle {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// reminderRest is how long after a reminder no other one follows. It is a moment shorter
// than the time between two reminders that the settings can have.
const reminderRest = time.Minute - time.Second

// stageAt returns the latest reminder, in minutes left, that is due when this much
// time is left. 0 means that none is due.
func stageAt(left time.Duration, reminders []int) int {
	stage := 0
	for _, minutes := range reminders {
		if left <= time.Duration(minutes)*time.Minute && (stage == 0 || minutes < stage) {
			stage = minutes
		}
	}
	return stage
}

// onlyOneAlert keeps the most urgent alert, the last one of equals, and makes the
// other notices silent.
func onlyOneAlert(notices []Notice) {
	loudest := -1
	for i, n := range notices {
		if n.Urgency != Silent && (loudest < 0 || n.Urgency >= notices[loudest].Urgency) {
			loudest = i
		}
	}
	for i := range notices {
		if i != loudest {
			notices[i].Urgency = Silent
		}
	}
}

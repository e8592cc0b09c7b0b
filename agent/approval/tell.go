package approval

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Told is what the user has been told about one product.
type Told struct {
	Verdict  Verdict  `plist:"Verdict"`  // the last one
	Before   Verdict  `plist:"Before"`   // the last one that was not Unknown; BlockedOpen also where a window opened while it was Unknown
	Windows  []string `plist:"Windows"`  // the newest announced window of each item, by its windowID
	Lead     string   `plist:"Lead"`     // the windowID of the window the reminders are about
	Reminded int      `plist:"Reminded"` // its last reminder's stage in minutes left, 0: none yet
	Dark     Verdict  `plist:"Dark"`     // the verdict before the last alert that nobody can tell
	Awaiting bool     `plist:"Awaiting"` // the user was sent to do something; say when all is loaded
	Posting  bool     `plist:"Posting"`  // an alert about the window was about to be posted
	Due      bool     `plist:"Due"`      // the agent died while posting: remind at the next chance
}

// Notice is one thing that happened, to be recorded, and where Urgency is not
// Silent also shown.
type Notice struct {
	Event   EventName
	Urgency Urgency
	Product Product // empty for events of the whole Mac
	Window  *Window
	Minutes int    // left, for a reminder
	From    string // a verdict, a version or a source
	To      string
	Updates []Update // what was updated just before, told in the same alert
}

// Update is a change of version since the agent last looked, perhaps while it
// was not running.
type Update struct {
	Event   EventName
	Product string // "macOS" or a product's name
	From    string
	To      string
	At      time.Time // when it was installed; zero: not known
}

// Resume prepares a memory that was read from disk. Where the agent died
// while posting, nobody knows whether the alert was seen: the first alert is
// not repeated, but the next reminder is due at once.
func (m Memory) Resume() Memory {
	m = m.clone()
	for name, told := range m.Told {
		told.Due, told.Posting, told.Dark = told.Due || told.Posting, false, ""
		m.Told[name] = told
	}
	return m
}

// Posted notes that the alerts of the last Tell were handed over.
func (m Memory) Posted() Memory {
	m = m.clone()
	for name, told := range m.Told {
		told.Posting = false
		m.Told[name] = told
	}
	return m
}

// Tell compares a status with what the user has been told. It returns what
// there is to say now, in the order in which it happened, and the memory in
// which all of it counts as said. At most one notice about a product is
// shown; the others are only recorded.
func (s Settings) Tell(mem Memory, status Status) ([]Notice, Memory) {
	mem = mem.clone()
	updates, known := mem.updates(status)
	notices := mem.source(status)
	notices = append(notices, mem.disagreement(status)...)
	for _, u := range updates {
		notices = append(notices, Notice{Event: u.Event, From: u.From, To: u.To, Product: known[u.Product]})
	}
	if !s.AfterUpdates {
		updates = nil
	}
	hush := mem.hush(status.At)
	alerted := false
	for _, p := range status.Products {
		told, said := mem.Told[p.Name].tell(p, s.Reminders, hush)
		for i := range said {
			if said[i].Urgency != Silent && !alerted {
				said[i].Updates, alerted = updates, true
			}
		}
		mem.Told[p.Name] = told
		notices = append(notices, said...)
	}
	if len(updates) > 0 && !alerted {
		mem.showUpdate(notices, updates)
	}
	notices = append(notices, s.offers(&mem, status)...)
	return notices, mem
}

// disagreement records once how two sources of policy differ.
func (m *Memory) disagreement(status Status) []Notice {
	now := status.Facts.Disagree
	if now == "" || now == m.Disagree {
		return nil
	}
	m.Disagree = now
	return []Notice{{Event: SourcesDiffer, To: now}}
}

// showUpdate turns the newest update into the alert that says what it means.
func (m Memory) showUpdate(notices []Notice, updates []Update) {
	for i := len(notices) - 1; i >= 0; i-- {
		if notices[i].Event == updates[len(updates)-1].Event {
			notices[i].Urgency, notices[i].Updates = Plain, updates
			return
		}
	}
}

// updates compares the versions with the remembered ones and remembers the
// new ones. A version that cannot be read is no change.
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
		if p.App != nil {
			if p.App.Version == "" {
				continue
			}
			now = p.App.Version + "-" + p.App.Build
		}
		was, known := m.Versions[p.Name]
		m.Versions[p.Name] = now
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

// noSource is remembered where no source answered; empty means never asked.
const noSource = "none"

// source notes that another source of policy answers, or none any more.
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

// tell is Tell for one product.
func (t Told) tell(p Product, reminders []int, hush hush) (Told, []Notice) {
	var notices []Notice
	note := func(event EventName, urgency Urgency) *Notice {
		notices = append(notices, Notice{Event: event, Urgency: urgency, Product: p, Window: p.Window, To: string(p.Verdict)})
		return &notices[len(notices)-1]
	}
	if t.Before == BlockedOpen && !p.Window.Open() && endsUnsaid(p.Verdict) {
		end, urgency := t.end(p), Silent
		if p.Verdict == Unknown {
			urgency = Plain
		}
		note(windowEnd[end], urgency).From = string(t.Verdict)
		t = t.behind(end)
	}
	if t.Verdict != p.Verdict {
		var what telling
		if t.Before != p.Verdict { // else it only was not known for a while
			what = tellingFor(t.Before, p.Verdict)
		}
		if p.Verdict == Unknown { // one alert, however often the source comes and goes
			if t.Dark != "" && t.Dark == t.Before {
				what = telling{}
			}
			t.Dark = t.Before
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
	t = t.tellWindow(p, reminders, hush, note)
	t.Awaiting = t.Awaiting && p.Verdict != NotNeeded && p.Verdict != NotInstalled || p.Verdict.NeedsAction() ||
		p.Verdict == Unknown && p.Window.Open()
	if t.Awaiting && p.Loaded {
		note(KextsLoaded, Plain)
		t.Awaiting = false
	}
	if hush == snoozing {
		hushed(notices, lastStage(reminders))
	}
	onlyOneAlert(notices)
	return t, notices
}

// end is how the window of the last reminders ended: Approved, or BlockedClosed
// where nobody is known to have approved it.
func (t Told) end(p Product) Verdict {
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

// behind notes what is known although no source of policy answers. While the
// verdict stays Unknown, the alert that it is covers this, too.
func (t Told) behind(v Verdict) Told {
	t.Before = v
	if t.Verdict == Unknown {
		t.Dark = v
	}
	return t
}

// windowID names a window of an item. The numbers of an item's windows rise as
// long as Memory.Items has the item, and forget drops both together. So it is
// enough to keep the newest announced window of each item, and no fixed limit
// is needed: one that is too small would announce the same windows at each poll.
func windowID(item Item) string { return key(item.Key, strconv.Itoa(item.Window.Number)) }

// itemOf is the key of the item in a windowID.
func itemOf(windowID string) string {
	return windowID[:max(0, strings.LastIndex(windowID, " "))]
}

// announce adds windows that are being announced.
func (t Told) announce(ids []string) Told {
	newer := map[string]bool{}
	for _, id := range ids {
		newer[itemOf(id)] = true
	}
	kept := slices.DeleteFunc(slices.Clone(t.Windows), func(id string) bool { return newer[itemOf(id)] })
	t.Windows = append(kept, ids...)
	return t
}

// tellWindow announces each window once, and the reminders of the one that
// closes first.
func (t Told) tellWindow(p Product, reminders []int, hush hush, note func(EventName, Urgency) *Notice) Told {
	w := p.Window
	if !w.Open() || !(p.Verdict.Blocked() || p.Verdict == Unknown) {
		t.Due = false
		return t
	}
	if p.Verdict == Unknown {
		t = t.behind(BlockedOpen)
	}
	t.Due = t.Due || hush == snoozeOver
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
		id := windowID(item)
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
	// A further attempt prolonged the window: its stages come again.
	prolonged := t.Reminded > 0 && w.Left > time.Duration(t.Reminded)*time.Minute+2*time.Minute
	if announced || prolonged || lead != t.Lead {
		t.Lead, t.Reminded = lead, stage
	}
	switch {
	case announced:
		t.Posting, t.Due = true, false
	case t.Due || stage > 0 && (t.Reminded == 0 || stage < t.Reminded):
		note(WindowReminder, Urgent).Minutes = w.MinutesLeft()
		t.Reminded, t.Due, t.Posting = stage, false, true
	}
	return t
}

// stageAt is the reminder that is due, or overdue, with this much time left;
// 0 means none yet. Only the latest counts.
func stageAt(left time.Duration, reminders []int) int {
	stage := 0
	for _, minutes := range reminders {
		if left <= time.Duration(minutes)*time.Minute && (stage == 0 || minutes < stage) {
			stage = minutes
		}
	}
	return stage
}

// onlyOneAlert leaves the most urgent notice an alert, the last of equals.
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

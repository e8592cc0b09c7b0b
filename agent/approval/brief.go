package approval

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"kextwatch/probe"
)

// atStartFor is how long after the start of the Mac, or after the login, an attempt
// counts as one that a program makes by itself each time.
const atStartFor = 5 * time.Minute

// brief sets how a product is announced that is not watched in full, and whether it is
// only listed.
func (a *assessment) brief(w watched, p *Product, facts []*kextFacts) {
	vendors, announced := a.settings.Vendors, a.before.Announced[p.ID]
	p.Ignored = vendors.ignores(w.teamID) || slices.Contains(a.before.Ignored, w.teamID)
	p.Brief = p.Ignored || !vendors.full(w.teamID) || w.teamID == ""
	if !p.Brief {
		return
	}
	p.release = a.release(facts)
	if boot := a.snap.Boot; boot.Security != "" {
		p.policy = string(boot.Security) + " " + string(boot.UserKexts)
	}
	recent := p.recent()
	p.Repeated = len(recent) > 0 && a.atStart(*p) && announced.unchanged(*p) &&
		(announced.Unapproved || announced.Awaiting && len(announced.missing(recent)) > 0)
	p.follows = announced.Awaiting || announced.Before.Blocked() && p.Verdict == RestartPending
	undated := a.undated(facts)
	p.newBlock = undated && !a.before.LastRead.At.IsZero() && !announced.Verdict.Blocked()
	switch {
	case p.Ignored || p.Repeated:
		p.Listed = true
	case w.teamID == "": // unsigned, or not known
		p.Listed = !vendors.All
	case p.Verdict == Unknown:
		p.Listed = a.snap.Policy != nil && !p.Window.Open()
	case p.Verdict.refused():
		p.Listed = len(recent) == 0 && !undated
	default:
		p.Listed = !(p.follows && p.Verdict.NeedsAction())
	}
}

// undated reports whether an extension on the disk was first read as blocked within the
// length of a window, and the policy source has no time of an attempt: there may be a
// button now.
func (a *assessment) undated(facts []*kextFacts) bool {
	found := false
	for _, f := range facts {
		if !f.refused() || len(f.disk) == 0 || a.snap.Policy == nil || a.snap.Policy.TellsTimes() || f.row.Pending == probe.No {
			continue
		}
		if until := a.rememberedKext(f).BlockedAt.Add(WindowLength); a.now.Before(until) {
			a.due(until)
			found = true
		}
	}
	return found
}

// unchanged reports whether nothing changed since the last announcement: no extension of
// the product and no macOS was updated, and the boot policy is the same. A policy that
// a tool has not reported yet counts as unchanged.
func (t Announced) unchanged(p Product) bool {
	return t.Release == p.release && (p.policy == "" || t.BootPolicy == "" || t.BootPolicy == p.policy)
}

// release returns a text that changes with the version of macOS and with those of the
// extensions on the disk. It is short, because the memory keeps it.
func (a *assessment) release(facts []*kextFacts) string {
	sum := fnv.New64a()
	fmt.Fprintln(sum, a.snap.Mac.OS.Version, a.snap.Mac.OS.Build)
	for _, f := range facts {
		fmt.Fprintln(sum, f.bundleID, f.diskVersion())
	}
	return strconv.FormatUint(sum.Sum64(), 16)
}

// recent returns the windowIDs of the attempts of the last 30 minutes, including those for
// which macOS shows no Allow button.
func (p Product) recent() []string {
	var ids []string
	for _, item := range p.Items {
		if item.recent != "" {
			ids = append(ids, item.recent)
		}
	}
	return ids
}

// atStart reports whether the last attempts of a product were made soon after the start of
// the Mac or after the login.
func (a *assessment) atStart(p Product) bool {
	for _, item := range p.Items {
		if item.recent == "" {
			continue
		}
		at := newest(item.Attempts)
		soonAfter := func(start time.Time) bool {
			return !start.IsZero() && !at.Before(start.Truncate(time.Second)) && at.Sub(start) <= atStartFor
		}
		if !soonAfter(a.snap.Mac.BootedAt) && !soonAfter(a.snap.Situation.LoginAt) {
			return false
		}
	}
	return true
}

// briefEvents has the events of a product that is not watched in full. Those about an
// attempt are shown for each new one. Those about what follows are shown if the attempt
// was. Other events are only recorded.
var briefEvents = []struct {
	event            EventName
	attempt, follows bool
}{
	{WindowOpened, true, false},
	{WindowReopened, true, false},
	{BlockedNoWindow, true, false},
	{ManagedEvent, true, true},
	{NeedsRecoveryEvent, true, true},
	{CannotLoadEvent, true, true},
	{WindowObstacle, false, true},
	{WindowReminder, false, true}, // only after a snooze, or if an alert may be lost
	{ApprovedEvent, false, true},
	{RestartNeeded, false, true},
	{UpgradeEvent, false, true},
	{LoadFailingEvent, false, true},
	{KextsLoaded, false, true},
}

// isBrief returns the row of an event in briefEvents.
func isBrief(event EventName) (attempt, follows bool) {
	for _, row := range briefEvents {
		if row.event == event {
			return row.attempt, row.follows
		}
	}
	return false, false
}

// tellBriefly is tell for a product that is announced once for each attempt. After the
// user allows it, it is followed until it is loaded.
func (t Announced) tellBriefly(p Product, pending bool, snooze snoozeState) (Announced, []Notice) {
	before := t
	t, all := t.tell(p, pending, nil, snooze)
	recent := p.recent()
	fresh := before.missing(recent)
	if p.Repeated {
		fresh, t.Windows = nil, before.Windows // a later attempt of this half hour is news
	} else {
		t = t.announce(fresh)
	}
	announced := (len(fresh) > 0 && !p.Repeated || p.newBlock) && !p.Ignored && p.TeamID != ""
	// The user changed the startup security in macOS Recovery. What is left is to allow it.
	changed := before.Before == NeedsRecovery && (p.Verdict == BlockedUnknown || p.Verdict == BlockedClosed) && !p.Ignored

	var notices []Notice
	shown, loaded := false, false
	for _, n := range all {
		attempt, follows := isBrief(n.Event)
		if !(announced && attempt || p.follows && follows && !p.Ignored || changed && attempt) {
			if attempt && len(fresh) == 0 || follows {
				continue // the attempt was not announced, so its end is not
			}
			n.Urgency = Silent
		}
		shown = shown || n.Urgency != Silent
		loaded = loaded || n.Event == KextsLoaded
		notices = append(notices, n)
	}
	if change := verdictChangeFor("", p.Verdict); announced && !shown && p.Verdict.refused() {
		for _, event := range change.events { // another attempt, and the verdict is the same
			notices = append(notices, Notice{Event: event, Urgency: change.urgency, Product: p, To: string(p.Verdict)})
		}
	}
	onlyOneAlert(notices)

	waits := p.Verdict.refused()
	switch {
	case announced:
		t.Release, t.Unapproved = p.release, false
		t.BootPolicy = cmp.Or(p.policy, t.BootPolicy)
	case p.Repeated, waits && p.Listed && before.Awaiting:
		t.Unapproved = true
	case !waits && p.Verdict != Unknown:
		t.Unapproved = false
	}
	over := loaded || waits && p.Listed || p.Repeated || p.Verdict == NotInstalled || p.Verdict == NotNeeded
	t.Awaiting = (p.follows || announced) && !over
	return t, notices
}

// ToIgnore returns the product whose developer the menu offers to ignore: the leading one,
// if it is not of Parallels and needs an action. Otherwise it returns
// one that ignored lists, whose developer the menu offers to stop ignoring.
func (s Status) ToIgnore(ignored []string) (p Product, stop, found bool) {
	lead, ok := s.Leading()
	if ok && lead.TeamID != probe.ParallelsTeamID && lead.TeamID != "" && lead.Verdict.NeedsAction() {
		return lead, false, true
	}
	for _, p := range s.Products {
		if slices.Contains(ignored, p.TeamID) {
			return p, true, true
		}
	}
	return Product{}, false, false
}

// missing returns those of some windows that were not announced.
func (t Announced) missing(windows []string) []string {
	return slices.DeleteFunc(slices.Clone(windows), func(id string) bool { return slices.Contains(t.Windows, id) })
}

package approval

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"kextwatch/probe"
)

// Assess returns the status of the Mac at now, and the memory for the next
// snapshot. It changes neither mem nor snap.
func (s Settings) Assess(mem Memory, snap probe.Snapshot, now time.Time) (Status, Memory) {
	a := &assessment{settings: s, before: mem, mem: mem.clone(), snap: snap, now: now, fired: map[Fired]bool{}, visited: map[string]bool{}}
	a.status = Status{
		At:      now.UTC(),
		Mac:     snap.Mac,
		Sources: snap.Sources,
		Gaps:    slices.Clone(snap.Gaps),
		Facts:   snap,
		Compat:  s.Compat,
		Contact: s.Contact,
		NoRetry: s.NoRetry,

		OthersInFull: s.Vendors.othersInFull(),
	}
	a.snap.Situation.LoginAt = a.mem.loginAt(snap, now)
	if snap.Policy != nil {
		a.status.Source, a.status.ReadAt = snap.Policy.Source, snap.Policy.ReadAt
	}
	facts := a.recall(gather(snap))
	a.index = newIndex(facts, mem, snap, now)
	for _, f := range facts {
		a.noteLost(f)
	}
	products := s.Vendors.products(facts)
	a.status.Products = make([]Product, 0, len(products))
	for _, w := range products {
		product, ok := a.product(w)
		if !ok {
			continue
		}
		a.status.Products = append(a.status.Products, product)
		if !product.Listed {
			a.status.Verdict = worse(a.status.Verdict, product.Verdict)
		}
	}
	if a.status.Verdict == "" {
		a.status.Verdict = NotInstalled // nothing that is watched
	}
	slices.SortStableFunc(a.status.Products, byUrgency)
	a.status.Waiting = a.waiting(facts)
	a.advance()
	a.rememberRead(facts)
	a.mem.Boots = withBoot(a.mem.Boots, snap.Mac, now)
	a.forget(facts)
	return a.status, a.mem
}

// assessment is one run of Assess.
type assessment struct {
	settings Settings
	index    index

	before Memory // after the last snapshot
	mem    Memory // after this one
	snap   probe.Snapshot
	now    time.Time
	status Status
	fired  map[Fired]bool

	visited map[string]bool // the keys of the items that were assessed
}

func (a *assessment) fire(rule Rule, subject string) {
	if f := (Fired{rule, subject}); !a.fired[f] {
		a.fired[f] = true
		a.status.Fired = append(a.status.Fired, f)
	}
}

// product assesses one watched product. It returns false if there is nothing to
// report about it.
func (a *assessment) product(w watched) (Product, bool) {
	p := Product{ID: w.id(), Name: w.name, TeamID: w.teamID}
	for i, app := range a.snap.Apps {
		if app.Product == w.name {
			p.App = &a.snap.Apps[i]
		}
	}
	places := map[string][]*kextFacts{}
	var order []string
	var own []*kextFacts
	for _, f := range a.index.byTeam[w.teamID] {
		if !w.has(f) {
			continue
		}
		at := a.place(f)
		if places[at] == nil {
			order = append(order, at)
		}
		places[at] = append(places[at], f)
		own = append(own, f)
		if p.Developer == "" {
			p.Developer = f.developer()
		}
		if p.Known == nil {
			p.Known = f.known
		}
	}
	loaded := anyLoaded(own)
	for _, f := range own {
		f.besideLoaded = loaded
	}
	p.Loaded = true
	for _, at := range order {
		item := a.item(w, at, places[at])
		p.Loaded = p.Loaded && item.loaded()
		p.Items = append(p.Items, item)
	}
	onDisk := slices.ContainsFunc(p.Items, func(i Item) bool { return i.Verdict != "" })
	if !w.always && p.App == nil && !onDisk {
		return Product{}, false
	}
	installed := p.App != nil || onDisk && (!w.app || slices.ContainsFunc(own, a.isThere))
	p.Loaded = p.Loaded && installed && onDisk
	p.Window = leadingWindow(p.Items)
	p.Need = a.need(w, p.App)
	p.Made = a.made(w, p.App)
	p.Verdict = a.productVerdict(p, installed, own)
	if p.Verdict == LoadFailing || p.Verdict == CannotLoad {
		p.Proof = a.proof(p, own)
	}
	a.status.Asking = slices.ContainsFunc(own, a.asking) || a.status.Asking
	p.Uncertain = p.Verdict == Approved && a.snap.Mac.OS.AtLeast(11, 0) && slices.ContainsFunc(own, func(f *kextFacts) bool {
		if !w.parallels() { // nobody knows when it is needed, but in this boot it was
			return a.uncertain(f) && f.row != nil && !a.lastAttempt(f).IsZero()
		}
		return p.Need.Answer != probe.No && a.uncertain(f)
	})
	if p.Uncertain {
		a.fire(RuleUncertain, p.Name)
	}
	if p.Verdict == Managed {
		p.closeWindows()
	}
	a.brief(w, &p, own)
	p.Reasons = a.reasons(w, p)
	return p, true
}

// isThere reports whether an extension shows that its product is on this Mac: it is on
// the disk or loaded, or something tried to load it within the length of a window.
func (a *assessment) isThere(f *kextFacts) bool {
	return f.installed() || f.loaded != "" || a.triedLately(f)
}

// triedLately reports whether something tried to load an extension within the length of a
// window.
func (a *assessment) triedLately(f *kextFacts) bool {
	seen := f.record().LastSeen
	return lately(seen, a.now) && a.scan(f, seen) == "" || f.reportedLately(a.now)
}

// closeWindows removes the windows, because a profile disables the Allow button.
// The memory keeps them for the case that the profile is removed.
func (p *Product) closeWindows() {
	p.Window = nil
	for i := range p.Items {
		p.Items[i].Window = nil
	}
}

// place returns the place of an extension's item. An extension that was removed from
// the disk still belongs to its last item.
func (a *assessment) place(f *kextFacts) string {
	if path := f.path(); path != "" {
		return place(path)
	}
	return a.before.Kexts[f.id].Place
}

// productVerdict returns the verdict of the worst item, unless the product is not
// installed or not needed. An open window proves that it is needed.
func (a *assessment) productVerdict(p Product, installed bool, facts []*kextFacts) Verdict {
	worst := Verdict("")
	for _, item := range p.Items {
		worst = worse(worst, item.Verdict)
	}
	switch {
	case p.Window.Open() && (worst.Blocked() || worst == Unknown):
		a.fire(RuleAttempted, p.Name)
		return worst
	case !installed && !AppUnknown(a.snap):
		a.fire(RuleNoApp, p.Name)
		return NotInstalled
	case p.Need.Because == RuleAppleSilicon, // what macOS refuses there is a leftover of an Intel Mac
		p.Need.Answer == probe.No && !((worst.NeedsAction() || worst == Unknown) && slices.ContainsFunc(facts, a.refusedNow)):
		a.fire(p.Need.Because, p.Name)
		return NotNeeded
	case !installed:
		a.fire(RuleAppUnknown, p.Name)
		return worse(worst, Unknown)
	}
	if p.Need.Because != "" {
		a.fire(p.Need.Because, p.Name)
	}
	if p.App != nil && p.App.TeamID == probe.ParallelsTeamID && p.Need.unclear(a.snap.Machines) && worst != Approved {
		a.fire(RuleNeedUnknown, p.Name)
		a.status.Gaps = append(a.status.Gaps, needUnknown)
	}
	switch {
	case worst != "":
	case a.snap.Policy == nil:
		a.fire(RuleNoPolicy, p.Name)
		worst = Unknown
	case slices.ContainsFunc(facts, a.known), slices.ContainsFunc(a.snap.Attempts, func(t probe.Attempt) bool { return t.TeamID == p.TeamID && t.BundleID == "" }):
		a.fire(RuleRecorded, p.Name)
		worst = Unknown // the application is there, and its extensions are not
	case p.App != nil && p.App.TeamID == probe.ParallelsTeamID && probe.HasGap(a.snap.Gaps, probe.FactKextsOnDisk):
		a.fire(RuleAppUnknown, p.Name)
		worst = Unknown // its folder of extensions could not be listed
	default:
		worst = NotAsked
	}
	if a.runsWithout(p, facts) {
		a.fire(RuleRunsWithout, p.Name)
		worst = worse(worst, LoadFailing)
	}
	if a.madeForOlder(p) {
		a.fire(RuleMadeForOlder, p.Name)
		worst = worse(worst, Incompatible)
	}
	return worst
}

// AppUnknown reports whether it is unknown if Parallels Desktop is installed: a place
// where it may be could not be read.
func AppUnknown(snap probe.Snapshot) bool {
	return len(snap.Apps) == 0 && probe.HasGap(snap.Gaps, probe.FactParallels)
}

// made returns what the installed Parallels was made for; nil if the table has no
// row for it.
func (a *assessment) made(w watched, app *probe.App) *Row {
	if !w.parallels() || app == nil {
		return nil
	}
	if row, ok := a.settings.Compat.For(app.Version); ok {
		return &row
	}
	return nil
}

// madeForOlder reports whether the product is not loaded and was made for an older
// macOS. A row of the table that is only a guess does not count.
func (a *assessment) madeForOlder(p Product) bool {
	if p.Made == nil || p.Loaded || !a.snap.Loaded.Known {
		return false
	}
	older, confidence := p.Made.MadeForOlder(a.snap.Mac.OS)
	return older && confidence != Unsure
}

// byUrgency orders products: those that are only listed last, the worst verdict first, of
// equals the one whose window closes first, and within a minute those that are watched in
// full.
func byUrgency(x, y Product) int {
	last := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	closes := func(p Product) int64 {
		if p.Window.Open() {
			return p.Window.ClosesAt.Unix() / 60
		}
		return math.MaxInt64
	}
	return cmp.Or(last(x.Listed)-last(y.Listed), x.Verdict.rank()-y.Verdict.rank(), cmp.Compare(closes(x), closes(y)), last(x.Brief)-last(y.Brief))
}

// leadingWindow returns the open window that closes first. If none is open, it
// returns the one that closed last.
func leadingWindow(items []Item) *Window {
	var lead *Window
	for _, item := range items {
		w := item.Window
		switch {
		case w == nil:
		case lead == nil,
			w.Open() && !lead.Open(),
			w.Open() && w.ClosesAt.Before(lead.ClosesAt),
			!lead.Open() && w.ClosesAt.After(lead.ClosesAt):
			lead = w
		}
	}
	return lead
}

// advance moves the windows of items without facts on, so that one that closed does not
// open again when the clock is set back.
func (a *assessment) advance() {
	for id, item := range a.mem.Items {
		if !a.visited[id] {
			item.Window = item.Window.advance(a.now)
			a.mem.Items[id] = item
		}
	}
}

// forget removes extensions without facts from the memory, and items without
// extensions. It also removes the announced windows of these items, because the
// next window of such an item has the number 1 again.
func (a *assessment) forget(facts []*kextFacts) {
	if a.snap.Policy == nil {
		return
	}
	named := make(map[string]bool, 2*len(facts))
	for _, f := range facts {
		named[f.id] = true
		named[key(f.teamID, a.place(f))] = true
	}
	gone := map[string]bool{}
	for id, item := range a.mem.Items {
		if !named[id] && !item.attemptedWithin(itemLife, a.now) {
			gone[id] = true
			delete(a.mem.Items, id)
		}
	}
	// An extension whose item is remembered may come back, even in another place.
	maps.DeleteFunc(a.mem.Kexts, func(k string, was KextMemory) bool {
		team, _ := splitKey(k)
		_, remembered := a.mem.Items[key(team, was.Place)]
		return !named[k] && !remembered
	})
	if len(gone) == 0 {
		return
	}
	for product, announced := range a.mem.Announced {
		announced.Windows = slices.DeleteFunc(slices.Clone(announced.Windows), func(id string) bool { return gone[itemOf(id)] })
		a.mem.Announced[product] = announced
	}
}

// rememberRead remembers the policy for the comparison with the next one. Without a
// policy, or with an old answer, the last one stays. Rows that are not watched are
// included: they are not new when the user begins to watch them.
func (a *assessment) rememberRead(facts []*kextFacts) {
	if a.snap.Policy == nil || a.snap.Policy.Stale && a.snap.Policy.Source == a.before.LastRead.Source {
		return // the rows of the last read
	}
	read := LastRead{Source: a.snap.Policy.Source, At: a.readAt(), Session: a.session()}
	for _, f := range facts {
		if f.row != nil && !f.row.Allowed && wellFormed(f.bundleID) && !f.fromApple() {
			read.Blocked = append(read.Blocked, f.id)
		}
	}
	// A source that lags returns rows that we already read while it was current. Keep
	// the earlier time.
	before := a.before.LastRead
	if read.Source == before.Source && read.At.Before(before.At) && !before.At.After(a.now) && slices.Equal(read.Blocked, before.Blocked) {
		read.At = before.At
	}
	a.mem.LastRead = read
}

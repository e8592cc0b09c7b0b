package approval

import (
	"slices"
	"sort"
	"time"

	"kextwatch/probe"
)

// index holds what is looked up for each extension or product. Without it, the time
// of an assessment would grow with the square of the number of extensions.
type index struct {
	byTeam    map[string][]*kextFacts // in the order of the facts
	blocked   map[string]bool         // the keys of LastRead.Blocked
	attempted map[string]bool         // the keys of the extensions with a known attempt within the length of a window
	loads     loads

	// The extensions on the disk: those that the table has of one product, those with one
	// file name in one bundle, and whether one in a place is allowed.
	ofProduct map[string][]*kextFacts
	ofName    map[string][]*kextFacts
	allowed   map[string]bool
}

func newIndex(facts []*kextFacts, before Memory, snap probe.Snapshot, now time.Time) index {
	x := index{
		byTeam: map[string][]*kextFacts{}, blocked: map[string]bool{}, attempted: map[string]bool{},
		ofProduct: map[string][]*kextFacts{}, ofName: map[string][]*kextFacts{}, allowed: map[string]bool{},
	}
	for _, f := range facts {
		x.byTeam[f.teamID] = append(x.byTeam[f.teamID], f)
		f.known = knownKext(f.teamID, f.bundleID)
		if !f.installed() {
			continue
		}
		if f.known != nil {
			x.ofProduct[key(f.teamID, f.known.Product)] = append(x.ofProduct[key(f.teamID, f.known.Product)], f)
		}
		x.ofName[f.sameName()] = append(x.ofName[f.sameName()], f)
		x.allowed[key(f.teamID, place(f.path()))] = x.allowed[key(f.teamID, place(f.path()))] || f.allowed()
	}
	for _, k := range before.LastRead.Blocked {
		x.blocked[k] = true
	}
	for id, m := range before.Items {
		team, _ := splitKey(id)
		open := m.Window.advance(now).Left > 0 // the clock may have been set back
		for _, attempt := range m.Attempts {
			if ago := now.Sub(attempt.At); open || ago >= 0 && ago <= WindowLength {
				x.attempted[key(team, attempt.BundleID)] = true
			}
		}
	}
	if snap.Policy != nil {
		x.loads = newLoads(snap.Policy.History)
	}
	return x
}

// loads holds the times of the load history, oldest first.
type loads []load

type load struct {
	at     time.Time
	teamID string
	next   int // the next load of another team
}

func newLoads(history []probe.LoadRecord) loads {
	var all loads
	for _, r := range history {
		if !r.LastSeen.IsZero() {
			all = append(all, load{at: r.LastSeen, teamID: r.TeamID})
		}
	}
	slices.SortStableFunc(all, func(x, y load) int { return x.at.Compare(y.at) })
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].next = i + 1; i+1 < len(all) && all[i+1].teamID == all[i].teamID {
			all[i].next = all[i+1].next
		}
	}
	return all
}

// otherTeam reports whether another team has a load between two times, inclusive.
func (l loads) otherTeam(teamID string, from, to time.Time) bool {
	i := sort.Search(len(l), func(i int) bool { return !l[i].at.Before(from) })
	if i < len(l) && l[i].teamID == teamID {
		i = l[i].next
	}
	return i < len(l) && !l[i].at.After(to)
}

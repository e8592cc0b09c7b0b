package approval

import "slices"

// itemMemory returns the memory of an item. Extensions bring the memory of their last
// item along when their place changes: the application was moved, or it was not known
// where they are. The window that is open is then not announced again.
func (a *assessment) itemMemory(w watched, id string, facts []*kextFacts) ItemMemory {
	memory := a.mem.Items[id]
	joined := map[string]bool{id: true}
	for _, f := range facts {
		was, known := a.before.Kexts[f.id]
		from := key(f.teamID, was.Place)
		earlier, remembered := a.before.Items[from]
		if !known || !remembered || joined[from] {
			continue
		}
		joined[from] = true
		announced := a.mem.Announced[w.id()]
		memory, announced = memory.join(id, earlier, from, announced)
		a.mem.Announced[w.id()] = announced
	}
	return memory
}

// join adds the attempts of another item to m. If the window of that item closes
// later, it becomes the newest window of m, and it is announced if it was.
func (m ItemMemory) join(id string, other ItemMemory, otherID string, announced Announced) (ItemMemory, Announced) {
	if other.Window.known() && (!m.Window.known() || other.Window.ClosesAt.After(m.Window.ClosesAt)) {
		was := windowID(otherID, other.Window.Number)
		m.Windows++
		m.Window = other.Window
		m.Window.Number = m.Windows
		is := windowID(id, m.Windows)
		if slices.Contains(announced.Windows, was) {
			announced = announced.announce([]string{is})
		}
		if announced.Lead == was {
			announced.Lead = is
		}
	}
	m.Earlier = max(m.Earlier, other.Earlier)
	if len(m.Attempts) == 0 || len(other.Attempts) > 0 && newest(other.Attempts).After(newest(m.Attempts)) {
		m.Session = other.Session
	}
	known := m.known()
	return m.remember(known.missing(other.Attempts)).dismiss(known.missing(other.Dismissed)), announced
}

// recall adds the extensions of open windows while no policy source answers: their
// windows stay, even if no other fact shows them any more.
func (a *assessment) recall(facts []*kextFacts) []*kextFacts {
	if a.snap.Policy != nil {
		return facts
	}
	named := make(map[string]*kextFacts, len(facts))
	for _, f := range facts {
		named[f.id] = f
	}
	for id, was := range a.before.Kexts {
		team, bundle := splitKey(id)
		if a.before.Items[key(team, was.Place)].Window.advance(a.now).Left <= 0 {
			continue
		}
		if named[id] == nil {
			named[id] = &kextFacts{id: id, teamID: team, bundleID: bundle}
			facts = append(facts, named[id])
		}
		named[id].recalled, named[id].name = true, was.Developer
	}
	sortFacts(facts)
	return facts
}

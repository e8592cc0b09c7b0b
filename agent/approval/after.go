package approval

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// After merges m into the memory of an earlier agent, which could not be read
// when m began. m wins, and earlier fills in what m does not know. The versions
// are those of earlier, so that an update in between is announced.
func (m Memory) After(earlier Memory) Memory {
	m = m.clone()
	for id, announced := range m.Announced {
		m.Announced[id] = announced.after(earlier.Announced[id], earlier.Items)
	}
	for id, item := range m.Items {
		m.Items[id] = item.after(earlier.Items[id])
	}
	for k, kext := range m.Kexts {
		m.Kexts[k] = kext.after(earlier.Kexts[k])
	}
	fill(m.Items, earlier.Items)
	fill(m.Announced, earlier.Announced)
	fill(m.Kexts, earlier.Kexts)
	maps.Copy(m.Versions, earlier.Versions)
	if earlier.OS.Known() {
		m.OS = earlier.OS
	}
	if m.LastRead.At.IsZero() {
		m.LastRead = earlier.LastRead
	}
	for _, version := range earlier.Offered {
		if !slices.Contains(m.Offered, version) {
			m.Offered = append(m.Offered, version)
		}
	}
	for _, team := range earlier.Ignored {
		if !slices.Contains(m.Ignored, team) {
			m.Ignored = append(m.Ignored, team)
		}
	}
	if m.Snoozed.IsZero() {
		m.Snoozed, m.SnoozedWindow = earlier.Snoozed, earlier.SnoozedWindow
	}
	m.Boots = bootsAfter(m.Boots, earlier.Boots)
	m.Source = cmp.Or(m.Source, earlier.Source)
	m.Disagree = cmp.Or(m.Disagree, earlier.Disagree)
	m.Seq = max(m.Seq, earlier.Seq)
	return m
}

// after is After for one item. Its windows are numbered after the earlier ones.
func (m ItemMemory) after(earlier ItemMemory) ItemMemory {
	if m.Window.known() {
		m.Window.Number += earlier.Windows
	} else {
		m.Window, m.Session = earlier.Window, earlier.Session
	}
	m.Windows += earlier.Windows
	m.Earlier = max(m.Earlier, earlier.Earlier)
	known := earlier.known()
	m.Attempts = keepNewest(earlier.Attempts, known.missing(m.Attempts))
	m.Dismissed = keepNewest(earlier.Dismissed, known.missing(m.Dismissed))
	return m
}

// after is After for one product. It renumbers the windows like those of the items.
func (t Announced) after(earlier Announced, items map[string]ItemMemory) Announced {
	renumbered := func(id string) string {
		item := itemOf(id)
		number, err := strconv.Atoi(strings.TrimPrefix(id[len(item):], " "))
		if err != nil {
			return id
		}
		return key(item, strconv.Itoa(number+items[item].Windows))
	}
	t.Windows = slices.Clone(t.Windows)
	for i, id := range t.Windows {
		t.Windows[i] = renumbered(id)
	}
	t.Lead = renumbered(t.Lead)
	windows := t.Windows
	t.Windows, t.Lost = earlier.Windows, t.Lost || earlier.Lost
	t.Release, t.BootPolicy = cmp.Or(t.Release, earlier.Release), cmp.Or(t.BootPolicy, earlier.BootPolicy)
	t.Unapproved = t.Unapproved || earlier.Unapproved
	return t.announce(windows)
}

// after is After for one extension. It keeps the boot sessions of the earlier agent,
// because they still hold. An approval that is not there is compared with the earlier
// one at the next snapshot.
func (m KextMemory) after(earlier KextMemory) KextMemory {
	if !m.Allowed && (earlier.Allowed || earlier.Lost) {
		m.Allowed, m.By, m.Payload, m.Lost, m.LostAt = earlier.Allowed, earlier.By, earlier.Payload, earlier.Lost, earlier.LostAt
	}
	if m.Allowed {
		m.AllowedIn = cmp.Or(m.AllowedIn, earlier.AllowedIn)
		m.AllowedEarlier = m.AllowedEarlier || earlier.AllowedEarlier
		if !earlier.AllowedAt.IsZero() {
			m.AllowedAt = earlier.AllowedAt
		}
	}
	if m.LoadedVersion == "" {
		m.LoadedVersion, m.LoadedCDHash, m.LoadedAt, m.LoadedIn = earlier.LoadedVersion, earlier.LoadedCDHash, earlier.LoadedAt, earlier.LoadedIn
		m.RefusedIn = cmp.Or(m.RefusedIn, earlier.RefusedIn)
		m.RestartIn = cmp.Or(m.RestartIn, earlier.RestartIn)
		m.UpgradeIn = cmp.Or(m.UpgradeIn, earlier.UpgradeIn)
		if m.FailureIn == "" {
			m.Failure, m.FailureIn = earlier.Failure, earlier.FailureIn
		}
		if m.FailedIn == "" {
			m.FailedIn, m.FailedBy = earlier.FailedIn, earlier.FailedBy
		}
	}
	if m.CollectedIn == "" {
		m.Collected, m.CollectedIn = earlier.Collected, earlier.CollectedIn
	}
	m.Differs = cmp.Or(earlier.Differs, m.Differs)
	if !earlier.BlockedAt.IsZero() && !m.BlockedAt.IsZero() {
		m.BlockedAt = earlier.BlockedAt
	}
	if earlier.Watched.After(m.Watched) {
		m.Watched = earlier.Watched
	}
	if !earlier.WithoutSince.IsZero() && !m.WithoutSince.IsZero() {
		m.WithoutSince = earlier.WithoutSince
	}
	m.Place = cmp.Or(m.Place, earlier.Place)
	m.Developer = cmp.Or(m.Developer, earlier.Developer)
	return m
}

// fill adds the keys of from that to does not have.
func fill[V any](to, from map[string]V) {
	for k, v := range from {
		if _, known := to[k]; !known {
			to[k] = v
		}
	}
}

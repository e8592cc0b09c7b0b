package approval

import (
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// kextFacts is all that a snapshot says about one kernel extension.
type kextFacts struct {
	teamID   string
	bundleID string
	row      *probe.PolicyRow
	mdm      bool // a configuration profile allows it
	history  []probe.LoadRecord
	disk     []probe.Kext
	loaded   string // the loaded version
}

// gather puts the facts together, one entry for each team and bundle ID, in a
// stable order.
func gather(snap probe.Snapshot) []*kextFacts {
	byKey := map[string]*kextFacts{}
	var all []*kextFacts
	get := func(teamID, bundleID string) *kextFacts {
		k := key(teamID, bundleID)
		if byKey[k] == nil {
			byKey[k] = &kextFacts{teamID: teamID, bundleID: bundleID}
			all = append(all, byKey[k])
		}
		return byKey[k]
	}
	for _, k := range snap.Kexts {
		f := get(k.TeamID, k.BundleID)
		f.disk = append(f.disk, k)
	}
	if p := snap.Policy; p != nil {
		for i, row := range p.Rows {
			get(row.TeamID, row.BundleID).row = &p.Rows[i]
		}
		for _, record := range p.History {
			f := get(record.TeamID, record.BundleID)
			f.history = append(f.history, record)
		}
		for _, f := range all {
			f.mdm = allowedByMDM(p.MDM, f.teamID, f.bundleID)
		}
	}
	for _, f := range all {
		f.loaded = f.loadedVersion(snap.Loaded)
	}
	slices.SortFunc(all, func(a, b *kextFacts) int {
		return strings.Compare(key(a.teamID, a.bundleID), key(b.teamID, b.bundleID))
	})
	return all
}

// allowedByMDM: a row for the very bundle decides, else one for the team.
func allowedByMDM(rows []probe.MDMRow, teamID, bundleID string) bool {
	team := false
	for _, row := range rows {
		switch {
		case row.TeamID != teamID:
		case row.BundleID == bundleID:
			return row.Allowed
		case row.BundleID == "" && row.Allowed:
			team = true
		}
	}
	return team
}

// loadedVersion prefers the version on disk where several are listed.
func (f *kextFacts) loadedVersion(loaded probe.Loaded) string {
	version := ""
	for _, k := range loaded.Kexts {
		if k.BundleID != f.bundleID {
			continue
		}
		if f.onDisk(k.Version) {
			return k.Version
		}
		version = k.Version
	}
	return version
}

func (f *kextFacts) onDisk(version string) bool {
	return slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return k.Version == version })
}

// path is where the extension was installed, as far as that is known.
func (f *kextFacts) path() string {
	for _, k := range f.disk {
		if !k.Staged {
			return k.Path
		}
	}
	if len(f.disk) > 0 {
		return f.disk[0].Path
	}
	if len(f.history) > 0 {
		// macOS loads from a protected copy and records that copy's path.
		return strings.TrimPrefix(f.history[0].Path, "/Library/StagedExtensions")
	}
	return ""
}

func (f *kextFacts) diskVersion() string {
	if len(f.disk) == 0 {
		return ""
	}
	return f.disk[0].Version
}

// record is the newest entry of the load history.
func (f *kextFacts) record() probe.LoadRecord {
	var newest probe.LoadRecord
	for _, r := range f.history {
		if !r.LastSeen.Before(newest.LastSeen) {
			newest = r
		}
	}
	return newest
}

func (f *kextFacts) allowed() bool { return f.mdm || f.row != nil && f.row.Allowed }

// refused reports whether macOS holds the extension back until somebody
// allows it.
func (f *kextFacts) refused() bool { return f.row != nil && !f.allowed() }

// loadedFromDisk: an older version in the kernel does not count as loaded.
func (f *kextFacts) loadedFromDisk() bool { return f.loaded != "" && f.onDisk(f.loaded) }

// attemptedWithin reports whether the load history names a moment in the last
// d before now. A time in the future is no evidence beyond a small tolerance.
func (f *kextFacts) attemptedWithin(d time.Duration, now time.Time) bool {
	seen := f.record().LastSeen
	return !seen.IsZero() && now.Sub(seen) <= d && seen.Sub(now) <= futureTolerance
}

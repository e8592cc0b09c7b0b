package approval

import (
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// kextFacts holds the facts of a snapshot about one kernel extension.
type kextFacts struct {
	id       string // key of the team and the bundle ID
	teamID   string
	bundleID string
	row      *probe.PolicyRow
	by       AllowedBy // who allows it in addition to the user; empty if nobody
	history  []probe.LoadRecord
	reported []probe.Attempt // from the log or our own retry, oldest first
	disk     []probe.Kext
	loaded   string // the loaded version

	is    *KextMemory // see assessment.rememberedKext
	known *KnownKexts // its row of the table; nil: none

	overruled    bool // see assessment.overrule
	besideLoaded bool // an extension of its product is loaded
	payload      bool // only the payload of a profile allows it

	// See assessment.recall.
	recalled bool
	name     string // of the developer

	// See noteLost.
	lost   bool
	lostAt time.Time // when it will be lost; it counts as allowed until then
}

// gather groups the facts by team and bundle ID. The order is stable.
func gather(snap probe.Snapshot) []*kextFacts {
	byKey := map[string]*kextFacts{}
	var all []*kextFacts
	get := func(teamID, bundleID string) *kextFacts {
		k := key(teamID, bundleID)
		if byKey[k] == nil {
			byKey[k] = &kextFacts{id: k, teamID: teamID, bundleID: bundleID}
			all = append(all, byKey[k])
		}
		return byKey[k]
	}
	unsigned := unsignedIn(snap.Policy)
	for _, k := range snap.Kexts {
		f := get(diskTeam(k, unsigned), k.BundleID)
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
	}
	var mdm mdmRows
	if snap.Policy != nil {
		mdm = rowsOfMDM(snap.Policy.MDM)
	}
	loaded := map[string][]string{}
	for _, k := range snap.Loaded.Kexts {
		loaded[k.BundleID] = append(loaded[k.BundleID], k.Version)
		if teamID := teamOf(k.BundleID); teamID != "" {
			get(teamID, k.BundleID)
		}
	}
	for _, t := range snap.Attempts {
		if t.TeamID != "" && t.BundleID != "" {
			get(t.TeamID, t.BundleID)
		}
	}
	for _, f := range all {
		f.reported = attemptsOf(snap.Attempts, f.teamID, f.bundleID)
		rules := mdm
		if f.outdated(snap.Policy) {
			rules = mdmRows{}
			f.block()
		}
		f.by = allowedBy(snap.Enforcement, rules, f.teamID, f.bundleID)
		f.payload = f.by == ByMDM && !rules.allow(f.teamID, f.bundleID)
		f.loaded = f.loadedVersion(loaded[f.bundleID])
	}
	sortFacts(all)
	return all
}

// outdated reports whether macOS refused the extension after the policy was read, which is
// being read again. Whatever allowed it then does not allow it now. The times are compared
// exactly: a refusal before the read, in the same second, may have been answered.
func (f *kextFacts) outdated(policy *probe.Policy) bool {
	return policy != nil && policy.Stale && slices.ContainsFunc(f.reported, func(t probe.Attempt) bool {
		return t.Outcome == probe.Refused && t.At.After(policy.ReadAt)
	})
}

// block corrects a row that says that the user allows the extension.
func (f *kextFacts) block() {
	if f.row != nil {
		row := *f.row
		row.Allowed = false
		f.row = &row
	}
}

// unsignedIn returns the bundle IDs of the extensions that macOS found unsigned.
func unsignedIn(policy *probe.Policy) map[string]bool {
	unsigned := map[string]bool{}
	if policy != nil {
		for _, row := range policy.Rows {
			if row.TeamID == "" {
				unsigned[row.BundleID] = true
			}
		}
	}
	return unsigned
}

// diskTeam returns the team of an extension on the disk. If it was not read, and the
// policy does not say that the extension is unsigned, it may be known by the bundle ID.
func diskTeam(k probe.Kext, unsigned map[string]bool) string {
	if k.TeamID == "" && !unsigned[k.BundleID] {
		return teamOf(k.BundleID)
	}
	return k.TeamID
}

func sortFacts(facts []*kextFacts) {
	slices.SortFunc(facts, func(a, b *kextFacts) int { return strings.Compare(a.id, b.id) })
}

// developer returns the name of the developer, as macOS shows it.
func (f *kextFacts) developer() string {
	if f.row != nil {
		return f.row.Developer
	}
	return f.name
}

// allowedBy returns who, in addition to the user, allows an extension.
func allowedBy(e probe.Enforcement, mdm mdmRows, teamID, bundleID string) AllowedBy {
	switch {
	case mdm.allow(teamID, bundleID), allowedByProfile(e.Profile, teamID, bundleID):
		return ByMDM
	case teamID != "" && slices.Contains(e.Consent.Teams, teamID):
		return ByRecovery
	case e.Consent.Enabled == probe.No || e.SIP.KextApproval == probe.No:
		return NotEnforced
	}
	return ""
}

// allowedByProfile checks the payload of the profile. Some policy sources do not
// report what profiles allow.
func allowedByProfile(p probe.KextProfile, teamID, bundleID string) bool {
	if p.Present != probe.Yes || teamID == "" {
		return false
	}
	return slices.Contains(p.Teams, teamID) || slices.ContainsFunc(p.Kexts, func(k probe.TeamKexts) bool {
		return k.TeamID == teamID && slices.Contains(k.BundleIDs, bundleID)
	})
}

// attemptsOf returns the attempts to load an extension. An attempt without a
// bundle ID (error 56521 of Parallels) counts for every extension of Parallels Desktop.
func attemptsOf(all []probe.Attempt, teamID, bundleID string) []probe.Attempt {
	var own []probe.Attempt
	for _, t := range all {
		switch {
		case t.TeamID != "" && t.TeamID != teamID:
		case t.BundleID == bundleID, t.BundleID == "" && t.TeamID != "" && strings.HasPrefix(bundleID, probe.ParallelsKextPrefix):
			own = append(own, t)
		}
	}
	return own
}

// mdmRows says for the key of each row of MDM whether it allows the extension. A row
// without a bundle ID is about the whole team.
type mdmRows map[string]bool

func rowsOfMDM(rows []probe.MDMRow) mdmRows {
	all := mdmRows{}
	for _, row := range rows {
		k := key(row.TeamID, row.BundleID)
		if _, known := all[k]; !known || row.BundleID == "" && row.Allowed {
			all[k] = row.Allowed
		}
	}
	return all
}

// allow reports whether MDM allows an extension. A row for the bundle ID outranks a
// row for the team.
func (m mdmRows) allow(teamID, bundleID string) bool {
	if allowed, known := m[key(teamID, bundleID)]; known {
		return allowed
	}
	return m[key(teamID, "")]
}

// loadedVersion returns which of the loaded versions of the extension counts: the
// version on disk, otherwise the last one.
func (f *kextFacts) loadedVersion(loaded []string) string {
	version := ""
	for _, version = range loaded {
		if f.onDisk(version) {
			break
		}
	}
	return version
}

func (f *kextFacts) onDisk(version string) bool {
	return slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return k.Version == version })
}

// path returns where the extension is installed. It is empty if that is unknown.
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
		// macOS loads a protected copy and records the path of that copy.
		return strings.TrimPrefix(f.history[0].Path, probe.StagedExtensions)
	}
	return ""
}

// installed reports whether the extension is on the disk where it was installed. macOS
// keeps the staged copy of one that was removed.
func (f *kextFacts) installed() bool {
	return slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return !k.Staged })
}

func (f *kextFacts) diskVersion() string {
	if len(f.disk) == 0 {
		return ""
	}
	return f.disk[0].Version
}

// record returns the newest entry of the load history.
func (f *kextFacts) record() probe.LoadRecord {
	var newest probe.LoadRecord
	for _, r := range f.history {
		if !r.LastSeen.Before(newest.LastSeen) {
			newest = r
		}
	}
	return newest
}

func (f *kextFacts) allowed() bool { return f.by != "" || f.row != nil && f.row.Allowed }

// allowedBy returns who allows the extension; empty: nobody.
func (f *kextFacts) allowedBy() AllowedBy {
	if f.row != nil && f.row.Allowed {
		return ByUser
	}
	return f.by
}

// lastOutcome returns the last attempt since then whose outcome says why macOS did not
// load the extension.
func (f *kextFacts) lastOutcome(since time.Time) (last probe.Attempt, ok bool) {
	for _, t := range f.reported {
		if t.Outcome != probe.Tried && t.Outcome != probe.Permitted && !t.At.Before(since.Truncate(time.Second)) {
			last, ok = t, true
		}
	}
	return last, ok
}

// refused reports whether macOS blocks the extension until somebody allows it.
func (f *kextFacts) refused() bool { return f.row != nil && !f.allowed() }

// loadedFromDisk reports whether the version on disk is loaded.
// If the version on disk is not known, the loaded one counts as current.
func (f *kextFacts) loadedFromDisk() bool {
	return f.loaded != "" && (len(f.disk) == 0 || f.onDisk(f.loaded) || f.unread())
}

// unread reports whether the extension is on the disk and its version could not
// be read.
func (f *kextFacts) unread() bool {
	return slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return k.Unread })
}

// claimsNoTeam reports whether no team is known of the extension, although its code on the
// disk was read: it is probably unsigned.
func (f *kextFacts) claimsNoTeam() bool {
	return f.teamID == "" && slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return len(k.Code) > 0 })
}

// anyLoaded reports whether one of some extensions is loaded, in any version.
func anyLoaded(facts []*kextFacts) bool {
	return slices.ContainsFunc(facts, func(f *kextFacts) bool { return f.loaded != "" })
}

// ahead reports whether a time is later than now by more than futureTolerance: the clock was
// set back, and the time is not evidence.
func ahead(at, now time.Time) bool { return at.Sub(now) > futureTolerance }

// lately reports whether a time is within the length of a window before now, and not ahead.
func lately(at, now time.Time) bool { return now.Sub(at) <= WindowLength && !ahead(at, now) }

// withoutAhead returns the facts without the reported attempts that are ahead of now.
func (f *kextFacts) withoutAhead(now time.Time) *kextFacts {
	isAhead := func(t probe.Attempt) bool { return ahead(t.At, now) }
	if !slices.ContainsFunc(f.reported, isAhead) {
		return f
	}
	others := *f
	others.reported = slices.DeleteFunc(slices.Clone(f.reported), isAhead)
	return &others
}

// reportedLately reports whether the log or our own retry reported an attempt within the
// length of a window.
func (f *kextFacts) reportedLately(now time.Time) bool {
	return slices.ContainsFunc(f.reported, func(t probe.Attempt) bool { return lately(t.At, now) })
}

// reportedSince reports whether an attempt at or after since had this outcome. macOS
// reports the start of the Mac in whole seconds.
func (f *kextFacts) reportedSince(since time.Time, outcome probe.Outcome) bool {
	return slices.ContainsFunc(f.reported, func(t probe.Attempt) bool {
		return t.Outcome == outcome && !t.At.Before(since.Truncate(time.Second))
	})
}

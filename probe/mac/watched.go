package mac

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// watched reports whether a kext is watched. The kexts of Parallels always
// are. With Options.AllVendors, so are those of all other vendors except Apple.
func (p *Prober) watched(teamID, bundleID string) bool {
	return fromParallels(teamID, bundleID) || p.allVendors && !strings.HasPrefix(bundleID, "com.apple.")
}

// needsLoaded reports whether a verdict depends on what the kernel has loaded.
// Parallels never uses kexts on Apple silicon.
func (p *Prober) needsLoaded(snap probe.Snapshot) bool {
	if snap.Mac.Arch == probe.AppleSilicon && !p.allVendors {
		return false
	}
	return len(snap.Apps) > 0 || snap.Policy != nil && slices.ContainsFunc(snap.Policy.Rows, func(row probe.PolicyRow) bool {
		return p.watched(row.TeamID, row.BundleID)
	})
}

// loadedKey returns a text that changes when the kernel may have loaded another
// watched kext: it has the allowed kexts, their last load attempts, and their
// copies on the disk. A blocked kext cannot have been loaded and is left out; see
// triedElsewhere. Without a policy every kext counts as allowed.
func (p *Prober) loadedKey(snap probe.Snapshot) string {
	var lines []string
	allowed := map[string]bool{} // by bundle ID; "" is all of the team
	if snap.Policy == nil {
		allowed[""] = true
	} else {
		for _, row := range snap.Policy.Rows {
			if row.Allowed && p.watched(row.TeamID, row.BundleID) {
				allowed[row.BundleID] = true
				lines = append(lines, fmt.Sprintf("allowed %q", row.BundleID))
			}
		}
		for _, row := range snap.Policy.MDM {
			if row.Allowed && (p.allVendors || row.TeamID == probe.ParallelsTeamID) {
				allowed[row.BundleID] = true
				lines = append(lines, fmt.Sprintf("managed %q", row.BundleID))
			}
		}
		for _, record := range snap.Policy.History {
			if p.watched(record.TeamID, record.BundleID) && (allowed[""] || allowed[record.BundleID]) {
				lines = append(lines, fmt.Sprintf("attempt %q %v", record.BundleID, record.LastSeen.UTC()))
			}
		}
		// A load attempt changes the policy files. If the source does not report
		// the times of attempts, the time of reading stands for them.
		if len(allowed) > 0 && !snap.Policy.TellsTimes() {
			lines = append(lines, fmt.Sprintf("read %v", snap.Policy.ReadAt.UTC()))
		}
	}
	for _, kext := range snap.Kexts {
		if p.watched(kext.TeamID, kext.BundleID) && (allowed[""] || allowed[kext.BundleID]) {
			lines = append(lines, fmt.Sprintf("on disk %q %q %q", kext.BundleID, kext.Version, kext.Path))
		}
	}
	slices.Sort(lines) // rows have no order
	return strings.Join(lines, "\n")
}

// triedElsewhere reports whether something tried to load a kext since the last snapshot
// that the policy blocks, and that a switch, a team from Recovery or a profile may allow.
func (p *Prober) triedElsewhere(snap probe.Snapshot) bool {
	if snap.Policy == nil {
		return false
	}
	var last time.Time
	for _, record := range snap.Policy.History {
		if p.watched(record.TeamID, record.BundleID) && record.LastSeen.After(last) {
			last = record.LastSeen
		}
	}
	before := p.tried
	p.tried = last
	return !before.IsZero() && last.After(before) &&
		(p.sip.value.KextApproval == probe.No || p.consent.value.Enabled == probe.No || len(p.consent.value.Teams) > 0 ||
			p.profile.value.Present == probe.Yes)
}

func fromParallels(teamID, bundleID string) bool {
	return teamID == probe.ParallelsTeamID && strings.HasPrefix(bundleID, "com.parallels.")
}

package mac

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/probe"
)

// concerns reports whether an extension is watched: those of Parallels always,
// all but Apple's where other vendors' are, too.
func (p *Prober) concerns(teamID, bundleID string) bool {
	return fromParallels(teamID, bundleID) || p.others && !strings.HasPrefix(bundleID, "com.apple.")
}

// needsLoaded reports whether it matters what the kernel has loaded. Parallels
// never uses kernel extensions on Apple silicon.
func (p *Prober) needsLoaded(snap probe.Snapshot) bool {
	if snap.Mac.Arch == probe.AppleSilicon && !p.others {
		return false
	}
	return len(snap.Apps) > 0 || snap.Policy != nil && slices.ContainsFunc(snap.Policy.Rows, func(row probe.PolicyRow) bool {
		return p.concerns(row.TeamID, row.BundleID)
	})
}

// loadedConcern sums up what may have made the kernel load a watched extension
// since it was asked: which are allowed, when they were last tried,
// and what lies on the disk. An extension that macOS just blocked is no reason
// to ask: it cannot have been loaded. Without a policy all may be allowed.
func (p *Prober) loadedConcern(snap probe.Snapshot) string {
	var lines []string
	allowed := map[string]bool{} // by bundle ID; "" is all of the team
	if snap.Policy == nil {
		allowed[""] = true
	} else {
		for _, row := range snap.Policy.Rows {
			if row.Allowed && p.concerns(row.TeamID, row.BundleID) {
				allowed[row.BundleID] = true
				lines = append(lines, fmt.Sprintf("allowed %q", row.BundleID))
			}
		}
		for _, row := range snap.Policy.MDM {
			if row.Allowed && (p.others || row.TeamID == probe.ParallelsTeamID) {
				allowed[row.BundleID] = true
				lines = append(lines, fmt.Sprintf("managed %q", row.BundleID))
			}
		}
		for _, record := range snap.Policy.History {
			if p.concerns(record.TeamID, record.BundleID) && (allowed[""] || allowed[record.BundleID]) {
				lines = append(lines, fmt.Sprintf("tried %q %v", record.BundleID, record.LastSeen.UTC()))
			}
		}
		// An attempt moves the policy's files; a source that does not tell when
		// one was made is read anew then.
		if len(allowed) > 0 && !snap.Policy.Source.TellsTimes() {
			lines = append(lines, fmt.Sprintf("read %v", snap.Policy.ReadAt.UTC()))
		}
	}
	for _, kext := range snap.Kexts {
		if p.concerns(kext.TeamID, kext.BundleID) && (allowed[""] || allowed[kext.BundleID]) {
			lines = append(lines, fmt.Sprintf("on disk %q %q %q", kext.BundleID, kext.Version, kext.Path))
		}
	}
	slices.Sort(lines) // rows have no order
	return strings.Join(lines, "\n")
}

func fromParallels(teamID, bundleID string) bool {
	return teamID == probe.ParallelsTeamID && strings.HasPrefix(bundleID, "com.parallels.")
}

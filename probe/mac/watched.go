package mac

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// needsLoaded reports whether a verdict depends on what the kernel has loaded.
func needsLoaded(snap probe.Snapshot) bool {
	return len(snap.Apps) > 0 && snap.Mac.Arch != probe.AppleSilicon || snap.AnyMatters()
}

// permitted are the kexts that macOS may load according to the policy.
type permitted struct {
	all     bool // without a policy every kext may be
	bundles map[string]bool
	teams   map[string]bool // with all their kexts
}

func permittedBy(policy *probe.Policy) permitted {
	if policy == nil {
		return permitted{all: true}
	}
	p := permitted{bundles: map[string]bool{}, teams: map[string]bool{}}
	for _, row := range policy.Rows {
		if row.Allowed {
			p.bundles[row.BundleID] = true
		}
	}
	for _, row := range policy.MDM {
		switch {
		case !row.Allowed:
		case row.BundleID == "":
			p.teams[row.TeamID] = true
		default:
			p.bundles[row.BundleID] = true
		}
	}
	return p
}

// has reports whether macOS may load a kext. The team of a kext on the disk may be
// unknown.
func (p permitted) has(teamID, bundleID string) bool {
	return p.all || p.bundles[bundleID] || p.teams[teamID] || teamID == "" && len(p.teams) > 0
}

// loadedKey returns a text that changes when the list of loaded kexts that matter may
// have changed: it has the allowed kexts, their last load attempts, and their copies on
// the disk. A blocked kext is left out, because nothing loads it; see triedElsewhere. But
// the attempts of a kext that the last answer lists count: an approval that is lost
// unloads nothing, and the attempt after it shows that the kext is gone. Without a policy
// every kext counts as allowed.
func loadedKey(snap probe.Snapshot, last probe.Loaded) string {
	var lines []string
	may := permittedBy(snap.Policy)
	if policy := snap.Policy; policy != nil {
		for _, row := range policy.Rows {
			if row.Allowed && snap.Matters(row.TeamID, row.BundleID) {
				lines = append(lines, fmt.Sprintf("allowed %q", row.BundleID))
			}
		}
		for _, row := range policy.MDM {
			if row.Allowed && snap.Matters(row.TeamID, row.BundleID) {
				lines = append(lines, fmt.Sprintf("managed %q %q", row.TeamID, row.BundleID))
			}
		}
		// A load attempt changes the policy files. If the source does not report
		// the times of attempts, the time of reading stands for them.
		if len(lines) > 0 && !policy.TellsTimes() {
			lines = append(lines, fmt.Sprintf("read %v", policy.ReadAt.UTC()))
		}
		for _, record := range policy.History {
			counts := may.has(record.TeamID, record.BundleID) || lists(last, record.BundleID)
			if counts && snap.Matters(record.TeamID, record.BundleID) {
				lines = append(lines, fmt.Sprintf("attempt %q %v", record.BundleID, record.LastSeen.UTC()))
			}
		}
	}
	for _, kext := range snap.Kexts {
		if may.has(kext.TeamID, kext.BundleID) && snap.Matters(kext.TeamID, kext.BundleID) {
			lines = append(lines, fmt.Sprintf("on disk %q %q %q", kext.BundleID, kext.Version, kext.Path))
		}
	}
	slices.Sort(lines) // rows have no order
	return strings.Join(lines, "\n")
}

func lists(loaded probe.Loaded, bundleID string) bool {
	return slices.ContainsFunc(loaded.Kexts, func(k probe.LoadedKext) bool { return k.BundleID == bundleID })
}

// triedElsewhere reports whether something tried to load a kext since the last snapshot
// that the policy blocks, and that a switch, a team from Recovery or a profile may allow.
func (p *Prober) triedElsewhere(snap probe.Snapshot) bool {
	if snap.Policy == nil {
		return false
	}
	var last time.Time
	for _, record := range snap.Policy.History {
		if snap.Matters(record.TeamID, record.BundleID) && record.LastSeen.After(last) {
			last = record.LastSeen
		}
	}
	before := p.tried
	p.tried = last
	return !before.IsZero() && last.After(before) &&
		(p.sip.value.KextApproval == probe.No || p.consent.value.Enabled == probe.No || len(p.consent.value.Teams) > 0 ||
			p.profile.value.Present == probe.Yes)
}

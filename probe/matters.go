package probe

import (
	"slices"
	"strings"
)

// FromApple reports whether a kext is one of Apple's own.
func FromApple(bundleID string) bool { return strings.HasPrefix(bundleID, "com.apple.") }

// shippedWithMacOS lists the kexts of other vendors that Apple ships in Extensions (seen
// on macOS 14.6 and 26; macfuse issue 1033).
var shippedWithMacOS = []struct{ teamID, bundleID, name string }{
	{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointIOP", "HighPointIOP"},
	{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointRR", "HighPointRR"},
	{"", "com.softraid.driver.SoftRAID", "SoftRAID"}, // its team is not known
}

// ShippedWithMacOS reports whether a kext of another vendor at this path comes with macOS.
// The team is empty if it is not known. Vendors install newer ones under the same bundle
// ID. macOS needs no approval for its own, so a row that blocks a kext shows that it is
// the vendor's.
func ShippedWithMacOS(teamID, bundleID, at string) bool {
	for _, s := range shippedWithMacOS {
		if s.bundleID == bundleID && at == Extensions+"/"+s.name+".kext" && (s.teamID == "" || teamID == "" || s.teamID == teamID) {
			return true
		}
	}
	return false
}

// Matters reports whether facts about a kext can change a verdict: it is not Apple's
// own, does not come with macOS, and is not one of Parallels Desktop on Apple silicon,
// where Parallels uses none. The bundle ID is empty in a row of MDM for a whole team.
func (s *Snapshot) Matters(teamID, bundleID string) bool {
	if s.Mac.Arch == AppleSilicon && (strings.HasPrefix(bundleID, ParallelsKextPrefix) || bundleID == "" && teamID == ParallelsTeamID) {
		return false
	}
	return !FromApple(bundleID) && !s.comesWithMacOS(bundleID)
}

// comesWithMacOS reports whether a bundle ID is one of shippedWithMacOS, and no row blocks
// it.
func (s *Snapshot) comesWithMacOS(bundleID string) bool {
	for _, k := range shippedWithMacOS {
		if k.bundleID == bundleID {
			return s.Policy == nil || !slices.ContainsFunc(s.Policy.Rows, func(r PolicyRow) bool { return !r.Allowed && r.BundleID == bundleID })
		}
	}
	return false
}

// ExpectsLoads reports whether macOS may soon load a kext that matters, or refuse it: one
// is on the disk, in the load history, or waits for approval. What could not be read
// counts as there.
func (s *Snapshot) ExpectsLoads() bool {
	if KextsUnread(s.Gaps) || slices.ContainsFunc(s.Kexts, func(k Kext) bool { return s.Matters(k.TeamID, k.BundleID) }) {
		return true
	}
	return s.Policy != nil &&
		(slices.ContainsFunc(s.Policy.History, func(r LoadRecord) bool { return s.Matters(r.TeamID, r.BundleID) }) ||
			slices.ContainsFunc(s.Policy.Rows, func(r PolicyRow) bool { return r.mayWait() && s.Matters(r.TeamID, r.BundleID) }))
}

// mayWait reports whether a kext may wait in the pane. Only the framework tells which
// ones do. Where it does not, every kext that is not allowed may.
func (r PolicyRow) mayWait() bool {
	return r.Pending == Yes || r.PendingUpgrade == Yes || !r.Allowed && r.Pending != No
}

// AnyMatters reports whether the facts are about any kext that matters: one that
// ExpectsLoads knows, or that the policy decides about.
func (s *Snapshot) AnyMatters() bool {
	matters := s.ExpectsLoads()
	s.Policy.EachKext(func(teamID, bundleID string) { matters = matters || s.Matters(teamID, bundleID) })
	return matters
}

// EachKext calls f with the team and the bundle ID of each kext that a policy names in its
// rows, in those of MDM and in the load history. One may come several times. A row of MDM
// for a whole team has no bundle ID. A nil policy names no kext.
func (p *Policy) EachKext(f func(teamID, bundleID string)) {
	if p == nil {
		return
	}
	for _, r := range p.Rows {
		f(r.TeamID, r.BundleID)
	}
	for _, r := range p.MDM {
		f(r.TeamID, r.BundleID)
	}
	for _, r := range p.History {
		f(r.TeamID, r.BundleID)
	}
}

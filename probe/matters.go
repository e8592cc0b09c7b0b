package probe

import (
	"slices"
	"strings"
)

// FromApple reports whether a kext is one of Apple's own. A few kexts of other vendors
// come with macOS, too. They do not count as Apple's here: the rules know them.
func FromApple(bundleID string) bool { return strings.HasPrefix(bundleID, "com.apple.") }

// Matters reports whether facts about a kext can change a verdict: it is not Apple's
// own, and not one of Parallels Desktop on Apple silicon, where Parallels uses none. The
// bundle ID is empty in a row of MDM for a whole team.
func (s *Snapshot) Matters(teamID, bundleID string) bool {
	if s.Mac.Arch == AppleSilicon && (strings.HasPrefix(bundleID, ParallelsKextPrefix) || bundleID == "" && teamID == ParallelsTeamID) {
		return false
	}
	return !FromApple(bundleID)
}

// ExpectsLoads reports whether macOS may soon load a kext that matters, or refuse it: one
// is on the disk, in the load history, or waits for approval. What could not be read
// counts as there.
func (s *Snapshot) ExpectsLoads() bool {
	if HasGap(s.Gaps, FactKextsOnDisk) || slices.ContainsFunc(s.Kexts, func(k Kext) bool { return s.Matters(k.TeamID, k.BundleID) }) {
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
	return s.ExpectsLoads() || s.Policy != nil &&
		(slices.ContainsFunc(s.Policy.Rows, func(r PolicyRow) bool { return s.Matters(r.TeamID, r.BundleID) }) ||
			slices.ContainsFunc(s.Policy.MDM, func(r MDMRow) bool { return s.Matters(r.TeamID, r.BundleID) }))
}

package approval

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// fireWire begins the bundle IDs of macOS's own FireWire extensions, which macOS 26 and
// later do not have (captures of macOS 26.6).
const fireWire = "com.apple.iokit.IOFireWire"

// hiddenFireWire is an extension that needs FireWire. Only root can read its folder, which
// would show that (a capture of macOS 26.6).
const hiddenFireWire = "com.motu.driver.FireWireAudio"

// bars has a row for each fact because of which a click on Allow does not help. The
// first row that holds decides. Apple Platform Security describes the boot policy of
// Apple silicon. That macOS on an external disk, or in a virtual machine, loads no
// extensions of other vendors is known from reports only, so macOS must have refused.
var bars = []struct {
	rule    Rule
	verdict Verdict
	outcome probe.Outcome // the failure that it amounts to; empty: none
	holds   func(a *assessment, f *kextFacts) bool
}{
	{RuleUnsigned, CannotLoad, "", func(_ *assessment, f *kextFacts) bool { return f.refused() && f.teamID == "" }},
	{RuleNoCode, CannotLoad, probe.WrongArch, func(a *assessment, f *kextFacts) bool {
		return a.tried(f) && f.hasNoCode(a.snap.Mac.Arch)
	}},
	{RuleNoFireWire, CannotLoad, probe.MissingDependency, func(a *assessment, f *kextFacts) bool {
		return a.tried(f) && a.snap.Mac.OS.AtLeast(26, 0) && (f.needs(fireWire) || f.unread() && f.bundleID == hiddenFireWire)
	}},
	{RuleExternalDisk, CannotLoad, "", func(a *assessment, f *kextFacts) bool {
		return a.silicon() && a.snap.Boot.External == probe.Yes && a.refusedNow(f)
	}},
	{RuleVirtualMac, CannotLoad, "", func(a *assessment, f *kextFacts) bool {
		return a.silicon() && a.snap.Boot.Virtual == probe.Yes && a.refusedNow(f)
	}},
	{RuleManaged, Managed, "", func(a *assessment, f *kextFacts) bool {
		return !f.allowed() && a.snap.Enforcement.Profile.ForbidsUsers()
	}},
	{RuleBootManaged, Managed, "", func(a *assessment, f *kextFacts) bool {
		return a.bootPolicyForbids(f) && a.snap.Boot.MDMKexts == probe.Yes
	}},
	{RuleBootPolicy, NeedsRecovery, "", (*assessment).bootPolicyForbids},
}

// bar returns the verdict of an extension that macOS blocks, or that is proven not to
// load, if a click on Allow does not help. It returns "" if no such fact is known.
func (a *assessment) bar(f *kextFacts) Verdict {
	for _, b := range bars {
		if b.holds(a, f) {
			a.fire(b.rule, f.bundleID)
			return b.verdict
		}
	}
	return ""
}

// unloadable returns why an extension cannot be loaded on this Mac, whatever is allowed.
func (a *assessment) unloadable(f *kextFacts) probe.Outcome {
	for _, b := range bars {
		if b.outcome != "" && b.holds(a, f) {
			return b.outcome
		}
	}
	return ""
}

// tried reports whether an extension is blocked, or something tried to load it in this
// boot. Other extensions that cannot be loaded may be left over from another Mac.
func (a *assessment) tried(f *kextFacts) bool { return f.refused() || !a.lastAttempt(f).IsZero() }

func (a *assessment) silicon() bool { return a.snap.Mac.Arch == probe.AppleSilicon }

// bootPolicyForbids reports whether the boot policy of Apple silicon does not let users
// approve this extension. What MDM allows needs no user.
func (a *assessment) bootPolicyForbids(f *kextFacts) bool {
	boot := a.snap.Boot
	return a.silicon() && f.allowedBy() != ByMDM &&
		(boot.Security == probe.FullSecurity || boot.Security != "" && boot.UserKexts == probe.No)
}

// needs reports whether an extension on the disk needs another one whose bundle ID
// begins so.
func (f *kextFacts) needs(prefix string) bool {
	return slices.ContainsFunc(f.disk, func(k probe.Kext) bool {
		return slices.ContainsFunc(k.Libraries, func(id string) bool { return strings.HasPrefix(id, prefix) })
	})
}

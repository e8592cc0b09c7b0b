package approval_test

import (
	"slices"

	"kextwatch/agent/approval"
)

// Verdicts of the design that the code may not have yet.
const (
	needsRecovery approval.Verdict = "needs-recovery"
	cannotLoad    approval.Verdict = "cannot-load"
)

// Groups of verdicts.
var (
	blocked = []approval.Verdict{approval.BlockedOpen, approval.Managed, needsRecovery, cannotLoad, approval.BlockedUnknown, approval.BlockedClosed}
	failing = append(slices.Clone(blocked), approval.UpgradePending, approval.LoadFailing, approval.RestartPending)
	// An Incompatible product is not well, and worse than unknown.
	problem = append(slices.Clone(failing), approval.Incompatible)
	// Nothing to do: exit status 0.
	well = []approval.Verdict{approval.NotAsked, approval.Approved, approval.NotNeeded, approval.NotInstalled}
)

// A tableRow says which verdicts are allowed if facts hold. All rows that hold
// apply. because is the sentence of the design.
type tableRow struct {
	name    string
	because string
	holds   func(combination) bool
	allowed []approval.Verdict // nil: all
	not     []approval.Verdict
	unless  func(combination, approval.Status) bool // what makes another verdict true, too
}

// accepts reports whether a status is one that the row allows.
func (r tableRow) accepts(c combination, s approval.Status) bool {
	return (r.allowed == nil || slices.Contains(r.allowed, s.Verdict)) && !slices.Contains(r.not, s.Verdict) || r.unless != nil && r.unless(c, s)
}

// has reports whether a status names a reason.
func has(s approval.Status, code approval.ReasonCode) bool {
	return slices.ContainsFunc(s.Products, func(p approval.Product) bool {
		return slices.ContainsFunc(p.Reasons, func(r approval.Reason) bool { return r.Code == code })
	})
}

// The facts that several rows name.

// never reports that the product cannot need its extensions on this Mac.
func (c combination) never() bool { return c.arch == appleSilicon || c.edition > 0 }

// needless reports that the facts prove that the extensions are not needed.
func (c combination) needless() bool {
	return c.never() || c.macOS11() && (c.need == vmApple || c.need == vmNone)
}

func (c combination) switchedOff() bool { return c.switches == sipOff || c.switches == consentOff }
func (c combination) isAllowed() bool {
	return c.row == rowAllowed || c.row == rowMDM || c.row == rowOnlyMDM || c.row == rowUpgrade || c.row == rowRestart
}
func (c combination) notLoaded() bool { return c.loaded == loadedNo }

// isLoaded reports whether the extension is in the kernel. If the version on the disk is
// not known, the loaded one counts as current.
func (c combination) isLoaded() bool {
	return c.loaded == loadedYes || c.loaded == loadedOlder && c.disk != diskYes
}
func (c combination) outcomeIn(from, to int) bool {
	return c.attempt >= tryLog+from && c.attempt <= tryLog+to
}
func (c combination) refused() bool { return c.outcomeIn(1, 1) || c.attempt == tryRetry }
func (c combination) failure() bool { return c.outcomeIn(5, 10) }

// tries reports an attempt in this boot.
func (c combination) tries() bool { return c.attempt >= tryUnwatched }

// watched reports an attempt that the agent saw.
func (c combination) watched() bool { return c.attempt >= tryWatched }

// counts reports that a row, if there is one, is not a leftover. The list of what is
// pending is made from the rows (facts 1), so that an item of it whose extension was
// looked for and not found is a leftover like a row.
func (c combination) counts() bool {
	return c.disk != diskNo || c.loaded == loadedYes || c.loaded == loadedOlder || c.watched()
}

// onRecord reports that the extension is on the disk, loaded or in a list of macOS.
func (c combination) onRecord() bool {
	return c.counts() || c.row != rowNone && c.row != rowOnlyMDM || c.tellsTimes() && !c.lastSeen(final).IsZero()
}

// applies reports that the product is there, the extensions are, and may be needed.
func (c combination) applies() bool { return c.disk != diskNo && !c.nameless() && !c.never() }

// nameless reports that the folder of the extensions cannot be listed and no list of
// macOS names them.
func (c combination) nameless() bool {
	return c.disk == diskUnlisted && (c.row == rowNone || c.row == rowOnlyMDM) && !(c.tellsTimes() && !c.lastSeen(final).IsZero())
}

// justMissing reports that the last snapshot is the first one without an extension that
// was loaded in this boot, or may have been.
func (c combination) justMissing() bool {
	loaded := c.past == pastLoadedNow || c.boot == bootUnknownSession && (c.past == pastLoaded || c.past == pastOtherMacOS)
	return loaded && !c.watched()
}

// undecided reports that the approval may be lost, which is certain only in a moment: a
// profile is replaced by removing and installing it, and that the Mac was restarted since
// is not known.
func (c combination) undecided() bool {
	return c.past == pastMDM && c.boot == bootUnknownSession && !c.isAllowed()
}

var table = []tableRow{
	{
		name:    "nothing is installed only if its places were read and hold nothing",
		because: "A product is not-installed only if its places were read and hold nothing (4)",
		holds: func(c combination) bool {
			return c.app != appAbsent || c.counts()
		},
		not: []approval.Verdict{approval.NotInstalled},
	},
	{
		name:    "a product that nobody can find is not judged",
		because: "the row is a leftover, shown by explain only (5, A row counts)",
		holds: func(c combination) bool {
			return c.app == appAbsent && !c.counts() && c.notLoaded() && !c.tries()
		},
		allowed: []approval.Verdict{approval.NotInstalled},
	},
	{
		name:    "on Apple silicon Parallels needs no extension",
		because: "Parallels on Apple silicon is not-needed (5, Boot policy)",
		holds:   func(c combination) bool { return c.arch == appleSilicon && c.app == appInstalled && !c.watched() },
		allowed: []approval.Verdict{approval.NotNeeded},
	},
	{
		name:    "on Apple silicon only an open window proves the need",
		because: "the same; the pane shows a button, and somebody may want to know what for. Without a policy, or with a profile, its verdict is another one",
		holds:   func(c combination) bool { return c.arch == appleSilicon && c.app == appInstalled && c.watched() },
		allowed: []approval.Verdict{approval.NotNeeded, approval.BlockedOpen, approval.Managed, approval.Unknown},
	},
	{
		name:    "not needed, only if the facts prove it",
		because: "always up to 10.15; later only for virtual machines on Parallels' hypervisor, or networking (5, Need); cannot tell is an answer (3)",
		holds:   func(c combination) bool { return !c.needless() },
		not:     []approval.Verdict{approval.NotNeeded},
	},
	{
		name:    "an attempt in this boot proves the need",
		because: "design 5, What contradicts approved: a refusal in this boot; only what is needed is loaded",
		holds: func(c combination) bool {
			return !c.never() && (c.refused() || c.failure()) && !c.nameless() && !c.isLoaded()
		},
		not: []approval.Verdict{approval.NotNeeded},
	},
	{
		name:    "no policy was read",
		because: "what could not be read is never taken for no, absent or all well (3)",
		holds: func(c combination) bool {
			return c.source == sourceNone && !c.isLoaded() && c.app != appAbsent && !c.needless() && !c.switchedOff()
		},
		allowed: append(slices.Clone(problem), approval.Unknown),
	},
	{
		name:    "approved, only if something allows it",
		because: "nothing that was not read counts as all well (3); a row, MDM, a switch or the kernel says that it is allowed (5)",
		holds: func(c combination) bool {
			return !c.isAllowed() && !c.undecided() && !c.switchedOff() && c.loaded != loadedYes && c.loaded != loadedOlder
		},
		not: []approval.Verdict{approval.Approved},
	},
	{
		name:    "blocked",
		because: "a row with allowed = 0 that counts, or pending; not allowed by MDM or a switch; and not loaded (5, Blocked)",
		holds: func(c combination) bool {
			return (c.row == rowBlocked || c.row == rowPending) && c.counts() && c.loaded != loadedYes && c.loaded != loadedOlder &&
				!c.switchedOff() && !c.never() && !c.undecided() && (!c.needless() || c.watched())
		},
		not: append(slices.Clone(well), approval.Unknown),
	},
	{
		name:    "pending, and nowhere to be found",
		because: "pending items of the framework are used (4); what is not found is unknown (3)",
		holds: func(c combination) bool {
			return c.row == rowPending && !c.counts() && c.app != appAbsent && !c.switchedOff() && !c.needless()
		},
		not: well,
	},
	{
		name:    "blocked, and users may not approve",
		because: "managed: a profile forbids (5, Verdicts)",
		holds: func(c combination) bool {
			return (c.row == rowBlocked || c.row == rowPending) && c.profile > 0 && c.applies() && c.notLoaded() && !c.switchedOff() &&
				c.switches != 3 && !c.undecided() && (!c.needless() || c.watched()) && !c.failure()
		},
		allowed: []approval.Verdict{approval.Managed, approval.BlockedOpen, needsRecovery, cannotLoad},
	},
	{
		name:    "a refusal outranks a switch",
		because: "a refusal in this boot (log, our own retry) outranks a switch that should turn approval off (5, Blocked)",
		holds: func(c combination) bool {
			return c.switchedOff() && c.refused() && c.applies() && c.notLoaded()
		},
		allowed: append(slices.Clone(failing), approval.Unknown),
	},
	{
		name:    "an attempt after which nothing was loaded outranks a switch",
		because: "an attempt in this boot after which no kext of the item was seen loaded outranks a switch (5, Blocked). Without the time of the boot it is not known to be in this boot",
		holds: func(c combination) bool {
			return (c.boot != bootUnknownTime || c.refused()) && c.switchedOff() && (c.row == rowBlocked || c.row == rowPending) && c.tries() && c.applies() && c.notLoaded() && c.past != pastLoadedNow
		},
		not: well,
	},
	{
		name:    "refused in this boot",
		because: "a refusal in this boot later than the last time the kext was seen loaded (5, Proof)",
		holds: func(c combination) bool {
			return c.refused() && c.applies() && c.row != rowNone && (c.loaded == loadedNo || c.loaded == loadedUnknown)
		},
		allowed: failing,
	},
	{
		name:    "refused in this boot, and macOS has no row",
		because: "the same; which verdict, the design does not say",
		holds: func(c combination) bool {
			return c.refused() && c.applies() && c.row == rowNone && (c.loaded == loadedNo || c.loaded == loadedUnknown)
		},
		not: well,
	},
	{
		name:    "refused in this boot, wherever the extension is",
		because: "a row counts if it was attempted in the last 30 minutes (5); Parallels anywhere (issue 12, 4)",
		holds: func(c combination) bool {
			return (c.refused() && c.attempt != tryRetry || c.failure()) && c.app != appAbsent && !c.never() && !c.isLoaded()
		},
		not: well,
	},
	{
		name:    "refused: it needs another approval",
		because: "by its code load-failing, restart-pending, upgrade-pending (5, Proof)",
		holds: func(c combination) bool {
			return c.outcomeIn(2, 2) && c.applies() && c.isAllowed() && (c.loaded == loadedNo || c.loaded == loadedUnknown)
		},
		allowed: append(slices.Clone(blocked), approval.UpgradePending, approval.LoadFailing), // the worst of several proofs
	},
	{
		name:    "refused: it needs a restart",
		because: "by its code load-failing, restart-pending, upgrade-pending (5, Proof)",
		holds: func(c combination) bool {
			return c.outcomeIn(3, 3) && c.applies() && c.isAllowed() && (c.loaded == loadedNo || c.loaded == loadedUnknown)
		},
		allowed: []approval.Verdict{approval.RestartPending, approval.LoadFailing, approval.UpgradePending},
	},
	{
		name:    "refused for a reason that no approval changes",
		because: "excluded, wrong owner or mode, insecure location, bad signature, missing dependency, wrong architecture (4); a refusal in this boot (5, Proof)",
		holds: func(c combination) bool {
			return c.failure() && c.applies() && (c.loaded == loadedNo || c.loaded == loadedUnknown)
		},
		allowed: append(slices.Clone(blocked), approval.LoadFailing),
	},
	{
		name:    "excluded by Apple, or built for another processor",
		because: "cannot-load: on any Mac a kext without a slice for this processor, Apple's exclude list (5, Boot policy)",
		holds: func(c combination) bool {
			return (c.outcomeIn(8, 8) || c.outcomeIn(10, 10)) && c.applies() && c.isAllowed() && c.notLoaded()
		},
		allowed: []approval.Verdict{cannotLoad},
	},
	{
		name:    "a failure opens no window",
		because: "there is never a row or an Allow button for these (facts 13.3)",
		holds:   func(c combination) bool { return c.failure() && c.isAllowed() },
		not:     []approval.Verdict{approval.BlockedOpen, approval.BlockedClosed},
	},
	{
		name:    "not in the collection",
		because: "allowed, and absent from an auxiliary kernel collection list that was read and is not empty (5, Proof)",
		holds: func(c combination) bool {
			return c.isAllowed() && c.collection == notInCollection && c.macOS11() && c.notLoaded() && c.applies() && !c.needless()
		},
		allowed: append([]approval.Verdict{cannotLoad}, approval.UpgradePending, approval.LoadFailing, approval.RestartPending),
	},
	{
		name:    "not in the collection after a restart",
		because: "or load-failing if the Mac was restarted since it was allowed (5, Proof)",
		holds: func(c combination) bool {
			return c.row == rowAllowed && c.collection == notInCollection && c.macOS11() && c.notLoaded() && c.applies() && !c.needless() &&
				(c.past == pastAllowed || c.past == pastLoaded) && c.boot == bootKnown && c.attempt != tryLog+3
		},
		not: append(slices.Clone(well), approval.RestartPending),
	},
	{
		name:    "allowed in this boot",
		because: "allowed in this boot while the agent watched, from macOS 11, and not loaded (restart-pending) (5, Proof)",
		holds: func(c combination) bool {
			return c.past == pastAllowedNow && c.row == rowAllowed && c.macOS11() && c.notLoaded() && c.applies() && !c.needless() && c.collection != inCollection &&
				c.source != sourceNone && c.boot == bootKnown
		},
		allowed: append([]approval.Verdict{cannotLoad}, approval.UpgradePending, approval.LoadFailing, approval.RestartPending),
	},
	{
		name:    "allowed, restarted, attempted and never loaded",
		because: "allowed, restarted, attempted since that restart, 60 s over and never seen loaded since it was allowed (load-failing) (5, Proof)",
		holds: func(c combination) bool {
			return (c.past == pastAllowed && c.row == rowAllowed || c.past == pastMDM && c.row == rowMDM) && c.boot == bootKnown && c.tries() && !c.outcomeIn(2, 3) &&
				c.notLoaded() && c.applies() && !c.needless() && c.collection != inCollection
		},
		not: append(slices.Clone(well), approval.Unknown, approval.RestartPending, approval.Incompatible),
	},
	{
		name:    "an attempt that the agent saw, and not loaded",
		because: "an attempt that the agent saw, and 60 s later still not loaded, while no list shows it in the collection (load-failing) (5, Proof). Without the time of the boot only a refusal or a failure is known to be in this boot",
		holds: func(c combination) bool {
			return c.isAllowed() && (c.boot != bootUnknownTime || c.refused() || c.failure()) && c.watched() && c.notLoaded() && c.applies() && !c.needless() && c.collection != inCollection
		},
		allowed: append([]approval.Verdict{cannotLoad}, failing...),
	},
	{
		name:    "a machine runs, and nothing is loaded",
		because: "from macOS 11 a virtual machine on Parallels' hypervisor that is reported running and none of the product's kexts is loaded (load-failing) (5, Proof)",
		holds: func(c combination) bool {
			return c.need == vmRunning && c.macOS11() && c.notLoaded() && c.app == appInstalled && c.applies()
		},
		allowed: failing,
	},
	{
		name:    "up to 10.15 Parallels runs for 5 minutes, and nothing is loaded",
		because: "up to 10.15 Parallels' service and app for 5 minutes (5, Proof); whatever the rows say (issue 12, 3). Extensions that were loaded in this boot have been missing since the first snapshot without them",
		holds: func(c combination) bool {
			return !c.justMissing() && c.running > 0 && c.macOS10() && c.notLoaded() && c.app == appInstalled && c.applies()
		},
		allowed: failing,
	},
	{
		name:    "an older version in the kernel",
		because: "up to 10.15 an older version in the kernel is reported (5): as a reason, because it works until the next start; from 11 a changed version needs a restart (facts: parallels 0.8)",
		holds: func(c combination) bool {
			return c.loaded == loadedOlder && c.isAllowed() && c.disk == diskYes && !c.needless()
		},
		not:    well,
		unless: func(c combination, s approval.Status) bool { return !c.macOS11() && has(s, approval.ReasonOlderLoaded) },
	},
	{
		name:    "the folder of the extensions cannot be listed",
		because: "a folder that cannot be read counts as on disk (5, A row counts); what could not be read is never taken for no (3)",
		holds: func(c combination) bool {
			return c.nameless() && !c.needless() && !c.isAllowed() && !c.switchedOff() && !c.isLoaded()
		},
		not: well,
	},
	{
		name:    "not asked, beside a row",
		because: "a row counts if its kext is on disk, and a folder that cannot be read counts as on disk (5)",
		holds:   func(c combination) bool { return c.row != rowNone && c.disk != diskNo },
		not:     []approval.Verdict{approval.NotAsked},
	},
	{
		name:    "not asked, beside a record",
		because: "not-asked is never said beside a load record or a remembered load (5). What was removed from the disk, and is not in a list of macOS, is not remembered: an uninstall loses nothing",
		holds: func(c combination) bool {
			return c.onRecord() && (c.tellsTimes() && !c.lastSeen(final).IsZero() || c.past == pastLoaded || c.past == pastLoadedNow || c.past == pastOtherMacOS || c.watched())
		},
		not: []approval.Verdict{approval.NotAsked},
	},
	{
		name:    "not asked, beside a remembered approval",
		because: "macOS no longer lists the approval; never say has not been asked (5, Approval lost; issue 12, 2). Of an uninstall, see above",
		holds:   func(c combination) bool { return c.past != pastNone && c.source != sourceNone && c.onRecord() },
		not:     []approval.Verdict{approval.NotAsked},
	},
	{
		name:    "the approval is lost",
		because: "a notice says that macOS no longer lists the approval, and what will happen next (5, Approval lost)",
		holds: func(c combination) bool {
			return (c.past == pastAllowed || c.past == pastLoaded || c.past == pastAllowedNow) && c.row == rowNone && c.source != sourceNone &&
				c.applies() && !c.needless() && !c.switchedOff() && c.notLoaded()
		},
		not: well,
	},
	{
		name:    "the framework says that the binary changed",
		because: "pending items and flags of the framework are used (4); upgrade-pending",
		holds: func(c combination) bool {
			return c.row == rowUpgrade && c.applies() && !c.needless() && c.notLoaded() && !c.switchedOff() && !c.failure()
		},
		allowed: append(slices.Clone(blocked), approval.UpgradePending),
	},
	{
		name:    "the framework says that a restart is needed",
		because: "pending items and flags of the framework are used (4); restart-pending. Up to 10.15 the flag means nothing: it was set on an approved extension of a Mac with 10.14",
		holds: func(c combination) bool {
			return c.row == rowRestart && !c.macOS10() && c.applies() && !c.needless() && c.notLoaded()
		},
		allowed: append([]approval.Verdict{cannotLoad, approval.RestartPending}, approval.UpgradePending, approval.LoadFailing),
	},
	{
		name:    "no alarm on an ordinary day",
		because: "Parallels unloads its kexts when no virtual machine runs, so not loaded alone says nothing; a hint keeps the verdict approved (5)",
		holds: func(c combination) bool {
			return c.isAllowed() && c.row != rowUpgrade && c.row != rowRestart && c.applies() && c.app == appInstalled && c.switches == switchesOn &&
				c.ordinaryAttempt() && c.collection != notInCollection && c.loaded != loadedOlder && c.need != vmRunning &&
				!(c.running > 0 && c.macOS10()) && c.past != pastAllowedNow && c.macOS != 5 && c.arch == intel && c.boot == bootKnown &&
				c.disk != diskUnlisted
		},
		allowed: []approval.Verdict{approval.Approved, approval.NotNeeded},
	},
	{
		name:    "loaded is well",
		because: "an attempt after which the kext was seen loaded contradicts nothing (5)",
		holds: func(c combination) bool {
			return c.row == rowAllowed && c.loaded == loadedYes && c.disk == diskYes && c.app == appInstalled && c.arch == intel && !c.never() &&
				!c.outcomeIn(1, 10) && c.attempt != tryRetry && c.collection != notInCollection
		},
		allowed: []approval.Verdict{approval.Approved, approval.NotNeeded},
	},
}

// ordinaryAttempt reports that no attempt is a proof.
func (c combination) ordinaryAttempt() bool {
	switch c.attempt {
	case tryNone, tryBefore:
		return true
	case tryUnwatched:
		return c.past == pastNone || c.past == pastLoaded || c.past == pastOtherMacOS
	}
	return false
}

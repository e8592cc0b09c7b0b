package view

import (
	"slices"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Facts that checks need but that no probe.Gap names.
const (
	factPolicy   probe.Fact = "policy"        // which kernel extensions are allowed
	factMadeFor  probe.Fact = "made for"      // the macOS that Parallels Desktop was made for
	factPane     probe.Fact = "open pane"     // whether the pane with the Allow button is open
	factSettings probe.Fact = "user settings" // kextwatch's own
)

// factText holds the words for a fact, and how a check knows that it was read.
type factText struct {
	name string // in "Not known: …"

	// known reports whether the fact was read. Nil: it was, unless a gap names
	// it. why and next are the detail and the next step if the fact is missing and
	// no gap has them.
	known     func(c checking) bool
	why, next string
}

const notQueried = "kextwatch did not check this on this Mac."

// Why several checks are unknown, and their next step, if no other try on this Mac can
// change that.
const (
	onlyTheDisk = "kextwatch reads only the disk of that Mac."
	onThatMac   = "Run kextwatch on that Mac itself."
	notNeeded   = "kextwatch did not check this: no kernel extension on this Mac needs it."
	noAction    = "No action is needed."
)

// factWords has one row for each of probe.Facts, and for the facts above.
var factWords = map[probe.Fact]factText{
	probe.FactMacOSVersion: {name: "macOS version", known: func(c checking) bool { return c.st.Mac.OS.Known() }},
	probe.FactProcessor:    {name: "processor", why: notQueried, known: func(c checking) bool { return c.st.Mac.Arch != "" }},
	probe.FactBootTime:     {name: "boot time"},
	probe.FactBootSession:  {name: "boot session"},
	probe.FactBootPolicy:   {name: "startup security", next: "Open System Information and choose Controller: it shows the boot policy of this Mac.", why: notQueried, known: func(c checking) bool { return c.st.Facts.Boot.Security != "" }},
	probe.FactBootVolume:   {name: "startup disk", why: notQueried, known: func(c checking) bool { return c.st.Facts.Boot.External != "" }},
	probe.FactVirtual: {name: "whether macOS runs in a virtual machine", why: notQueried, known: func(c checking) bool {
		return c.st.Facts.Boot.Virtual != ""
	}},

	probe.FactParallels: {name: "Parallels Desktop", next: "Look for Parallels Desktop in Applications. If it is missing, install it again.", why: "macOS knows its kernel extensions, but kextwatch did not find the app.", known: func(c checking) bool {
		absent := c.parallels.Verdict == approval.NotInstalled || c.parallels.Verdict == "" // "": not watched
		return c.parallels.App != nil || absent && !c.hasGap(probe.FactParallels)
	}},
	probe.FactKextsOnDisk: {name: "kernel extensions of Parallels on the disk"},
	probe.FactOtherKexts:  {name: "other kernel extensions on the disk"},
	probe.FactLoadedKexts: {name: "loaded kernel extensions", why: notQueried, known: func(c checking) bool {
		return c.st.Facts.Loaded.Known || c.nothingToLoad() // then the kernel is not queried
	}},
	probe.FactCollection:   {name: "kernel extensions that macOS prepared at the last start"},
	probe.FactLoadAttempts: {name: "load attempts in the macOS log"},
	probe.FactLoadHistory:  {name: "times of load attempts"},

	probe.FactVMs:          {name: "virtual machines", known: func(c checking) bool { return c.parallels.Need.Answer != "" }},
	probe.FactVMFiles:      {name: "virtual machines on the disk"},
	probe.FactVMNetworking: {name: "Parallels networking"},

	probe.FactSIP:           {name: "System Integrity Protection", why: notQueried, known: func(c checking) bool { return c.st.Facts.Enforcement.SIP.State != "" }},
	probe.FactKextApproval:  {name: "whether System Integrity Protection requires approval"},
	probe.FactConsent:       {name: "consent to kernel extensions", why: notQueried, known: func(c checking) bool { return c.st.Facts.Enforcement.Consent.Enabled != "" }},
	probe.FactRecoveryTeams: {name: "teams allowed from Recovery"},
	probe.FactKextProfile:   {name: "configuration profile"},
	probe.FactProfiles: {name: "configuration profiles", next: "Run sudo kextwatch doctor, or ask whoever manages this Mac which kernel extensions its profiles allow.", why: "macOS shows the profiles of the whole Mac to root only.",
		known: func(c checking) bool { return c.st.Facts.Enforcement.Profile.Present != "" }},

	probe.FactPrograms: {name: "running programs", why: notQueried, known: func(c checking) bool {
		return c.asked(probe.FactPrograms) && c.st.Facts.Situation.Service != ""
	}},
	probe.FactNetwork:     {name: "network connections", why: notQueried, known: func(c checking) bool { return c.asked(probe.FactNetwork) }},
	probe.FactConsoleUser: {name: "user at the screen", why: notQueried, known: func(c checking) bool { return c.asked(probe.FactConsoleUser) && c.st.Facts.Situation.ConsoleUID >= 0 }},
	probe.FactPerson:      {name: "user of this Mac"},
	probe.FactScreenLock: {name: "screen lock", next: "Log in at the Mac's screen and check again.", why: "You have no session with a desktop, or kextwatch did not check.",
		known: func(c checking) bool { return c.st.Facts.Situation.Locked != "" }},
	probe.FactAdmin: {name: "administrator", why: notQueried, known: func(c checking) bool { return c.st.Facts.Situation.Admin != "" }},
	probe.FactSystemExtensions: {name: "system extensions", why: notQueried, known: func(c checking) bool {
		return c.st.Facts.Situation.ExtensionsAsked && !c.hasGap(probe.FactSystemExtensions)
	}},

	probe.FactUpdateHistory: {name: "update history"},
	probe.FactOfferedUpdates: {name: "Software Update", next: "Open Software Update once, so that macOS writes the list.", why: "Software Update has no list on this Mac.", known: func(c checking) bool {
		return c.st.Facts.Updates.OffersRead && !c.hasGap(probe.FactOfferedUpdates)
	}},
	probe.FactUpdateSettings: {name: "automatic updates", next: "Look at the automatic updates in the settings of Software Update.", why: "macOS has not saved this setting, and its default differs between versions of macOS.",
		known: func(c checking) bool { return c.st.Facts.Updates.Install != "" }},
	probe.FactBackup: {name: "Time Machine", next: "Look at the Time Machine settings. Make a backup before you update macOS or Parallels.", why: "Time Machine lists no backup.", known: func(c checking) bool {
		return !c.st.Facts.Updates.Backup.Last.IsZero() || c.st.Facts.Updates.Backup.On == probe.No
	}},

	probe.FactFileEvents: {name: "file changes"},
	probe.FactOwnFiles:   {name: "files of kextwatch"},
	probe.FactOwnMemory:  {name: "memory of kextwatch"},
	probe.FactOwnProgram: {name: "program of kextwatch"},

	probe.FactOwnSettings: {name: "settings of kextwatch"},

	factPolicy: {name: "kernel extension policy", next: "Fix \"policy.source\" first.", why: "kextwatch cannot read which kernel extensions are allowed.",
		known: checking.policyKnown},
	factMadeFor: {name: "macOS that Parallels Desktop was made for", next: "Look up on the pages of Parallels which macOS this version supports.", why: "kextwatch does not know which macOS this version of Parallels Desktop was made for.",
		known: func(c checking) bool {
			return c.parallels.App == nil || c.parallels.Made != nil || c.parallels.Need.Answer == probe.No
		}},
	factPane:     {name: "open pane", next: "Quit {System Preferences} and check again.", why: "{System Preferences} is open and does not report which pane it shows.", known: func(c checking) bool { return c.st.Facts.Situation.PaneOpen != "" }},
	factSettings: {name: "settings", next: "Name your home folder with --home.", why: "kextwatch does not know your home folder.", known: func(c checking) bool { return c.own.SettingsRead }},
}

// policyKnown reports whether the policy was read or no verdict depends on it.
// Without products, it decides whether there are any, and so it does if other developers
// are watched in full.
func (c checking) policyKnown() bool {
	read := c.st.Source != ""
	if c.policyFindsProducts() && !read {
		return false
	}
	return !slices.ContainsFunc(c.st.Products, func(p approval.Product) bool {
		return (!read || p.Verdict == approval.Unknown) && !p.Loaded && p.Verdict != approval.NotNeeded && p.Verdict != approval.NotInstalled
	})
}

// policyFindsProducts reports whether products can be missing in the status because the
// policy was not read.
func (c checking) policyFindsProducts() bool { return len(c.st.Products) == 0 || c.st.OthersInFull }

// nothingToLoad reports whether no kernel extension has to be loaded.
func (c checking) nothingToLoad() bool {
	return c.worst.Verdict == approval.NotNeeded || c.worst.Verdict == approval.NotInstalled
}

// asked reports whether a fact of probe.Situation was queried successfully.
func (c checking) asked(fact probe.Fact) bool {
	return c.st.Facts.Situation.Asked && !c.hasGap(fact)
}

func (c checking) hasGap(fact probe.Fact) bool {
	return probe.HasGap(c.st.Gaps, fact)
}

func (c checking) known(fact probe.Fact) bool {
	if c.st.Verdict == "" && fact != factSettings {
		return false // before the first snapshot
	}
	if known := factWords[fact].known; known != nil {
		return known(c)
	}
	return !c.hasGap(fact)
}

// queried reports whether kextwatch tried to read a fact.
func (c checking) queried(fact probe.Fact) bool {
	if fact == probe.FactScreenLock { // its reason is also that of a user without a session
		return c.st.Facts.Situation.Asked
	}
	return factWords[fact].why != notQueried
}

// missing returns the check for the first fact that is not known.
func (c checking) missing(summary string, facts []probe.Fact) (check Check, missing bool) {
	for _, fact := range facts {
		if c.known(fact) {
			continue
		}
		check = unsure(summary, OnScreen(c.st.Mac, factWords[fact].why), OnScreen(c.st.Mac, factWords[fact].next))
		switch {
		case c.queried(fact):
		case c.st.Mac.Offline:
			check.Detail, check.Next = onlyTheDisk, onThatMac
		case c.st.Verdict != "" && c.nothingToLoad():
			check.Detail, check.Next = notNeeded, noAction
		}
		for _, g := range c.st.Gaps {
			if g.Source == fact {
				check.Detail, check.Next = Clean(g.Err), orElse(Clean(g.Next), check.Next)
			}
		}
		return check, true
	}
	return Check{}, false
}

// verdictFacts returns the facts without which a verdict that asks nothing of the
// user is not known to be true.
func (c checking) verdictFacts(p approval.Product) []probe.Fact {
	switch {
	case p.Verdict == approval.NotInstalled && p.TeamID == probe.ParallelsTeamID:
		// Where not even the version of macOS can be read, there may be no Mac.
		return []probe.Fact{probe.FactParallels, probe.FactMacOSVersion}
	case p.Verdict == approval.NotAsked:
		return []probe.Fact{factPolicy, probe.FactLoadHistory}
	case p.Verdict != approval.Approved:
		return nil
	}
	var facts []probe.Fact
	if p.TeamID == probe.ParallelsTeamID && p.App == nil { // its version is not known
		facts = append(facts, probe.FactParallels)
	}
	if !p.Loaded { // what is loaded needs no other proof
		facts = append(facts, factPolicy, probe.FactLoadHistory, probe.FactMacOSVersion)
		if !c.st.Mac.Offline { // nothing is loaded there
			facts = append(facts, probe.FactBootSession, probe.FactLoadedKexts)
		}
	}
	if hasKext(p, func(k approval.Kext) bool { return k.DiskVersion == "" }) { // which version should be loaded?
		onDisk := probe.FactKextsOnDisk
		if otherVendor(p) {
			onDisk = probe.FactOtherKexts
		}
		facts = append(facts, onDisk)
	}
	return facts
}

// openFacts returns the missing facts that the verdict of a product depends on.
func (c checking) openFacts(p approval.Product) []probe.Fact {
	if p.Verdict.NeedsAction() {
		return nil
	}
	return append(c.openOwnFacts(), slices.DeleteFunc(c.verdictFacts(p), c.known)...)
}

// allOpenFacts returns the missing facts that the verdict of the Mac depends on.
func (c checking) allOpenFacts() []probe.Fact {
	var open []probe.Fact
	if c.st.Verdict == "" { // before the first snapshot
		return nil
	}
	if len(c.st.Products) == 0 {
		open = c.openOwnFacts()
	}
	if c.policyFindsProducts() && !c.known(factPolicy) {
		open = append(open, factPolicy)
	}
	for _, p := range c.st.Products {
		if !p.Listed {
			open = append(open, c.openFacts(p)...)
		}
	}
	slices.Sort(open)
	return slices.Compact(open)
}

// openOwnFacts returns what every verdict depends on. Settings that could not be read
// may watch another developer. Root may not know the user whose agent watches the Mac,
// and an agent may remember what no file shows.
func (c checking) openOwnFacts() []probe.Fact {
	switch {
	case c.hasGap(probe.FactOwnSettings):
		return []probe.Fact{probe.FactOwnSettings}
	case c.hasGap(probe.FactPerson):
		return []probe.Fact{probe.FactPerson}
	case c.st.Facts.Person.By != "" && c.hasGap(probe.FactOwnMemory):
		return []probe.Fact{probe.FactOwnMemory}
	}
	return nil
}

// openNames names the missing facts that the verdict of a product depends on, without
// those that a tool is about to report.
func openNames(p approval.Product, st approval.Status) string {
	c := newChecking(st, Own{})
	return c.names(c.openFacts(p))
}

// openNamesOnMac is openNames for every product that is not only listed, and for those
// that only the policy can find.
func openNamesOnMac(st approval.Status) string {
	c := newChecking(st, Own{})
	return c.names(c.allOpenFacts())
}

func (c checking) names(facts []probe.Fact) string {
	var names []string
	for _, fact := range facts {
		if !c.st.Facts.Pending || c.hasGap(fact) {
			names = append(names, factName(fact))
		}
	}
	return list(names)
}

// Certain reports whether the verdict is known to be true. It is not if kextwatch
// cannot tell, or if the verdict asks nothing of the user and a fact is missing that
// it depends on.
func Certain(st approval.Status) bool {
	switch {
	case st.Verdict == "" || st.Verdict == approval.Unknown:
		return false
	case st.Verdict.NeedsAction():
		return true
	}
	return len(newChecking(st, Own{}).allOpenFacts()) == 0
}

// CertainOf is Certain for one product.
func CertainOf(p approval.Product, st approval.Status) bool {
	return p.Verdict != "" && p.Verdict != approval.Unknown && len(newChecking(st, Own{}).openFacts(p)) == 0
}

// OpenFacts returns the missing facts because of which the verdict is not known to be
// true. It is empty if no fact explains it.
func OpenFacts(st approval.Status) []probe.Fact {
	c := newChecking(st, Own{})
	open := c.allOpenFacts()
	if len(open) == 0 && !c.policyKnown() {
		open = append(open, factPolicy)
	}
	if len(open) == 0 {
		for _, g := range st.Gaps {
			open = append(open, g.Source)
		}
	}
	return open
}

// missingFacts returns every missing fact: the gaps of the status, and the facts that
// the verdict depends on and that no gap names.
func missingFacts(st approval.Status) []probe.Gap {
	all := slices.Clone(st.Gaps)
	c := newChecking(st, Own{})
	for _, fact := range c.allOpenFacts() {
		if !c.hasGap(fact) {
			check, _ := c.missing("", []probe.Fact{fact})
			all = append(all, probe.Gap{Source: fact, Err: check.Detail, Next: check.Next})
		}
	}
	return all
}

// shownFacts returns the missing facts that a person wants to see: how the Mac starts
// matters only while something waits. macOS translates that answer on many Macs.
func shownFacts(gaps []probe.Gap, st approval.Status) []probe.Gap {
	if st.Verdict.NeedsAction() {
		return gaps
	}
	return slices.DeleteFunc(slices.Clone(gaps), func(g probe.Gap) bool {
		return g.Source == probe.FactBootPolicy || g.Source == probe.FactBootVolume || g.Source == probe.FactVirtual
	})
}

// factName returns the name of a fact for texts.
func factName(fact probe.Fact) string { return orElse(factWords[fact].name, Clean(string(fact))) }

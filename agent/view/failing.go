package view

import (
	"fmt"
	"slices"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// failureText holds the sentences about a refusal that no approval changes.
type failureText struct {
	title string
	about string // why, with %s for the product
	help  string // what to do, with %s for the product
}

func (f failureText) why(p approval.Product) string  { return fmt.Sprintf(f.about, p.Name) }
func (f failureText) next(p approval.Product) string { return fmt.Sprintf(f.help, p.Name) }

// failureWords has one row for each of probe.Failures.
var failureWords = map[probe.Outcome]failureText{
	probe.BadOwnership: {
		"Wrong owner or permissions",
		"macOS refused the kernel extensions of %s because of the owner or the permissions of their files.",
		"Restart the Mac. If that does not help, install %s again.",
	},
	probe.InsecureLocation: {
		"In a folder that macOS does not trust",
		"macOS does not load the kernel extensions of %s from the folder where they are.",
		"Install %s again, in the Applications folder, and restart the Mac.",
	},
	probe.BadSignature: {
		"The signature is not accepted",
		"macOS does not accept the signature of the kernel extensions of %s.",
		"Install a newer version of %s.",
	},
	probe.Excluded: {
		"On Apple's exclude list",
		"Apple's exclude list names the kernel extensions of %s: this macOS never loads them, and no approval changes that.",
		"Install a newer version of %s.",
	},
	probe.MissingDependency: {
		"A kernel extension that they need is missing",
		"The kernel extensions of %s need another one that this macOS does not have.",
		"Install a version of %s that was made for this macOS.",
	},
	probe.WrongArch: {
		"Made for another processor",
		"The kernel extensions of %s have no code for the processor of this Mac.",
		"Install a version of %s that was made for this Mac.",
	},
}

// failureReason returns the words of a reason for a refusal that no approval changes.
func failureReason(outcome probe.Outcome) func(c reasonCase) reasonText {
	return func(c reasonCase) reasonText {
		words := failureWords[outcome]
		return reasonText{words.title, sentences(words.why(c.p), fmt.Sprintf("affected: %s", c.about)), words.next(c.p)}
	}
}

// failureOf returns why macOS refused an extension of the product in this boot, if no
// approval changes that.
func failureOf(p approval.Product) (failureText, bool) {
	for _, k := range p.Kexts() {
		if words, ok := failureWords[k.Failure]; ok {
			return words, true
		}
	}
	return failureText{}, false
}

// proofWords names the fact that proves that an approved extension does not load. It has
// one row for each of approval.Proofs, except RuleFailure.
var proofWords = map[approval.Rule]func(p approval.Product, st approval.Status) string{
	approval.RuleUnsigned:      because("The kernel extension is not signed by a developer that Apple knows, so macOS shows no {Allow} button for it."),
	approval.RuleNoCode:        because("The kernel extensions have no code for the processor of this Mac."),
	approval.RuleNoFireWire:    because("The kernel extensions need FireWire, which macOS 26 and later do not have."),
	approval.RuleExternalDisk:  because("macOS runs from an external disk, where it does not load kernel extensions of other developers on Apple silicon. It refused these."),
	approval.RuleVirtualMac:    because("macOS runs in a virtual machine, where it does not load kernel extensions of other developers on Apple silicon. It refused these."),
	approval.RuleLoadFailing:   because("The kernel extensions are approved, but macOS refused to load them after that."),
	approval.RuleNotCollected:  because("The kernel extensions are approved, but a restart did not add them to those that macOS can load."),
	approval.RuleNeedsRestart:  because("The kernel extensions are approved, but after a restart macOS still asks for a restart."),
	approval.RuleAttemptFailed: because("The kernel extensions are approved, but the last attempt did not load them."),
	approval.RuleRunsWithout: func(p approval.Product, st approval.Status) string {
		if st.Mac.OS.AtLeast(11, 0) {
			return fmt.Sprintf("Parallels reports a running virtual machine on its own hypervisor, but no kernel extension of %s is loaded.", p.Name)
		}
		return fmt.Sprintf("%s and its service have been running for five minutes, but none of its kernel extensions is loaded.", p.Name)
	},
}

// failingBecause says why the product does not load although it is approved.
func failingBecause(p approval.Product, st approval.Status) string {
	if failure, ok := failureOf(p); ok && p.Proof == approval.RuleFailure {
		return failure.why(p)
	}
	if words := proofWords[p.Proof]; words != nil {
		return words(p, st)
	}
	return "The kernel extensions are approved, but macOS does not load them."
}

// failingNext says what helps a product that does not load although it is approved.
func failingNext(p approval.Product, st approval.Status) string {
	return sentences(failingInShort(p, st), failingPage(p))
}

// failingPage names a page about a product that does not load. It is empty if the reason
// is known, or for other vendors.
func failingPage(p approval.Product) string {
	if _, other := failureOf(p); other || p.TeamID != probe.ParallelsTeamID {
		return ""
	}
	return fmt.Sprintf("Parallels has a page about it (%s)", errorPage(p))
}

// failingInShort is failingNext without a link.
func failingInShort(p approval.Product, st approval.Status) string {
	ways, reasonKnown := failingWays(p)
	return sentences(sentences(ways...), when(!reasonKnown && otherVendor(p), withoutKexts(p, st.Mac)))
}

// failingWays returns what helps a product that does not load. The user tries them in this
// order.
func failingWays(p approval.Product) (ways []string, reasonKnown bool) {
	if failure, ok := failureOf(p); ok && p.Proof != approval.RuleNoFireWire {
		return []string{failure.next(p)}, true
	}
	switch p.Proof {
	case approval.RuleUnsigned:
		return []string{"If you need it, ask its developer for a signed version."}, true
	case approval.RuleNoCode:
		return []string{failureWords[probe.WrongArch].next(p)}, true
	case approval.RuleNoFireWire:
		return []string{fmt.Sprintf("Use %s without FireWire, or on a Mac with macOS 15 or earlier.", p.Name)}, true
	case approval.RuleExternalDisk:
		return []string{fromInternalDisk}, true
	case approval.RuleVirtualMac:
		return []string{onTheMacItself}, true
	}
	return []string{"Restart the Mac.", fmt.Sprintf("If that does not help, install %s again.", p.Name)}, false
}

const (
	fromInternalDisk = "Start the Mac from its internal disk."
	onTheMacItself   = "Use it on the Mac itself, not in a virtual machine."
)

// tryThenAllow is the next step if there is no Allow button before the next attempt.
func tryThenAllow(p approval.Product, st approval.Status) string {
	return sentences(TryAgain(p, st.Mac.OS), "then "+clickThere(p, st))
}

// tryThenAllowInShort is tryThenAllow for an alert and two lines of the menu.
func tryThenAllowInShort(p approval.Product, st approval.Status) string {
	return sentences(TryAgain(p, st.Mac.OS), fmt.Sprintf("then open %s and %s", PaneFor(st.Mac).Name, clickAllow(p, st)))
}

// hasKext reports whether an extension of the product that is not left over is so.
func hasKext(p approval.Product, is func(approval.Kext) bool) bool {
	return slices.ContainsFunc(p.Kexts(), is)
}

func isLost(k approval.Kext) bool     { return k.Lost }
func isRecorded(k approval.Kext) bool { return k.Recorded }

// olderLoaded returns the version that the kernel runs instead of the one on disk, and
// that one; "": none.
func olderLoaded(p approval.Product) (loaded, installed string) {
	for _, k := range p.Kexts() {
		if k.OlderLoaded() {
			loaded, installed = Clean(k.LoadedVersion), Clean(k.DiskVersion)
		}
	}
	return loaded, installed
}

// olderStays returns the version of an approved product that stays loaded until the user
// quits the product. It is empty if no older version is loaded.
func olderStays(p approval.Product, st approval.Status) string {
	if older, _ := olderLoaded(p); p.Verdict == approval.Approved && !p.Uncertain && !st.Mac.OS.AtLeast(11, 0) {
		return older
	}
	return ""
}

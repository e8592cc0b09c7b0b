package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Explain returns Text, followed by every fact and the rules that fired; with all, also by
// the rules that did not.
func Explain(st approval.Status, all bool) Lines {
	l := Text(st)
	for _, p := range st.Products {
		for _, item := range p.Items {
			l.blank()
			l.add(Headline, "%s, one entry in the pane: %s", Clean(item.Name), orElse(string(item.Verdict), "not relevant"))
			for _, a := range item.Attempts {
				l.add(NoTone, "  attempt %s UTC  %s (%s)", a.At.Format("2006-01-02 15:04:05"), Clean(a.BundleID), basis(a.Evidence))
			}
			for _, k := range item.Kexts {
				l.add(NoTone, "  kext    %s: %s", Clean(k.BundleID), kextWords(k, st))
				if k.Path != "" {
					l.add(NoTone, "          %s", Clean(k.Path))
				}
			}
		}
	}
	if len(st.Waiting) > 0 {
		var names []string
		for _, d := range st.Waiting {
			names = append(names, fmt.Sprintf("%s (%s)", d.Name, d.TeamID))
		}
		l.blank()
		l.add(Headline, "Developers waiting in the pane: %s", list(names))
	}
	if line := personLine(st.Facts.Person); line != "" {
		l.blank()
		l.add(Headline, "%s", line)
	}
	if tag := st.Mac.Language; tag != "" {
		l.blank()
		l.add(Headline, "Apple's labels are quoted in %s, by the user's language %s", orElse(languageOf(tag), "English"), tag)
	}
	l.reasons(st)
	l.machines(st)
	l.rules(st, all)
	return l
}

func (l *Lines) reasons(st approval.Status) {
	for _, p := range st.Products {
		for _, r := range Reasons(p, st) {
			l.blank()
			l.add(Headline, "%s (%s)", r.Title, r.Code)
			l.labeled("Why", r.Text)
			l.labeled("Next", r.Next)
		}
	}
}

// machines shows the facts behind Need: the entry of the compatibility
// table and the virtual machines.
func (l *Lines) machines(st approval.Status) {
	for _, p := range st.Products {
		if p.Made != nil {
			l.blank()
			l.add(Headline, "%s %d was made for macOS %s to %s (%s%s)",
				p.Name, p.Made.Major, p.Made.MinMacOS, p.Made.MaxMacOS, p.Made.Confidence, named("; source: %s", Clean(p.Made.Source)))
		}
		if k := p.Known; k != nil {
			l.blank()
			l.add(Headline, "%s is known by its team and bundle IDs (%s; source: %s)", k.Product, k.Confidence, k.Source)
		}
	}
	machines := st.Facts.Machines
	if len(machines.List) == 0 {
		return
	}
	l.blank()
	l.add(Headline, "Virtual machines, by %s", machines.From)
	for _, vm := range machines.List {
		words := []string{orElse(string(vm.Hypervisor), "unknown") + " hypervisor"}
		if vm.State != "" {
			words = append(words, string(vm.State))
		}
		if vm.Nested == probe.Yes {
			words = append(words, "nested virtualization")
		}
		l.add(NoTone, "  %s: %s", Clean(vm.Name), strings.Join(words, ", "))
	}
}

// rules lists the rules in order: those that fired, with the extensions or products that
// they fired for, and with all also the others.
func (l *Lines) rules(st approval.Status, all bool) {
	fired := map[approval.Rule][]string{}
	for _, f := range st.Fired {
		if subject := Clean(f.Subject); !slices.Contains(fired[f.Rule], subject) {
			fired[f.Rule] = append(fired[f.Rule], subject)
		}
	}
	l.blank()
	l.add(Headline, "Rules that applied, in order")
	others := 0
	for _, r := range approval.Rules {
		switch subjects := fired[r]; {
		case len(subjects) > 0:
			l.add(NoTone, "  +  %s: %s", list(subjects), OnScreen(st.Mac, ruleWords[r]))
		case all:
			l.add(Soft, "  -  %s", OnScreen(st.Mac, ruleWords[r]))
		default:
			others++
		}
	}
	switch {
	case all:
		l.add(NoTone, "  (+ applied, - did not)")
	case others > 0:
		l.add(Soft, "  %s (--all shows them)", count(others, "1 other rule did not apply", "%d other rules did not apply"))
	}
}

// leftoverWords says why an extension is left over.
func leftoverWords(by approval.Rule) string {
	switch by {
	case approval.RuleOtherMacOS:
		return "left over, for another macOS"
	case approval.RuleOldBlock:
		return "left over, blocked long ago"
	}
	return "left over, no longer on this Mac"
}

func kextWords(k approval.Kext, st approval.Status) string {
	known := newKnowledge(k, st)
	var words []string
	add := func(is bool, yes string) {
		if is {
			words = append(words, yes)
		}
	}
	add(k.Leftover && known.leftover, leftoverWords(k.LeftoverBy))
	add(!known.leftover, "not known whether it is on this Mac")
	add(k.AllowedBy == approval.ByUser, "allowed by the user")
	add(k.AllowedBy == approval.ByMDM, "allowed by a configuration profile")
	add(k.AllowedBy == approval.ByRecovery, "allowed in macOS Recovery")
	add(k.AllowedBy == approval.NotEnforced, "needs no approval on this Mac")
	add(k.Asked && !k.Allowed, "not allowed")
	add(!k.Asked && !k.Allowed && known.allowed, "macOS has no entry for it")
	add(!known.allowed, "not known whether it is allowed")
	add(k.DiskVersion != "", fmt.Sprintf("on disk %s", Clean(k.DiskVersion)))
	add(k.Loaded, "loaded")
	add(!k.Loaded && k.LoadedVersion == "" && known.loaded, "not loaded")
	add(!known.loaded, "not known whether it is loaded")
	add(!k.Loaded && k.LoadedVersion != "", fmt.Sprintf("loaded in another version, %s", Clean(k.LoadedVersion)))
	add(!k.LastSeen.IsZero(), fmt.Sprintf("last seen %s UTC", k.LastSeen.UTC().Format("2006-01-02 15:04:05")))
	return strings.Join(words, ", ")
}

// knowledge says which answers about an extension are known.
type knowledge struct{ allowed, loaded, leftover bool }

// newKnowledge returns what is known about an extension. "Yes" is always known. "No"
// needs the policy, the list of loaded extensions, or the disk.
func newKnowledge(k approval.Kext, st approval.Status) knowledge {
	stale := st.Facts.Policy != nil && st.Facts.Policy.Stale
	return knowledge{
		allowed:  k.Allowed || k.Asked || st.Source != "" && !stale, // a row may be missing
		loaded:   k.LoadedVersion != "" || k.Loaded || st.Facts.Loaded.Known,
		leftover: !k.Leftover || !probe.KextsUnread(st.Gaps),
	}
}

// ruleWords has one row for each of approval.Rules.
var ruleWords = map[approval.Rule]string{
	approval.RuleLeftover:            "macOS has an entry for it, but it is not on this Mac and nothing tried to load it in the last 30 minutes: it is left over",
	approval.RuleByMDM:               "a configuration profile allows it",
	approval.RuleSeen:                "a moment ago macOS did not block it: the load attempt was made in between",
	approval.RuleLoadHistory:         "the load history contains the attempt",
	approval.RuleFuture:              "the load history contains a time in the future: no evidence",
	approval.RuleAtBoot:              "macOS updates the load history by itself within 2 minutes of the start: no evidence",
	approval.RuleScan:                "macOS updates the load history of several developers at once by itself: no evidence",
	approval.RuleBeforeBoot:          "the last attempt was made before this start of the Mac, which may have brought the button back: the window is unknown",
	approval.RuleReopened:            "a new attempt reopened a closed window",
	approval.RuleOldLoaded:           "the kernel runs a different version from the one on disk: it does not count as loaded",
	approval.RuleAllowedNow:          "it was allowed after the Mac started and is not loaded: macOS loads it at the next start",
	approval.RuleAppleSilicon:        "Parallels Desktop uses no kernel extensions on Apple silicon",
	approval.RuleAppStore:            "the App Store edition has no kernel extensions",
	approval.RuleAttempted:           "an attempt in the last 30 minutes shows that it is needed",
	approval.RuleNoApp:               "it is not installed",
	approval.RuleAppUnknown:          "a folder that may contain it could not be read",
	approval.RuleNoPolicy:            "kextwatch could not read the kernel extension policy",
	approval.RuleReported:            "the log or Parallels reported the attempt",
	approval.RuleBeforeLogin:         "the last attempt was made before you logged in, and macOS may have delayed its alert: the window is unknown",
	approval.RuleRecovery:            "its developer was allowed in macOS Recovery",
	approval.RuleNotEnforced:         "user consent, or the part of System Integrity Protection that requires approval, is off: macOS does not ask",
	approval.RuleManaged:             "a configuration profile does not let users approve kernel extensions",
	approval.RuleReplaced:            "it is allowed, but the version on disk differs from the one last loaded: from macOS 11, it needs a new approval",
	approval.RuleUpgrade:             "macOS reports that the binary differs from the approved one",
	approval.RuleLoadFailing:         "it was allowed before this start of the Mac, and macOS has refused it since",
	approval.RuleNeedsRestart:        "macOS reports that it loads it at the next start",
	approval.RuleOldMacOS:            "up to macOS 10.15, Parallels Desktop always needs its kernel extensions",
	approval.RuleOldParallels:        "before version 16, Parallels Desktop always needs its kernel extensions",
	approval.RuleParallelsHypervisor: "a virtual machine uses the Parallels hypervisor, which is a kernel extension",
	approval.RuleKextNetworking:      "the networking of Parallels is set to use kernel extensions",
	approval.RuleAppleHypervisor:     "every virtual machine uses Apple's hypervisor: no kernel extension is needed",
	approval.RuleNeedUnknown:         "it is unknown whether a virtual machine needs the kernel extensions: kextwatch assumes that one does",
	approval.RuleOverruled:           "a setting should turn approval off, but macOS refused the extension in this boot, or did not load it after an attempt: kextwatch ignores the setting",
	approval.RuleLost:                "it was allowed, and macOS does not list that any more",
	approval.RuleRecorded:            "macOS loaded it before, or tried to, but does not list it: kextwatch cannot tell whether it is allowed",
	approval.RuleUnsigned:            "it is not signed by a developer that Apple knows, so macOS shows no {Allow} button for it",
	approval.RuleOtherMacOS:          "it is for another macOS, and the one for this macOS is on this Mac: it is left over",
	approval.RuleOldBlock:            "nothing tried to load it since the last update of macOS and for 90 days, and another one of its developer is allowed: it is left over",
	approval.RuleBootPolicy:          "the startup security of this Mac does not let users approve kernel extensions",
	approval.RuleBootManaged:         "the startup security of this Mac lets only a device management service approve kernel extensions",
	approval.RuleExternalDisk:        "macOS runs from an external disk, and refused it in this boot: no approval changes that on Apple silicon",
	approval.RuleVirtualMac:          "macOS runs in a virtual machine, and refused it in this boot: no approval changes that on Apple silicon",
	approval.RuleNoCode:              "it has no code for the processor of this Mac",
	approval.RuleNoFireWire:          "it needs FireWire, which macOS 26 and later do not have",
	approval.RuleFailure:             "macOS refused it in this boot for a reason that no approval changes",
	approval.RuleNotCollected:        "it is allowed, but not in the auxiliary kernel collection, from which macOS loads it",
	approval.RuleAttemptFailed:       "it is allowed, an attempt to load it is over, and it was not seen loaded",
	approval.RuleRunsWithout:         "what needs the kernel extensions runs, and none of them is loaded",
	approval.RuleUncertain:           "it is allowed, but was not seen loaded since the start of the Mac or its last attempt: nothing is proven",
	approval.RuleMadeForOlder:        "the compatibility table says that this version was made for an older macOS",
}

package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
)

// Explain is Text with every fact used and every rule that fired.
func Explain(st approval.Status) string {
	var b strings.Builder
	b.WriteString(Text(st))
	for _, p := range st.Products {
		for _, item := range p.Items {
			fmt.Fprintf(&b, "\n%s, one row of the pane: %s\n", item.Name, orNothing(string(item.Verdict), "nothing of it counts"))
			for _, a := range item.Attempts {
				fmt.Fprintf(&b, "  tried   %s UTC  %s (%s)\n", a.At.Format("2006-01-02 15:04:05"), Clean(a.BundleID), basis(a.Evidence))
			}
			for _, k := range item.Kexts {
				fmt.Fprintf(&b, "  kext    %s: %s\n", Clean(k.BundleID), kextWords(k))
				if k.Path != "" {
					fmt.Fprintf(&b, "          %s\n", Clean(k.Path))
				}
			}
		}
	}
	if len(st.OtherPending) > 0 {
		fmt.Fprintf(&b, "\nOther developers waiting in the same pane: %s\n", Clean(strings.Join(st.OtherPending, "; ")))
	}
	b.WriteString("\nRules, in order\n")
	for _, f := range st.Fired {
		fmt.Fprintf(&b, "  %s: %s\n", Clean(f.Subject), ruleWords(f.Rule))
	}
	if len(st.Fired) == 0 {
		b.WriteString("  none fired\n")
	}
	return b.String()
}

func kextWords(k approval.Kext) string {
	var words []string
	add := func(is bool, yes string) {
		if is {
			words = append(words, yes)
		}
	}
	add(k.Leftover, "a leftover, no longer on this Mac")
	add(k.AllowedBy == approval.ByUser, "allowed by the user")
	add(k.AllowedBy == approval.ByMDM, "allowed by a configuration profile")
	add(k.Asked && !k.Allowed, "not allowed")
	add(!k.Asked && !k.Allowed, "macOS has no row for it")
	add(k.DiskVersion != "", "on disk "+Clean(k.DiskVersion))
	add(k.Loaded, "loaded")
	add(!k.Loaded && k.LoadedVersion == "", "not loaded")
	add(!k.Loaded && k.LoadedVersion != "", "loaded in another version, "+Clean(k.LoadedVersion))
	add(!k.LastSeen.IsZero(), "last seen "+k.LastSeen.UTC().Format("2006-01-02 15:04:05")+" UTC")
	return strings.Join(words, ", ")
}

func orNothing(s, nothing string) string {
	if s == "" {
		return nothing
	}
	return s
}

// ruleWords has a sentence for every rule of approval.
func ruleWords(r approval.Rule) string {
	switch r {
	case approval.RuleLeftover:
		return "macOS has a row for it, but it is not on this Mac and was not tried in the last 30 minutes: a leftover"
	case approval.RuleByMDM:
		return "a configuration profile allows it"
	case approval.RuleSeen:
		return "a look a moment ago did not have this blocked row: it was tried between the two"
	case approval.RuleLoadHistory:
		return "the load history names the attempt"
	case approval.RuleFuture:
		return "the load history names a time in the future: no evidence"
	case approval.RuleAtBoot:
		return "the load history was refreshed within 2 minutes of the start, which macOS does by itself: no evidence"
	case approval.RuleScan:
		return "the load history was refreshed for several developers at once, which macOS does by itself: no evidence"
	case approval.RuleBeforeBoot:
		return "the last attempt was made before this start, which may have brought the button back: no window is claimed"
	case approval.RuleReopened:
		return "a window was over, and another attempt opened this one"
	case approval.RuleOldLoaded:
		return "the kernel runs another version than the one on disk: it does not count as loaded"
	case approval.RuleAllowedNow:
		return "it was allowed since the Mac was started, and is not loaded: it will be at the next start"
	case approval.RuleAppleSilicon:
		return "no kernel extensions are used on Apple silicon"
	case approval.RuleAppStore:
		return "the App Store edition brings no kernel extensions"
	case approval.RuleAttempted:
		return "an attempt in the last 30 minutes shows that it is needed"
	case approval.RuleNoApp:
		return "it is not installed"
	case approval.RuleNoPolicy:
		return "no source of policy answered"
	}
	return string(r)
}

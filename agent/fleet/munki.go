package fleet

import "kextwatch/agent/approval"

// MunkiScript returns a condition script for Munki.
func MunkiScript(c Call) string { return c.script(munkiScript) }

const munkiScript = `#!/bin/sh
# kextwatch: a condition for Munki. Put it into /usr/local/munki/conditions, owned by root
# with the group wheel and the mode 755. Munki runs it before it evaluates conditions.
#
# It adds these keys to ConditionalItems.plist:
#   kextwatch_answer             "ok", "action" or "unknown"
#   kextwatch_summary            one line, such as "blocked-open: Parallels Desktop"
#   kextwatch_verdict            the worst verdict of the Mac
#   kextwatch_blocked            product names that wait for an approval
#   kextwatch_needs_restart      product names that wait for a restart
#   kextwatch_needs_recovery     product names that need macOS Recovery
#   kextwatch_unknown            product names of which the verdict is not known
#   kextwatch_offered_macos      the newest macOS that Software Update offers, if it is newer
#   kextwatch_too_old            product names that are too old for it
#   kextwatch_schema             1
#
# If kextwatch is not installed, there is no key. Compare for equality, so that a missing
# key never counts as ok: kextwatch_answer == "ok", ANY kextwatch_blocked == "Parallels Desktop".

missing() { exit 0; }
unsafe() {
	echo "kextwatch: users other than root can replace $program, so it was not run" >&2
	exit 1
}

` + guard + `
exec KEXTWATCH fleet munki-condition --run </dev/null
`

// MunkiPrefix begins each of our keys in ConditionalItems.plist.
const MunkiPrefix = "kextwatch_"

// MunkiKeys returns the keys for ConditionalItems.plist. Lists of products are missing
// while the answer is "unknown", except one that is not empty.
func (s State) MunkiKeys() map[string]any {
	keys := map[string]any{
		"schema": Schema, "answer": string(s.Answer), "summary": s.Line(), "verdict": string(s.Verdict),
	}
	for key, has := range map[string]func(Product) bool{
		"blocked": func(p Product) bool { return p.Verdict.Blocked() }, "needs_restart": Product.restart, "needs_recovery": Product.recovery,
		"unknown": func(p Product) bool { return p.Verdict == approval.Unknown },
	} {
		if names := s.names(has); s.Answer != Unknown || len(names) > 0 {
			keys[key] = names
		}
	}
	if s.Offered != "" {
		keys["offered_macos"], keys["too_old"] = s.Offered, s.names(Product.tooOld)
	}
	prefixed := map[string]any{}
	for key, value := range keys {
		prefixed[MunkiPrefix+key] = value
	}
	return prefixed
}

// names returns the names of the products that are so. It is never nil: a list without an
// entry is an answer.
func (s State) names(are func(Product) bool) []string {
	names := []string{}
	for _, p := range s.Products {
		if are(p) {
			names = append(names, p.Name)
		}
	}
	return names
}

// MunkiUnknown returns the keys if there is no state.
func MunkiUnknown(why string) map[string]any {
	return map[string]any{MunkiPrefix + "schema": Schema, MunkiPrefix + "answer": string(Unknown), MunkiPrefix + "summary": UnknownLine(why)}
}

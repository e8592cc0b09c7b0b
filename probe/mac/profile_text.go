package mac

import (
	"errors"
	"fmt"
	"strings"

	"kextwatch/probe"
)

// The text of `profiles show` has lines such as
//
//	_computerlevel[1] attribute: name: Kernel extensions
//	_computerlevel[1] payload[1] type = com.apple.syspolicy.kernel-extension-policy
//
// and a payload as "Key = value;" lines in braces. Apple does not document the
// layout, so anything that does not match exactly is an error.
var (
	profileLine   = probe.Form{Expr: `^\s*(\S+\[[0-9]+\]) attribute: (.*)$`}
	payloadLine   = probe.Form{Expr: `^\s*(\S+\[[0-9]+\]) payload\[[0-9]+\]`}
	kextPolicyKey = probe.Form{Expr: `\b(AllowUserOverrides|AllowNonAdminUserApprovals|AllowedTeamIdentifiers|AllowedKernelExtensions)\b`}
	flagForm      = probe.Form{Expr: `^\s*=\s*([01]);`}
	listForm      = probe.Form{Expr: `^\s*=\s*\(([^(){}]*)\);`}
	teamsForm     = probe.Form{Expr: `^\s*=\s*\{([^{}]*)\};`}
	teamKextsForm = probe.Form{Expr: `^\s*"?([0-9A-Z]{0,10})"?\s*=\s*\(([^()=]*)\);`}
)

var errProfileText = errors.New("unknown form of profiles")

// payloadText is the printed text of one payload.
type payloadText struct {
	level string // "_computerlevel[1]"
	text  string
}

// parseProfiles finds the payload about kexts. found is nil if the text certainly
// has none. name is the name of its profile, or "" if the text has no name.
func parseProfiles(out string) (found *kextPolicyPlist, name string, err error) {
	if !strings.Contains(out, kextPayload) {
		if !profileTextKnown(out) {
			return nil, "", fmt.Errorf("%s: %w: %s", probe.ProfilesTool, errProfileText, probe.Printable(out))
		}
		return nil, "", nil
	}
	payloads, names := splitPayloads(out)
	var ours []payloadText
	for _, p := range payloads {
		if strings.Contains(p.text, kextPayload) {
			ours = append(ours, p)
		}
	}
	// Several payloads of this type are possible. How macOS combines them is
	// unknown.
	if len(ours) != 1 {
		return nil, "", fmt.Errorf("%s: %w: %s is in more than one payload, or in none", probe.ProfilesTool, errProfileText, kextPayload)
	}
	policy, err := parseKextPayload(ours[0].text)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", probe.ProfilesTool, err)
	}
	return &policy, names[ours[0].level], nil
}

// profileTextKnown reports whether the text is a list of profiles or the message
// that no profile is installed.
func profileTextKnown(out string) bool {
	if strings.HasPrefix(strings.TrimSpace(out), "There are no configuration profiles installed") {
		return true
	}
	for line := range strings.Lines(out) {
		if profileLine.MatchString(strings.TrimSpace(line)) {
			return true
		}
	}
	return false
}

// splitPayloads splits the text at the lines that begin with the number of a
// payload. names has the names of the profiles by level.
func splitPayloads(out string) (payloads []payloadText, names map[string]string) {
	names = map[string]string{}
	var text strings.Builder
	head, level := "", ""
	end := func() {
		if head != "" {
			payloads = append(payloads, payloadText{level, text.String()})
		}
		head = ""
		text.Reset()
	}
	for line := range strings.Lines(out) {
		if p := profileLine.FindStringSubmatch(strings.TrimSpace(line)); p != nil {
			end()
			if name, ok := strings.CutPrefix(p[2], "name: "); ok {
				names[p[1]] = name
			}
			continue
		}
		if p := payloadLine.FindStringSubmatch(line); p != nil && p[0] != head {
			end()
			head, level = p[0], p[1]
		}
		text.WriteString(line)
	}
	end()
	return payloads, names
}

// parseKextPayload reads the keys of the payload. At least one key must be there. A
// key with an unknown form of its value is an error.
func parseKextPayload(text string) (kextPolicyPlist, error) {
	policy := kextPolicyPlist{Kexts: map[string][]string{}}
	seen := map[string]bool{}
	for _, at := range kextPolicyKey.FindAllStringIndex(text, -1) {
		key, rest := text[at[0]:at[1]], text[at[1]:]
		if seen[key] {
			return policy, fmt.Errorf("%w: %s occurs more than once", errProfileText, key)
		}
		seen[key] = true
		if !policy.set(key, rest) {
			return policy, fmt.Errorf("%w: %s", errProfileText, key)
		}
	}
	if len(seen) == 0 {
		return policy, fmt.Errorf("%w: the payload has none of its keys", errProfileText)
	}
	return policy, nil
}

// set stores the value at the beginning of text. It reports whether the value has
// the known form.
func (p *kextPolicyPlist) set(key, text string) bool {
	form := &flagForm
	switch key {
	case "AllowedTeamIdentifiers":
		form = &listForm
	case "AllowedKernelExtensions":
		form = &teamsForm
	}
	value := form.FindStringSubmatch(text)
	if value == nil {
		return false
	}
	switch key {
	case "AllowUserOverrides":
		p.UserOverrides = value[1] == "1"
	case "AllowNonAdminUserApprovals":
		p.NonAdminsAllow = value[1] == "1"
	case "AllowedTeamIdentifiers":
		p.Teams = listed(value[1])
	case "AllowedKernelExtensions":
		return p.setKexts(value[1])
	}
	return true
}

func (p *kextPolicyPlist) setKexts(text string) bool {
	for strings.TrimSpace(text) != "" {
		team := teamKextsForm.FindStringSubmatch(text)
		if team == nil {
			return false
		}
		p.Kexts[team[1]] = listed(team[2])
		text = text[len(team[0]):]
	}
	return true
}

// listed splits a list such as `4C6364ACXT, "com.example.kext"`.
func listed(text string) []string {
	var values []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.Trim(strings.TrimSpace(part), `"`); part != "" {
			values = append(values, part)
		}
	}
	return values
}

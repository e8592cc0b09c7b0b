package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	teamLimit = 256 // listed teams; a Mac has at most a few

	noConsentList = "no kext consent configuration found"
)

var consentForm = probe.Form{Expr: `(?m)^Kernel Extension User Consent: (ENABLED|DISABLED)\s*$`}

// readConsent queries the settings that are made in Recovery: whether kexts need
// the consent of a user, and if teams is set, which teams are allowed without it. It does
// not query again whether consent is needed if enabled has the answer of this boot.
func readConsent(ctx context.Context, m root.FS, enabled probe.Answer, teams bool) (probe.Consent, []probe.Gap) {
	consent := probe.Consent{Enabled: enabled}
	if enabled == "" {
		out, err := tool.Query(ctx, m, probe.SpctlTool, "kext-consent", "status")
		if err == nil {
			consent.Enabled, err = parseConsent(out)
		}
		if err != nil {
			return probe.Consent{}, []probe.Gap{tool.Gap(probe.FactConsent, err, "spctl kext-consent status")}
		}
	}
	if !teams {
		return consent, nil
	}
	out, err := tool.Query(ctx, m, probe.SpctlTool, "kext-consent", "list")
	if exit, ok := errors.AsType[*tool.ExitError](err); ok && bytes.Contains(exit.Stderr, []byte(noConsentList)) {
		return consent, nil
	}
	if err == nil {
		consent.Teams, err = parseConsentTeams(out)
	}
	if err != nil {
		return consent, []probe.Gap{tool.Gap(probe.FactRecoveryTeams, err, "spctl kext-consent list")}
	}
	return consent, nil
}

func parseConsent(out []byte) (probe.Answer, error) {
	matches := consentForm.FindAllSubmatch(out, 2)
	if len(matches) != 1 {
		return "", fmt.Errorf("spctl kext-consent status answered %q", probe.Printable(string(out)))
	}
	return probe.AnswerOf(string(matches[0][1]) == "ENABLED"), nil
}

// parseConsentTeams reads a heading with the team IDs after it, or the message that
// there is no list.
func parseConsentTeams(out []byte) ([]string, error) {
	text := strings.TrimSpace(string(out))
	if text == "spctl: "+noConsentList+"." {
		return nil, nil
	}
	rest, ok := strings.CutPrefix(text, "Allowed Team Identifiers:")
	teams := strings.Fields(rest)
	if !ok || len(teams) > teamLimit {
		return nil, fmt.Errorf("spctl kext-consent list answered %q", probe.Printable(text))
	}
	for _, team := range teams {
		if !probe.IsTeamID(team) {
			return nil, fmt.Errorf("spctl kext-consent list lists the invalid team %q", probe.Printable(team))
		}
	}
	return teams, nil
}

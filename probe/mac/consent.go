package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

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
// not query again whether consent is needed if enabled has the answer of this boot. The
// teams mean nothing without that answer.
func readConsent(ctx context.Context, m root.FS, enabled probe.Answer, teams bool) (probe.Consent, []probe.Gap) {
	consent := probe.Consent{Enabled: enabled}
	var noConsent, noTeams error
	var both sync.WaitGroup
	if enabled == "" {
		both.Go(func() { consent.Enabled, noConsent = queryConsent(ctx, m) })
	}
	if teams {
		both.Go(func() { consent.Teams, noTeams = queryConsentTeams(ctx, m) })
	}
	both.Wait()
	switch {
	case noConsent != nil:
		return probe.Consent{}, []probe.Gap{tool.Gap(probe.FactConsent, noConsent, "spctl kext-consent status")}
	case noTeams != nil:
		return consent, []probe.Gap{tool.Gap(probe.FactRecoveryTeams, noTeams, "spctl kext-consent list")}
	}
	return consent, nil
}

func queryConsent(ctx context.Context, m root.FS) (probe.Answer, error) {
	out, err := tool.Query(ctx, m, probe.SpctlTool, "kext-consent", "status")
	if err != nil {
		return "", err
	}
	return parseConsent(out)
}

func queryConsentTeams(ctx context.Context, m root.FS) ([]string, error) {
	out, err := tool.Query(ctx, m, probe.SpctlTool, "kext-consent", "list")
	if exit, ok := errors.AsType[*tool.ExitError](err); ok && bytes.Contains(exit.Stderr, []byte(noConsentList)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseConsentTeams(out)
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

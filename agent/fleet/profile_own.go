package fleet

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// settings sets keys of the settings domain. The payload type is the one that Apple
// documents for any preference domain (com.apple.ManagedClient.preferences.yaml).
// A payload type that equals the domain also works on macOS, but some MDM servers refuse a
// type that they do not know.
func (in ProfileInput) settings() (payload, error) {
	if len(in.Settings) == 0 {
		return payload{}, refuse("use --set KEY=VALUE, --from FILE, or --all for every key with its default", "no setting is named")
	}
	return payload{"", map[string]any{
		"PayloadContent": map[string]any{
			probe.AgentLabel: map[string]any{
				"Forced": []any{map[string]any{"mcx_preference_settings": in.Settings}},
			},
		},
	}, []string{
		"users cannot change the keys in it; all other keys stay theirs",
		"kextwatch settings shows these keys as managed on a Mac that has the profile",
	}}, nil
}

// scriptEditor is the app that macOS takes for the sender of a notification by osascript.
const scriptEditor = "com.apple.ScriptEditor2"

const persistent = 2 // AlertType: the notification stays until somebody closes it

// notifications are those of Script Editor, through which kextwatch posts, and of the app.
// Every key that macOS knows is set, because the defaults are not the same for all
// (com.apple.notificationsettings.yaml). A critical alert would need an entitlement, and
// kextwatch has no badge.
func (in ProfileInput) notifications() (payload, error) {
	var apps []any
	for _, id := range []string{scriptEditor, probe.AgentLabel} {
		apps = append(apps, map[string]any{
			"BundleIdentifier":         id,
			"NotificationsEnabled":     true,
			"AlertType":                persistent,
			"ShowInNotificationCenter": true,
			"ShowInLockScreen":         true,
			"SoundsEnabled":            true,
			"BadgesEnabled":            false,
			"CriticalAlertEnabled":     false,
		})
	}
	return payload{"", map[string]any{"NotificationSettings": apps}, []string{
		"kextwatch posts through osascript, so macOS shows Script Editor as the sender: the profile also holds for every other script that posts in this way",
		"Focus (Do Not Disturb) still hides notifications",
	}}, nil
}

// backgroundItems are the two jobs. With a team, an item must also be signed by it
// (TeamIdentifier in com.apple.servicemanagement.yaml). A rule for the whole team would allow
// everything else that the team signs.
func (in ProfileInput) backgroundItems() (payload, error) {
	hints := []string{"macOS allows these items without asking, and users can probably not turn them off in Login Items"}
	if in.TeamID == "" {
		hints = append(hints, "any job with these labels is allowed: --team-id allows only those that your team signed")
	} else if err := checkTeamID("--team-id", in.TeamID); err != nil {
		return payload{}, err
	}
	var rules []any
	for _, job := range []struct{ label, comment string }{
		{probe.AgentLabel, "kextwatch in the menu bar"},
		{probe.ReaderLabel, "the root reader of kextwatch"},
	} {
		rule := map[string]any{"RuleType": "Label", "RuleValue": job.label, "Comment": job.comment}
		if in.TeamID != "" {
			rule["TeamIdentifier"] = in.TeamID
		}
		rules = append(rules, rule)
	}
	return payload{"", map[string]any{"Rules": rules}, hints}, nil
}

// fullDiskAccess is for the root reader only: the agent reads nothing that needs it. A
// program that is not in an app bundle is named by its path. Allowed, unlike Authorization, is known to
// every macOS since 10.14 (com.apple.TCC.configuration-profile-policy.yaml).
func (in ProfileInput) fullDiskAccess() (payload, error) {
	requirement, err := in.requirement()
	if err != nil {
		return payload{}, err
	}
	hints := []string{
		"the reader needs it only if the check policy.reader of kextwatch doctor says that macOS denies it the policy",
	}
	if isCDHash(requirement) {
		hints = append(hints, "this requirement fits one build of the reader: make the profile again after each update")
	} else {
		hints = append(hints, "it fits every version of the reader with the same signature")
	}
	return payload{"", map[string]any{
		"Services": map[string]any{
			"SystemPolicyAllFiles": []any{map[string]any{
				"Identifier":      probe.ReaderProgram,
				"IdentifierType":  "path",
				"CodeRequirement": requirement,
				"StaticCode":      false,
				"Allowed":         true,
				"Comment":         "the root reader of kextwatch",
			}},
		},
	}, hints}, nil
}

// requirementHint says how to get the requirement.
const requirementHint = "on a Mac with the reader, run: codesign -d -r - " + probe.ReaderProgram + ", and give what follows designated =>"

// signerForm matches the parts of a requirement that name who signed the program. Without
// one, every program with the right name would meet the requirement: "anchor apple generic"
// is true for the programs of every developer.
var signerForm = probe.Form{Expr: `\bcertificate\s+(?:leaf|root|-?[0-9]+)\s*(?:\[subject\.|=)`}

var quotedForm = probe.Form{Expr: `"[^"]*"`}

// requirement returns the requirement of the reader. It accepts a whole line of codesign,
// "designated => …", with a # in front if the program names no requirement itself.
func (in ProfileInput) requirement() (string, error) {
	text := strings.TrimSpace(in.CodeRequirement)
	if _, after, found := strings.Cut(text, "designated =>"); found {
		text = strings.TrimSpace(after)
	}
	switch {
	case text == "":
		return "", refuse(requirementHint, "the code requirement is empty")
	case len(text) > longestText:
		return "", refuse(requirementHint, "the code requirement is longer than %d bytes", longestText)
	case placeholderForm.MatchString(text), slices.ContainsFunc(placeholderTeams, func(team string) bool { return strings.Contains(text, team) }):
		return "", refuse(requirementHint, "the code requirement %q is a placeholder", probe.Printable(text))
	case isCDHash(text) && !in.AllowCDHash:
		return "", refuse("sign kextwatch with a Developer ID, or use --allow-cdhash and make the profile again after each update",
			"the code requirement names one build (cdhash), because the reader is signed ad hoc or not at all: every update would lose the access")
	case !isCDHash(text) && !signerForm.MatchString(quotedForm.ReplaceAllString(text, `""`)):
		return "", refuse(requirementHint, "the code requirement %q does not say who signed the reader, so other programs could meet it", probe.Printable(text))
	}
	return text, nil
}

// isCDHash reports whether only one build meets a requirement.
func isCDHash(requirement string) bool {
	return strings.Contains(strings.ToLower(requirement), "cdhash")
}

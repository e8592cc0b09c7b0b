package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// key is a key of a dictionary in a profile, as Apple documents it
// (github.com/apple/device-management, mdm/profiles).
type key struct {
	name     string // * stands for every name
	kind     string // string, integer, boolean, dictionary, array
	required bool
	values   []any // the only ones that are possible; nil: all
	elements *key  // of an array; its name does not matter
	keys     []key // of a dictionary
}

func text(name string, required bool, values ...any) key {
	return key{name: name, kind: "string", required: required, values: values}
}

func boolean(name string, required bool) key {
	return key{name: name, kind: "boolean", required: required}
}

func dictionary(name string, required bool, keys ...key) key {
	return key{name: name, kind: "dictionary", required: required, keys: keys}
}

func list(name string, required bool, elements key) key {
	return key{name: name, kind: "array", required: required, elements: &elements}
}

// TopLevel.yaml
var profileKeys = []key{
	text("PayloadType", true, "Configuration"),
	{name: "PayloadVersion", kind: "integer", required: true, values: []any{uint64(1)}},
	text("PayloadIdentifier", true),
	text("PayloadUUID", true),
	text("PayloadDisplayName", true), // optional for Apple; people need it
	text("PayloadDescription", false),
	text("PayloadOrganization", false),
	text("PayloadScope", true, "System"), // optional for Apple; the default is the user
	list("PayloadContent", true, dictionary("", true)),
}

// CommonPayloadKeys.yaml
var commonKeys = []key{
	text("PayloadType", true),
	{name: "PayloadVersion", kind: "integer", required: true, values: []any{uint64(1)}},
	text("PayloadIdentifier", true),
	text("PayloadUUID", true),
	text("PayloadDisplayName", false),
}

// applePayloadKeys has the keys of each payload beside the common ones. Where one is required here
// and optional in Apple's table, kextwatch always writes it.
var applePayloadKeys = map[string][]key{
	"com.apple.syspolicy.kernel-extension-policy": {
		boolean("AllowUserOverrides", true), // the default would forbid everything else
		boolean("AllowNonAdminUserApprovals", true),
		list("AllowedTeamIdentifiers", false, text("", true)),
		dictionary("AllowedKernelExtensions", false, list("*", true, text("", true))),
	},
	"com.apple.ManagedClient.preferences": {
		dictionary("PayloadContent", true, dictionary("io.kextwatch.agent", true,
			list("Forced", true, dictionary("", true,
				dictionary("mcx_preference_settings", true, key{name: "*"}))))),
	},
	"com.apple.notificationsettings": {
		list("NotificationSettings", true, dictionary("", true,
			text("BundleIdentifier", true, "com.apple.ScriptEditor2", "io.kextwatch.agent"),
			boolean("NotificationsEnabled", true),
			key{name: "AlertType", kind: "integer", required: true, values: []any{uint64(0), uint64(1), uint64(2)}},
			boolean("ShowInNotificationCenter", true), boolean("ShowInLockScreen", true),
			boolean("BadgesEnabled", true), boolean("SoundsEnabled", true), boolean("CriticalAlertEnabled", true))),
	},
	"com.apple.servicemanagement": {
		list("Rules", true, dictionary("", true,
			text("RuleType", true, "BundleIdentifier", "BundleIdentifierPrefix", "Label", "LabelPrefix", "TeamIdentifier"),
			text("RuleValue", true), text("Comment", false), text("TeamIdentifier", false))),
	},
	"com.apple.TCC.configuration-profile-policy": {
		dictionary("Services", true, list("SystemPolicyAllFiles", true, dictionary("", true,
			text("Identifier", true), text("IdentifierType", true, "bundleID", "path"), text("CodeRequirement", true),
			boolean("Allowed", true), // the older form of Authorization; never both
			boolean("StaticCode", false), text("Comment", false)))),
	},
}

// problems compares a value of a property list with its key. where names the value.
func (k key) problems(where string, value any) []string {
	var kind string
	switch v := value.(type) {
	case string:
		kind = "string"
	case uint64:
		kind = "integer"
	case bool:
		kind = "boolean"
	case []any:
		kind = "array"
		var all []string
		for i, element := range v {
			if k.elements != nil {
				all = append(all, k.elements.problems(fmt.Sprintf("%s[%d]", where, i), element)...)
			}
		}
		if len(all) > 0 {
			return all
		}
	case map[string]any:
		kind = "dictionary"
		if k.keys != nil {
			if all := wrongKeys(where, v, k.keys); len(all) > 0 {
				return all
			}
		}
	default:
		kind = fmt.Sprintf("%T", value)
	}
	switch {
	case k.kind != "" && kind != k.kind:
		return []string{fmt.Sprintf("%s has the type %s, want %s", where, kind, k.kind)}
	case k.values != nil && !slices.Contains(k.values, value):
		return []string{fmt.Sprintf("%s is %v, want one of %v", where, value, k.values)}
	}
	return nil
}

// wrongKeys compares a dictionary with its keys: unknown, missing and of the wrong type.
func wrongKeys(where string, values map[string]any, keys []key) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == name || k.name == "*" })
		if at < 0 {
			all = append(all, where+"."+name+" is not a key of Apple's table")
			continue
		}
		all = append(all, keys[at].problems(where+"."+name, values[name])...)
	}
	for _, k := range keys {
		if _, there := values[k.name]; k.required && k.name != "*" && !there {
			all = append(all, where+"."+k.name+" is missing")
		}
	}
	return all
}

// Every key in every profile is one that macOS knows, with the right type, and none is missing.
func TestProfileKeys(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := made(t, profiles[name].kind, profiles[name].input)
		values := read(t, p.Data)
		if all := wrongKeys(name, values, profileKeys); len(all) > 0 {
			t.Error(strings.Join(all, "\n"))
			continue
		}
		payloads := values["PayloadContent"].([]any)
		if len(payloads) != 1 {
			t.Errorf("%s has %d payloads, want one", name, len(payloads))
		}
		for _, payload := range payloads {
			keys, ok := applePayloadKeys[p.Kind.PayloadType]
			if got := payload.(map[string]any)["PayloadType"]; !ok || got != p.Kind.PayloadType {
				t.Errorf("%s: the payload %v, want %s, in the table: %v", name, got, p.Kind.PayloadType, ok)
			}
			if all := wrongKeys(name, payload.(map[string]any), slices.Concat(commonKeys, keys)); len(all) > 0 {
				t.Error(strings.Join(all, "\n"))
			}
		}
	}
}

// The comparison with the tables finds each kind of mistake.
func TestWrongKeysAreFound(t *testing.T) {
	table := []key{text("Name", true, "a", "b"), boolean("On", false), list("List", false, dictionary("", true, text("Inner", true)))}
	for want, values := range map[string]map[string]any{
		"x.Nane is not a key of Apple's table":              {"Name": "a", "Nane": "b"},
		"x.Name is missing":                                 {"On": true},
		"x.Name is c, want one of [a b]":                    {"Name": "c"},
		"x.On has the type string, want boolean":            {"Name": "a", "On": "true"},
		"x.On has the type integer, want boolean":           {"Name": "a", "On": uint64(1)},
		"x.List has the type dictionary, want array":        {"Name": "a", "List": map[string]any{}},
		"x.List[1].Inner is missing":                        {"Name": "a", "List": []any{map[string]any{"Inner": ""}, map[string]any{}}},
		"x.List[0] has the type string, want dictionary":    {"Name": "a", "List": []any{"Inner"}},
		"x.List[0].Inner has the type boolean, want string": {"Name": "a", "List": []any{map[string]any{"Inner": true}}},
		"x.Name has the type float64, want string":          {"Name": 1.5},
		"x.List[0].O is not a key of Apple's table":         {"Name": "a", "List": []any{map[string]any{"Inner": "", "O": ""}}},
		"": {"Name": "b", "On": false, "List": []any{map[string]any{"Inner": ""}}},
	} {
		if got := strings.Join(wrongKeys("x", values, table), "\n"); got != want {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
}

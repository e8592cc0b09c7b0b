package main

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"howett.net/plist"

	"kextwatch/agent/fleet"
	"kextwatch/agent/settings"
	"kextwatch/agent/settings/values"
	"kextwatch/probe"
)

// formsOfSettings are the forms, by their files in docs/mdm.
var formsOfSettings = map[string]formOfSettings{
	probe.AgentLabel + ".plist": fleet.Manifest,
	"jamf-schema.json":          fleet.JamfSchema,
}

// The forms in docs/mdm are those of this version.
func TestFormsOfSettings(t *testing.T) {
	for name, form := range formsOfSettings {
		got, err := form.make()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("../docs/mdm", name), got)
	}
}

// subkey is what a tool for profiles reads of a key in a manifest.
type subkey struct {
	Name    string   `plist:"pfm_name"`
	Title   string   `plist:"pfm_title"`
	Text    string   `plist:"pfm_description"`
	Type    string   `plist:"pfm_type"`
	Default any      `plist:"pfm_default"`
	Choices []string `plist:"pfm_range_list"`
	Min     *int     `plist:"pfm_range_min"`
	Max     *int     `plist:"pfm_range_max"`
	Fewest  *int     `plist:"pfm_repetition_min"`
	Most    *int     `plist:"pfm_repetition_max"`
	Pattern string   `plist:"pfm_format"`
	Subkeys []subkey `plist:"pfm_subkeys"`
}

// The manifest has each key of the program once, with its type, limits, choices, default and
// words, in the same order.
func TestManifestHasEverySetting(t *testing.T) {
	var m struct {
		Domain  string   `plist:"pfm_domain"`
		Title   string   `plist:"pfm_title"`
		Text    string   `plist:"pfm_description"`
		Format  int      `plist:"pfm_format_version"`
		Subkeys []subkey `plist:"pfm_subkeys"`
	}
	data, err := formOfSettings(fleet.Manifest).make()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plist.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.Domain != probe.AgentLabel || m.Title == "" || m.Text == "" || m.Format != 1 {
		t.Errorf("the manifest is %q, %q, %q, format %d", m.Domain, m.Title, m.Text, m.Format)
	}
	var own []subkey
	payload := map[string]bool{}
	for _, k := range m.Subkeys {
		if strings.HasPrefix(k.Name, "Payload") {
			payload[k.Name] = true
			continue
		}
		own = append(own, k)
	}
	for _, name := range []string{"PayloadIdentifier", "PayloadType", "PayloadUUID", "PayloadVersion"} {
		if !payload[name] {
			t.Errorf("%s is missing: a profile needs it", name)
		}
	}
	if len(own) != len(settings.Keys) {
		t.Fatalf("%d keys, the program has %d", len(own), len(settings.Keys))
	}
	for i, key := range settings.Keys {
		k := own[i]
		if k.Name != key.Name || k.Title != key.Title || !strings.HasPrefix(k.Text, key.Meaning) || !strings.Contains(k.Text, key.Form.Words()) {
			t.Errorf("key %d is %+v, want %s", i+1, k, key.Name)
		}
		sameForm(t, key.Name, k, key.Form)
		if k.Default != nil && asText(k.Default) != asText(key.Default()) || k.Default == nil && asText(key.Default()) != `""` && asText(key.Default()) != "[]" {
			t.Errorf("%s: default %v, want %v", key.Name, k.Default, key.Default())
		}
	}
}

func asText(value any) string { return strings.TrimSpace(string(asJSON(value))) }

func sameForm(t *testing.T, name string, k subkey, f values.Form) {
	t.Helper()
	if k.Type != string(f.Type) || !reflect.DeepEqual(k.Choices, f.Choices) || k.Pattern != f.Pattern {
		t.Errorf("%s: %+v, want %+v", name, k, f)
	}
	limit := func(what string, got *int, want int, has bool) {
		if (got != nil) != has || has && *got != want {
			t.Errorf("%s: %s is %v, want %d", name, what, got, want)
		}
	}
	limit("the minimum", k.Min, f.Min, f.Type == values.Integer)
	limit("the maximum", k.Max, f.Max, f.Type == values.Integer)
	limit("the fewest", k.Fewest, f.Fewest, f.Type == values.List)
	limit("the most", k.Most, f.Most, f.Type == values.List)
	if f.Type == values.List {
		if len(k.Subkeys) != 1 {
			t.Fatalf("%s: %d kinds of entries", name, len(k.Subkeys))
		}
		sameForm(t, name+", each entry", k.Subkeys[0], *f.Items)
	}
}

// jamfSchema returns the schema. Jamf Pro reads it with a library for draft 4. Its keywords
// that limit a value mean the same in draft 4 and in later ones; a new one needs a row here.
func jamfSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	data, err := formOfSettings(fleet.JamfSchema).make()
	if err != nil {
		t.Fatal(err)
	}
	for _, keyword := range []string{"$ref", "$schema", "additionalProperties", "allOf", "const", "contains", "dependencies", "exclusiveMaximum", "exclusiveMinimum", "format", "id", "if", "multipleOf", "not", "oneOf", "patternProperties", "required"} {
		if strings.Contains(string(data), `"`+keyword+`":`) {
			t.Errorf("the schema has the keyword %s", keyword)
		}
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func validates(t *testing.T, schema *jsonschema.Resolved, settings any) bool {
	t.Helper()
	doc, err := decodeJSON(asText(settings))
	if err != nil {
		t.Fatal(err)
	}
	return validate(schema, doc) == nil
}

// The schema accepts what the agent accepts. The only exception is texts with characters
// that its patterns cannot name. So a form in Jamf Pro makes no profile that the agent
// refuses.
func TestJamfSchemaAcceptsWhatTheAgentAccepts(t *testing.T) {
	schema := jamfSchema(t)
	long := func(n int) string { return strings.Repeat("x", n) }
	list := func(n int, v any) []any {
		var all []any
		for range n {
			all = append(all, v)
		}
		return all
	}
	candidates := []any{
		true, false, int64(0), uint64(1), uint64(10), uint64(29), uint64(30), int64(-5), 2.5, map[string]any{"a": "b"},
		"", "auto", "parallels", "all", "notification", "dialog", "Dialog", "4C6364ACXT", "ACME", "IT Support, extension 4321", "a\nb", "a\x1bb", "a\x7f",
		"/Library/Scripts/x.sh", "~/x", "x/y", "https://help.acme.example/mac?x=1#y", "http://intranet", "mailto:it@acme.example", "tel:4321",
		"HTTPS://acme.example", "javascript:alert(1)", "file:///x", "https://a@b.example", "https://acme.example/ x", "mailto:x", "mailto:it@acme.example?attach=/etc/passwd",
		long(60), long(61), long(200), long(201), "/" + long(999), "/" + long(1000), "https://a.example/" + long(282), "https://a.example/" + long(283),
		[]any{}, []any{uint64(15), uint64(5)}, []any{uint64(5), uint64(5)}, []any{uint64(30)}, []any{"4C6364ACXT"}, []any{"4C6364ACXT", uint64(7)}, []any{"4c6364acxt"},
		list(50, "4C6364ACXT"), list(51, "4C6364ACXT"), []any{uint64(1), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6), uint64(7), uint64(8), uint64(9), uint64(10), uint64(11)},
	}
	accepted := map[string]int{}
	for _, key := range settings.Keys {
		for _, value := range candidates {
			want := key.Form.Check(value) == nil
			if want {
				accepted[key.Name]++
			}
			if got := validates(t, schema, map[string]any{key.Name: value}); got != want {
				t.Errorf("%s %.60v: the schema says %t, the agent %t", key.Name, value, got, want)
			}
		}
		// Characters that the pattern of the schema does not name. The agent refuses them.
		for _, value := range []string{"/a\u202eb", "/a\u200bb", "/a\u00a0b"} {
			if key.Form.Check(value) == nil {
				t.Errorf("%s accepts %q", key.Name, value)
			}
		}
	}
	for _, key := range settings.Keys {
		if accepted[key.Name] == 0 || accepted[key.Name] == len(candidates) {
			t.Errorf("%s: %d of %d values are accepted", key.Name, accepted[key.Name], len(candidates))
		}
	}
}

// The defaults, the sample in docs/settings.md and the placeholders are valid.
func TestJamfSchemaAcceptsDefaultsAndSamples(t *testing.T) {
	schema := jamfSchema(t)
	defaults, examples := map[string]any{}, map[string]any{}
	for _, key := range settings.Keys {
		defaults[key.Name] = key.Default()
		if key.Form.Example != "" {
			examples[key.Name] = key.Form.Example
		}
	}
	_, sample, _ := strings.Cut(fileText(t, "../docs/settings.md"), "```xml\n")
	sample, _, _ = strings.Cut(sample, "```")
	file := map[string]any{}
	if _, err := plist.Unmarshal([]byte(sample), &file); err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]map[string]any{"the defaults": defaults, "the placeholders": examples, "the sample": file, "nothing": {}} {
		if name != "nothing" && len(doc) < 3 {
			t.Errorf("%s are only %d", name, len(doc))
		}
		if !validates(t, schema, doc) {
			t.Errorf("%s: %v", name, doc)
		}
	}
	if validates(t, schema, map[string]any{"SnoozeMinutes": 5, "ShowQuit": "no"}) {
		t.Error("a text in place of true or false is accepted")
	}
}

// Jamf Pro shows a property by its title, in the order of property_order.
func TestJamfSchemaIsAForm(t *testing.T) {
	var form struct {
		Title      string
		Properties map[string]struct {
			Title, Description string
			Order              int `json:"property_order"`
			Default            any
		}
	}
	data, err := formOfSettings(fleet.JamfSchema).make()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &form); err != nil {
		t.Fatal(err)
	}
	if len(form.Properties) != len(settings.Keys) || !strings.Contains(form.Title, probe.AgentLabel) {
		t.Errorf("%d properties of %q, want %d", len(form.Properties), form.Title, len(settings.Keys))
	}
	before := 0
	for _, key := range settings.Keys {
		p := form.Properties[key.Name]
		if p.Title != key.Title || p.Description != key.Meaning || p.Order <= before {
			t.Errorf("%s: %+v", key.Name, p)
		}
		if p.Default != nil && asText(p.Default) != asText(key.Default()) {
			t.Errorf("%s: default %v, want %v", key.Name, p.Default, key.Default())
		}
		before = p.Order
	}
}

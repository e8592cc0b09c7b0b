package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"

	"kextwatch/agent/settings/values"
)

// schema is a JSON Schema as Jamf Pro reads it for the form of Application & Custom Settings.
// property_order and options are for the form and mean nothing to a validator.
// (docs.jamf.com/technical-papers/jamf-pro/json-schema)
type schema struct {
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        values.Type       `json:"type,omitempty"`
	Order       int               `json:"property_order,omitempty"`
	Default     any               `json:"default,omitempty"`
	Enum        []string          `json:"enum,omitempty"`
	Minimum     *int              `json:"minimum,omitempty"`
	Maximum     *int              `json:"maximum,omitempty"`
	MaxLength   *int              `json:"maxLength,omitempty"`
	Pattern     string            `json:"pattern,omitempty"`
	Items       *schema           `json:"items,omitempty"`
	MinItems    *int              `json:"minItems,omitempty"`
	MaxItems    *int              `json:"maxItems,omitempty"`
	Unique      bool              `json:"uniqueItems,omitempty"`
	AnyOf       []schema          `json:"anyOf,omitempty"`
	Options     *schemaOptions    `json:"options,omitempty"`
	Properties  map[string]schema `json:"properties,omitempty"`
}

type schemaOptions struct {
	InputAttributes map[string]string `json:"inputAttributes"`
}

// JamfSchema returns a JSON Schema of the settings in this domain, to paste into Jamf Pro.
func JamfSchema(domain string, settings []Setting) ([]byte, error) {
	properties := map[string]schema{}
	for i, s := range settings {
		p := schemaOf(s.Form)
		if s.Form.Or != nil {
			p = schema{AnyOf: []schema{titled(p, s.Form), titled(schemaOf(*s.Form.Or), *s.Form.Or)}}
		}
		const step = 5 // a later version can put a property between two
		p.Title, p.Description, p.Default, p.Order = s.Title, s.Meaning, s.formDefault(), (i+1)*step
		properties[s.Name] = p
	}
	top := schema{
		Title: fmt.Sprintf("kextwatch (%s)", domain), Description: "Settings of kextwatch. Users decide about settings that are not in the profile.",
		Type: "object", Properties: properties,
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(top)
	return b.Bytes(), err
}

// titled names one of two forms, for the list in which an administrator chooses one.
func titled(s schema, f values.Form) schema {
	f.Or = nil
	s.Title = f.Words()
	return s
}

// schemaOf returns a schema that accepts at least what fits a form. It ignores Or.
func schemaOf(f values.Form) schema {
	s := schema{Type: f.Type, Enum: f.Choices, Pattern: f.Pattern, Unique: f.Different}
	switch f.Type {
	case values.Integer:
		s.Minimum, s.Maximum = &f.Min, &f.Max
	case values.List:
		items := schemaOf(*f.Items)
		s.Items, s.MinItems, s.MaxItems = &items, &f.Fewest, &f.Most
	case values.String:
		if f.Longest > 0 {
			s.MaxLength = &f.Longest
		}
		if f.Example != "" {
			s.Options = &schemaOptions{map[string]string{"placeholder": f.Example}}
		}
	}
	return s
}

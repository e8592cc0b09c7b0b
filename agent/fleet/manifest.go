package fleet

import (
	"fmt"

	"howett.net/plist"

	"kextwatch/agent/settings/values"
)

// manifest is a preference manifest in the form of ProfileManifests, which ProfileCreator,
// iMazing Profile Editor and other editors of profiles read
// (github.com/ProfileManifests/ProfileManifests/wiki/Manifest-Format).
type manifest struct {
	Title       string   `plist:"pfm_title"`
	Description string   `plist:"pfm_description"`
	Domain      string   `plist:"pfm_domain"`
	Format      int      `plist:"pfm_format_version"`
	Version     int      `plist:"pfm_version"`
	Platforms   []string `plist:"pfm_platforms"`
	Targets     []string `plist:"pfm_targets"`
	Unique      bool     `plist:"pfm_unique"`
	Subkeys     []subkey `plist:"pfm_subkeys"`
}

// subkey is a key of a profile, or the entries of a list. Entries have no name.
type subkey struct {
	Name        string   `plist:"pfm_name,omitempty"`
	Title       string   `plist:"pfm_title,omitempty"`
	Description string   `plist:"pfm_description,omitempty"`
	Type        string   `plist:"pfm_type"`
	Require     string   `plist:"pfm_require,omitempty"`
	Default     any      `plist:"pfm_default,omitempty"`
	Placeholder string   `plist:"pfm_value_placeholder,omitempty"`
	Pattern     string   `plist:"pfm_format,omitempty"`
	Choices     []any    `plist:"pfm_range_list,omitempty"`
	Min         *int     `plist:"pfm_range_min,omitempty"`
	Max         *int     `plist:"pfm_range_max,omitempty"`
	Fewest      *int     `plist:"pfm_repetition_min,omitempty"`
	Most        *int     `plist:"pfm_repetition_max,omitempty"`
	Subkeys     []subkey `plist:"pfm_subkeys,omitempty"`
}

// Manifest returns a preference manifest of the settings in this domain. A key of a manifest
// has one type, so a setting that has two forms gets the first: its description names both.
// The limit of a text is only in its description, too.
func Manifest(domain string, settings []Setting) ([]byte, error) {
	m := manifest{
		Title: "kextwatch", Description: "Settings of kextwatch, which says when macOS blocked a kernel extension and for how long it can be allowed",
		Domain: domain, Format: 1, Version: 1,
		Platforms: []string{"macOS"}, Targets: []string{"system-managed", "user-managed"}, Unique: true,
		Subkeys: payloadKeys(domain),
	}
	for _, s := range settings {
		k := subkeyOf(s.Form)
		k.Name, k.Title, k.Default = s.Name, s.Title, s.formDefault()
		k.Description = fmt.Sprintf("%s Value: %s.", s.Meaning, s.Form.Words())
		m.Subkeys = append(m.Subkeys, k)
	}
	data, err := plist.MarshalIndent(m, plist.XMLFormat, "\t")
	return append(data, '\n'), err
}

// payloadKeys are the keys that every payload of a profile has.
func payloadKeys(domain string) []subkey {
	one := 1
	return []subkey{
		{Name: "PayloadDescription", Title: "Payload Description", Type: "string", Default: "Settings of kextwatch", Description: "What the payload is for."},
		{Name: "PayloadDisplayName", Title: "Payload Display Name", Type: "string", Default: "kextwatch", Require: "always", Description: "The name of the payload."},
		{Name: "PayloadIdentifier", Title: "Payload Identifier", Type: "string", Default: domain, Require: "always", Description: "The identifier of the payload, unique in the profile."},
		{Name: "PayloadType", Title: "Payload Type", Type: "string", Default: domain, Require: "always", Description: "The settings domain of kextwatch."},
		{Name: "PayloadUUID", Title: "Payload UUID", Type: "string", Require: "always", Pattern: `^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`, Description: "A UUID, unique for each payload."},
		{Name: "PayloadVersion", Title: "Payload Version", Type: "integer", Default: 1, Require: "always", Min: &one, Max: &one, Description: "The version of the form of the payload."},
		{Name: "PayloadOrganization", Title: "Payload Organization", Type: "string", Description: "The organization that provides the profile."},
	}
}

// subkeyOf returns what a form means for a key without its name.
func subkeyOf(f values.Form) subkey {
	k := subkey{Type: string(f.Type), Pattern: f.Pattern}
	switch f.Type {
	case values.Integer:
		k.Min, k.Max = &f.Min, &f.Max
	case values.List:
		k.Fewest, k.Most, k.Subkeys = &f.Fewest, &f.Most, []subkey{subkeyOf(*f.Items)}
	case values.String:
		for _, c := range f.Choices {
			k.Choices = append(k.Choices, c)
		}
		k.Placeholder = f.Example
	}
	return k
}

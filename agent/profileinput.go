package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/agent/settings"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// profile makes the profile that the flags describe.
func (o profileOptions) profile(kind fleet.ProfileKind) (fleet.Profile, error) {
	input := o.ProfileInput
	var hints []string
	for _, name := range o.vendors {
		vendor, err := vendorNamed(name)
		if err != nil {
			return fleet.Profile{}, err
		}
		input.Vendors = append(input.Vendors, vendor)
	}
	values, left, err := o.settings()
	if err != nil {
		return fleet.Profile{}, err
	}
	input.Settings = values
	if len(left) > 0 {
		hints = append(hints, "left out keys that macOS put into the file: "+view.Clean(strings.Join(left, ", ")))
	}
	p, err := kind.Profile(input)
	if refused, ok := errors.AsType[*fleet.InputError](err); ok {
		return p, cli.Usage(refused.Hint(), "%w", err)
	}
	p.Hints = append(p.Hints, hints...)
	return p, err
}

// vendorNamed returns the developer with the name of a product or with a team ID.
func vendorNamed(name string) (fleet.Vendor, error) {
	rows := approval.VendorKexts(name)
	if len(rows) == 0 {
		if probe.IsTeamID(name) {
			return fleet.Vendor{TeamID: name, Doubt: "kextwatch does not know the team " + name}, nil
		}
		const codesign = "name the team ID, which codesign -dv shows for the kernel extension in the line TeamIdentifier"
		near := slices.DeleteFunc(approval.VendorNames(), func(product string) bool {
			return name == "" || !strings.Contains(strings.ToLower(product), strings.ToLower(name))
		})
		if len(near) > 0 {
			return fleet.Vendor{}, cli.Usage("did you mean "+strings.Join(near, ", or ")+"? Otherwise "+codesign, "unknown developer %q", name)
		}
		return fleet.Vendor{}, cli.Usage(codesign, "unknown developer %q", name)
	}
	vendor := fleet.Vendor{Name: rows[0].Product, TeamID: rows[0].TeamID}
	for _, row := range rows {
		vendor.BundleIDs = append(vendor.BundleIDs, row.BundleIDs...)
		if row.Product != vendor.Name {
			vendor.Name = ""
		}
		if row.Confidence != approval.Sure {
			vendor.Doubt = fmt.Sprintf("the team ID of %s is only %s (source: %s)", row.Product, row.Confidence, row.Source)
		}
	}
	if vendor.TeamID == "" {
		return fleet.Vendor{}, cli.Usage("read it with codesign -dv PATH.kext in the line TeamIdentifier, and use it with --vendor", "the team ID of %s is not known", vendor.Name)
	}
	return vendor, nil
}

// settings returns the values of --all, --from and --set; a later one takes precedence. left
// are the keys of macOS in the file of --from, which are not settings of kextwatch.
func (o profileOptions) settings() (values map[string]any, left []string, err error) {
	values = map[string]any{}
	if o.all {
		for _, key := range settings.Keys {
			values[key.Name] = key.Get(settings.Default())
		}
	}
	if o.from != "" {
		given, foreign, problems, err := settings.ReadGiven(o.from)
		if err != nil {
			return nil, nil, cli.Unavailable(fmt.Errorf("reading the settings: %w", err), "name a property list with --from")
		}
		if len(problems) > 0 {
			p := problems[0]
			if p.Unknown {
				return nil, nil, unknownSetting(p.Key, p.Suggestion)
			}
			return nil, nil, cli.Usage("correct it in "+o.from, "invalid value of %s: %s", p.Key, p.Why)
		}
		for name, value := range given {
			values[name] = value
		}
		left = foreign
	}
	given := map[string]bool{}
	for _, text := range o.set {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, nil, cli.Usage("write it as KEY=VALUE, such as SnoozeMinutes=5", "--set %q has no value", text)
		}
		key, nearest, known := settings.KeyNamed(name)
		switch {
		case !known:
			return nil, nil, unknownSetting(name, nearest)
		case given[name]:
			return nil, nil, cli.Usage("write the values of a list with commas: --set "+name+"=A,B", "--set has %s more than once", name)
		}
		given[name] = true
		if values[name], err = key.Parse(value); err != nil {
			return nil, nil, cli.Usage("kextwatch settings lists the keys; separate the values of a list with commas", "invalid value %q of %s: %w", value, name, err)
		}
	}
	return values, left, nil
}

func unknownSetting(name, nearest string) error {
	if nearest != "" {
		return cli.Usage("did you mean "+nearest+"?", "unknown setting %q", name)
	}
	return cli.Usage("kextwatch settings lists the keys", "unknown setting %q", name)
}

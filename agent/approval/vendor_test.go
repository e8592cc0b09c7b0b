package approval

import (
	"slices"
	"testing"

	"kextwatch/probe"
)

func TestVendorKexts(t *testing.T) {
	for vendor, want := range map[string]struct {
		products []string
		ids      int
	}{
		"Parallels Desktop":   {[]string{"Parallels Desktop"}, 4},
		"parallels desktop":   {[]string{"Parallels Desktop"}, 4},
		probe.ParallelsTeamID: {[]string{"Parallels Desktop", "Parallels Access"}, 6},
		"macfuse":             {[]string{"macFUSE", "macFUSE", "macFUSE", "macFUSE"}, 4},
		"EG7KH642X6":          {[]string{"VMware Fusion", "VMware Tools"}, 7},
		"FTDI":                {[]string{"FTDI"}, 1},
		"nobody":              {},
		"":                    {},
	} {
		var products []string
		ids := 0
		for _, k := range VendorKexts(vendor) {
			products = append(products, k.Product)
			ids += len(k.BundleIDs)
		}
		if !slices.Equal(products, want.products) || ids != want.ids {
			t.Errorf("%q: %q with %d bundle IDs, want %q with %d", vendor, products, ids, want.products, want.ids)
		}
	}
}

// Each name can be given, and has a team.
func TestVendorNames(t *testing.T) {
	names := VendorNames()
	if len(names) < 30 || names[0] != "Parallels Desktop" {
		t.Errorf("%d names, the first is %q", len(names), names[0])
	}
	seen := map[string]bool{}
	for _, name := range names {
		rows := VendorKexts(name)
		if len(rows) == 0 || seen[name] {
			t.Errorf("%s: %d rows, named before: %v", name, len(rows), seen[name])
			continue
		}
		seen[name] = true
		for _, row := range rows {
			if row.TeamID == "" || row.TeamID != rows[0].TeamID {
				t.Errorf("%s: the teams %q and %q", name, rows[0].TeamID, row.TeamID)
			}
		}
	}
}

package approval

import (
	"slices"
	"testing"

	"kextwatch/probe"
)

func TestOthersInFull(t *testing.T) {
	for _, tc := range []struct {
		vendors Vendors
		want    bool
	}{
		{Vendors{}, false},
		{Vendors{Auto: true}, false},
		{Vendors{Teams: []string{probe.ParallelsTeamID}}, false},
		{Vendors{Teams: []string{probe.ParallelsTeamID, otherTeam}}, true},
		{Vendors{Teams: []string{otherTeam}}, true},
		{Vendors{All: true}, true},
	} {
		if got := tc.vendors.othersInFull(); got != tc.want {
			t.Errorf("%+v: %v", tc.vendors, got)
		}
	}
}

// Ignore switches: the first developer of the list, too, can be announced again.
func TestIgnoreIsASwitch(t *testing.T) {
	const a, b = probe.ParallelsTeamID, otherTeam
	var m Memory
	for _, tc := range []struct {
		team string
		want []string
	}{{a, []string{a}}, {b, []string{a, b}}, {a, []string{b}}, {b, nil}} {
		if m = m.Ignore(tc.team); !slices.Equal(m.Ignored, tc.want) {
			t.Fatalf("after %s: %q, want %q", tc.team, m.Ignored, tc.want)
		}
	}
}

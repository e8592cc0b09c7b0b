package approval

import (
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

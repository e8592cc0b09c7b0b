package policy

import (
	"os"
	"testing"
	"time"

	"kextwatch/probe"
)

// The agent reads the files of earlier readers: an installed reader stays in place
// when the program is replaced.
func TestReadsWhatEarlierReadersPublished(t *testing.T) {
	data, err := os.ReadFile("testdata/saved/policy-1.plist")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := decodePublication(data)
	if err != nil {
		t.Fatal(err)
	}
	policy := pub.policy(timeOf(pub.ReadAt))
	if len(policy.Rows) != 4 || len(policy.History) != 6 || len(policy.MDM) != 0 {
		t.Fatalf("%d rows, %d load records, %d rows by MDM, want 4, 6 and 0", len(policy.Rows), len(policy.History), len(policy.MDM))
	}
	row := policy.Rows[0]
	if row.TeamID != probe.ParallelsTeamID || row.BundleID != "com.parallels.kext.hypervisor" || row.Allowed {
		t.Errorf("the first row is %+v", row)
	}
	if got, want := policy.History[2].LastSeen, time.Date(2026, 11, 1, 10, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the last attempt was at %v, want %v", got, want)
	}
	if want := time.Date(2026, 11, 29, 2, 21, 8, 0, time.UTC); !policy.ReadAt.Truncate(time.Second).Equal(want) {
		t.Errorf("read at %v, want %v", policy.ReadAt, want)
	}
}

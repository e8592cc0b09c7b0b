package probe_test

import (
	"testing"

	"kextwatch/probe"
)

// What makes the log worth a process, and a tool worth a query: on any processor, for
// any vendor but Apple. Parallels Desktop uses no kexts on Apple silicon.
func TestWhatMatters(t *testing.T) {
	const parallels, other, apple = probe.ParallelsKextPrefix + "vnic", "io.macfuse.filesystems.macfuse.25", "com.apple.nke.rvi"
	const highPoint = "com.highpoint-tech.kext.HighPointRR"
	row := func(row probe.PolicyRow) *probe.Policy { return &probe.Policy{Rows: []probe.PolicyRow{row}} }
	disk := func(id string) probe.Snapshot { return probe.Snapshot{Kexts: []probe.Kext{{BundleID: id}}} }
	policy := func(p *probe.Policy) probe.Snapshot { return probe.Snapshot{Policy: p} }
	type want struct{ expects, matters bool }
	all, decided, none := want{true, true}, want{false, true}, want{}
	for name, c := range map[string]struct {
		snap           probe.Snapshot
		intel, silicon want
	}{
		"nothing":                    {probe.Snapshot{}, none, none},
		"Parallels without kexts":    {probe.Snapshot{Apps: []probe.App{{TeamID: probe.ParallelsTeamID}}, Policy: &probe.Policy{}}, none, none},
		"on the disk":                {disk(other), all, all},
		"on the disk, of Parallels":  {disk(parallels), all, none},
		"on the disk, of Apple":      {disk(apple), none, none},
		"on the disk, of HighPoint":  {disk(highPoint), none, none},
		"blocked, of HighPoint":      {policy(row(probe.PolicyRow{BundleID: highPoint})), all, all},
		"allowed, of HighPoint":      {policy(row(probe.PolicyRow{BundleID: highPoint, Allowed: true})), none, none},
		"a folder cannot be read":    {probe.Snapshot{Gaps: []probe.Gap{{Source: probe.FactKextsOnDisk}}}, all, all},
		"another fact is missing":    {probe.Snapshot{Gaps: []probe.Gap{{Source: probe.FactParallels}}}, none, none},
		"recorded":                   {policy(&probe.Policy{History: []probe.LoadRecord{{BundleID: other}}}), all, all},
		"recorded, of Apple":         {policy(&probe.Policy{History: []probe.LoadRecord{{BundleID: apple}}}), none, none},
		"pending":                    {policy(row(probe.PolicyRow{BundleID: other, Pending: probe.Yes})), all, all},
		"pending, of Parallels":      {policy(row(probe.PolicyRow{BundleID: parallels, Pending: probe.Yes})), all, none},
		"pending, of Apple":          {policy(row(probe.PolicyRow{BundleID: apple, Pending: probe.Yes})), none, none},
		"a pending upgrade":          {policy(row(probe.PolicyRow{BundleID: other, Allowed: true, Pending: probe.No, PendingUpgrade: probe.Yes})), all, all},
		"blocked, pending not read":  {policy(row(probe.PolicyRow{BundleID: other})), all, all},
		"blocked, not pending":       {policy(row(probe.PolicyRow{BundleID: other, Pending: probe.No})), decided, decided},
		"allowed":                    {policy(row(probe.PolicyRow{BundleID: other, Allowed: true})), decided, decided},
		"allowed, unsigned":          {policy(row(probe.PolicyRow{BundleID: "com.applesomething", Allowed: true})), decided, decided},
		"MDM, one kext":              {policy(&probe.Policy{MDM: []probe.MDMRow{{TeamID: "3T5GSNBU6W", BundleID: other}}}), decided, decided},
		"MDM, a team":                {policy(&probe.Policy{MDM: []probe.MDMRow{{TeamID: "3T5GSNBU6W"}}}), decided, decided},
		"MDM, the team of Parallels": {policy(&probe.Policy{MDM: []probe.MDMRow{{TeamID: probe.ParallelsTeamID}}}), decided, none},
	} {
		for arch, want := range map[probe.Arch]want{probe.Intel: c.intel, probe.AppleSilicon: c.silicon} {
			c.snap.Mac.Arch = arch
			if got := c.snap.ExpectsLoads(); got != want.expects {
				t.Errorf("%s, %s: expects loads: %v", name, arch, got)
			}
			if got := c.snap.AnyMatters(); got != want.matters {
				t.Errorf("%s, %s: any matters: %v", name, arch, got)
			}
		}
	}
}

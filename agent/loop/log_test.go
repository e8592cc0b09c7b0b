package loop

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
)

// The log is followed where no source tells the times of attempts and macOS may load or
// refuse a kext of any vendor, on any processor. Otherwise it is followed only while an
// attempt is not answered: with the database or the reader, an idle Mac runs no process.
func TestWhenTheLogIsFollowed(t *testing.T) {
	row := func(allowed bool, pending probe.Answer) func(*probe.Snapshot) {
		return func(s *probe.Snapshot) {
			if s.Policy != nil {
				s.Policy.Rows = []probe.PolicyRow{{TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Allowed: allowed, Pending: pending}}
			}
		}
	}
	disk := func(team, bundle string) func(*probe.Snapshot) {
		return func(s *probe.Snapshot) { s.Kexts = []probe.Kext{{TeamID: team, BundleID: bundle}} }
	}
	sources := map[string]*probe.Policy{
		"database":               {Source: probe.Database},
		"reader":                 {Source: probe.Reader},
		"database, another form": {Source: probe.Database, HistoryErr: "the column last_seen is missing"},
		"framework":              {Source: probe.Framework},
		"none":                   nil,
	}
	const (
		never      = ""
		anywhere   = "x86_64 arm64"
		rowsNeeded = "x86_64 arm64, not without a policy"
	)
	for name, c := range map[string]struct {
		there func(*probe.Snapshot)
		want  string // the processors on which the log is followed if no source tells the times
	}{
		"nothing":                     {func(*probe.Snapshot) {}, never},
		"Parallels without kexts":     {func(s *probe.Snapshot) { s.Apps = []probe.App{{TeamID: probe.ParallelsTeamID}} }, never},
		"Parallels":                   {disk(probe.ParallelsTeamID, "com.parallels.kext.vnic"), "x86_64"},
		"another vendor":              {disk("VB5E2TV963", "org.virtualbox.kext.VBoxDrv"), anywhere},
		"a vendor whose team unknown": {disk("", "org.virtualbox.kext.VBoxDrv"), anywhere},
		"only Apple's":                {disk("", "com.apple.nke.rvi"), never},
		"a folder cannot be read":     {func(s *probe.Snapshot) { s.Gaps = []probe.Gap{{Source: probe.FactKextsOnDisk}} }, anywhere},
		"pending":                     {row(false, probe.Yes), rowsNeeded},
		"pending is unknown":          {row(false, ""), rowsNeeded},
		"blocked, not pending":        {row(false, probe.No), never},
		"allowed, nothing on disk":    {row(true, probe.No), never},
	} {
		for source, policy := range sources {
			for _, arch := range []probe.Arch{probe.Intel, probe.AppleSilicon} {
				snap := probe.Snapshot{Mac: probe.Mac{Arch: arch}}
				if policy != nil {
					own := *policy
					snap.Policy = &own
				}
				c.there(&snap)
				timed := source == "database" || source == "reader"
				want := !timed && (c.want == anywhere || c.want == string(arch) || c.want == rowsNeeded && policy != nil)
				for _, asking := range []bool{false, true} {
					log := &ordinaryLog{}
					l := Loop{edges: Edges{Log: log}}
					l.followLog(snap, asking)
					if log.followed != (want || asking) {
						t.Errorf("%s, %s, %s, asking %v: followed %v", name, source, arch, asking, log.followed)
					}
				}
			}
		}
	}
}

// A database that is just being written tells times in a moment: the log is neither
// followed for that moment nor given up.
func TestBusyDatabaseStartsNoLog(t *testing.T) {
	for _, followed := range []bool{false, true} {
		t.Run(fmt.Sprint(followed), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				log := &ordinaryLog{hints: make(chan probe.Hint, 1)}
				d := newBubble()
				if followed {
					d.change(func(s *probe.Snapshot) { s.Policy.Source = probe.Framework })
				}
				edges := d.edges()
				edges.Log = log
				defer d.run(t, New(edges, open(t, dir), d.set))()
				if log.wanted() != followed {
					t.Fatalf("followed %v", log.wanted())
				}
				d.readNothing(probe.Busy)
				d.hint(settled)
				time.Sleep(busyFor / 2)
				if log.wanted() != followed {
					t.Errorf("for a moment: followed %v", log.wanted())
				}
				time.Sleep(busyFor)
				if !log.wanted() {
					t.Error("busy for long, and not followed")
				}
			})
		})
	}
}

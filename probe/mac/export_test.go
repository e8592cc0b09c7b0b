package mac

import (
	"context"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// whole calls read until no query runs any more, as Snapshot does. snap has the
// facts that read depends on.
func (p *Prober) whole(ctx context.Context, now time.Time, how Options, snap probe.Snapshot, read func(*shot)) probe.Snapshot {
	for {
		p.queries.collect()
		s := newShot(ctx, p.mac, now, how, &p.queries)
		s.snap = snap
		p.freshWanted = p.freshWanted || how.Fresh
		read(s)
		how.Fresh = false
		if !s.snap.Pending || ctx.Err() != nil {
			p.Wait()
			p.freshWanted = false
			return s.snap
		}
		<-p.Answers()
	}
}

// For tests in package mac_test, which use a simulated Mac.
var ReadMachines = readMachines

// NewPatientProber returns a Prober that waits for the search for kexts as long as a busy
// machine needs. Until it has ended, an extension may be there, and more tools start.
func NewPatientProber(m root.FS) *Prober {
	p := NewProber(m)
	p.kexts.wait = mactest.Patience
	return p
}

// readMachines reads the virtual machines of a Mac.
func readMachines(ctx context.Context, m root.FS, app *probe.App, os probe.OSVersion) (probe.Machines, []probe.Gap) {
	p, snap := NewProber(m), probe.Snapshot{Mac: probe.Mac{OS: os}}
	if app != nil {
		snap.Apps = []probe.App{*app}
	}
	snap = p.whole(ctx, time.Now(), Options{}, snap, p.readMachines)
	snap.Machines.ReadAt = time.Time{} // the tests compare what was read
	return snap.Machines, snap.Gaps
}

// ReadEnforcement reads the enforcement of a Mac with Parallels and without a
// policy.
func ReadEnforcement(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Enforcement, []probe.Gap) {
	p := NewProber(m)
	snap := p.whole(ctx, time.Now(), Options{}, probe.Snapshot{Mac: probe.Mac{OS: os}, Apps: []probe.App{{}}}, p.readEnforcement)
	return snap.Enforcement, snap.Gaps
}

// readSituation reads the situation of a Mac.
func readSituation(t testing.TB, m root.FS, os probe.OSVersion) (probe.Situation, []probe.Gap) {
	p := NewProber(m)
	snap := p.whole(t.Context(), time.Now(), Options{Fresh: true}, probe.Snapshot{Mac: probe.Mac{OS: os}}, p.readSituation)
	return snap.Situation, snap.Gaps
}

// readProfile reads the profile of a Mac: from the file, or from the tool.
func readProfile(ctx context.Context, m root.FS, os probe.OSVersion) (probe.KextProfile, []probe.Gap) {
	p := NewProber(m)
	snap := p.whole(ctx, time.Now(), Options{}, probe.Snapshot{}, func(s *shot) { p.readProfile(s, 0, os) })
	return snap.Enforcement.Profile, snap.Gaps
}

// findKexts returns the kexts of a Mac after one search.
func findKexts(m root.FS, infos *bundleInfos, app *probe.App, policy *probe.Policy) ([]probe.Kext, []probe.Gap) {
	place := ""
	if app != nil {
		place = app.Path
	}
	found := (&kextSearcher{mac: m}).search(context.Background(), kextApps(policy, place, m.Reads))
	return gatherKexts(m, infos, app, policy, found)
}

package mac

import (
	"regexp"
	"slices"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// What is known of updates lies in these files, written through cfprefsd: they
// may lag behind a little. The managed one holds what a configuration profile
// forces.

// updateFiles are the files that updates reads.
var updateFiles = []string{probe.InstallHistory, probe.SoftwareUpdateSettings, probe.ManagedSoftwareUpdateSettings, probe.TimeMachineSettings}

// readUpdates reads what is known of updates and backups at now; what the files
// date later has not happened yet. An absent file tells nothing and is no gap.
func readUpdates(m root.FS, now time.Time) (probe.Updates, []probe.Gap) {
	var u probe.Updates
	var gaps []probe.Gap
	unless := func(source probe.Fact, err error, next string) {
		if err != nil && !root.NotExist(err) {
			gaps = append(gaps, probe.NewGap(source, err, next))
		}
	}
	var err error
	u.Installed, err = readInstallHistory(m, now)
	unless(probe.FactUpdateHistory, err, "Look at System Information > Software > Installations instead.")
	u.Offered, err = readOffers(m)
	u.OffersRead = err == nil
	unless(probe.FactOfferedUpdates, err, "Look at Software Update yourself.")
	unless(probe.FactUpdateSettings, readSwitches(m, &u), "Look at Software Update yourself.")
	u.Backup, err = readBackup(m, now)
	unless(probe.FactBackup, err, "Look at Time Machine yourself, or give kextwatch Full Disk Access.")
	return u, gaps
}

// updatesMemory is what the last look at the updates found.
type updatesMemory struct {
	read    bool
	stamps  []root.Stamp
	updates probe.Updates
	gaps    []probe.Gap
}

// lookAtUpdates reads the files anew only when one of them has changed.
func (p *Prober) lookAtUpdates(fresh bool, now time.Time) (probe.Updates, []probe.Gap) {
	stamps := p.mac.StampsOf(updateFiles)
	if m := p.updates; m.read && !fresh && slices.Equal(m.stamps, stamps) {
		return m.updates, m.gaps
	}
	u, gaps := readUpdates(p.mac, now)
	p.updates = updatesMemory{read: true, stamps: stamps, updates: u, gaps: gaps}
	return u, gaps
}

// versionForm finds a version of macOS in a name: "10.15.7", "11", "26.3.1".
var versionForm = regexp.MustCompile(`(?:^| )((?:10\.[0-9]{1,2}|1[1-9]|[2-9][0-9])(?:\.[0-9]{1,2}){0,3})(?:$|[ (])`)

// versionIn is the first version of macOS that one of the texts names, the
// texts tried in order; empty: none does.
func versionIn(texts ...string) string {
	for _, text := range texts {
		if form := versionForm.FindStringSubmatch(text); form != nil {
			return form[1]
		}
	}
	return ""
}

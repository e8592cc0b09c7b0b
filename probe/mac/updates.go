package mac

import (
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// updateFiles are the files that updatesIn reads. macOS writes the settings
// through cfprefsd, so they may lag behind a little. The managed settings hold
// what a configuration profile forces.
var updateFiles = [...]string{probe.InstallHistory, probe.SoftwareUpdateSettings, probe.ManagedSoftwareUpdateSettings, probe.TimeMachineSettings}

// updatesIn reads the updates and backups until now. Entries with a later date
// are ignored. A missing file is not a gap.
func updatesIn(m root.FS, now time.Time) (probe.Updates, []probe.Gap) {
	var u probe.Updates
	var gaps []probe.Gap
	addGap := func(source probe.Fact, err error, next string) {
		if err != nil && !root.NotExist(err) {
			gaps = append(gaps, probe.NewGap(source, err, next))
		}
	}
	var err error
	u.Installed, err = readInstallHistory(m, now)
	addGap(probe.FactUpdateHistory, err, "Look at System Information > Software > Installations instead.")
	u.Offered, err = readOffers(m)
	u.OffersRead = err == nil
	addGap(probe.FactOfferedUpdates, err, "Look at Software Update yourself.")
	addGap(probe.FactUpdateSettings, readSwitches(m, &u), "Look at Software Update yourself.")
	u.Backup, err = readBackup(m, now)
	addGap(probe.FactBackup, err, "Look at Time Machine yourself, or give kextwatch Full Disk Access.")
	return u, gaps
}

// updateStamps are the stamps of updateFiles.
type updateStamps [len(updateFiles)]root.Stamp

// readUpdates reads the files again only when one of them has changed.
func (p *Prober) readUpdates(s *shot) {
	all, _ := s.mac.Stamps(updateFiles[:]...)
	stamps := updateStamps(all)
	if !p.updates.has(stamps) || s.how.Fresh {
		u, gaps := updatesIn(s.mac, s.now)
		p.updates.set(stamps, u, gaps)
	}
	s.snap.Updates = p.updates.value
	s.missing(p.updates.gaps...)
}

var (
	// versionForm finds a version of macOS in a name: "10.15.7", "11", "26.3.1". Up to
	// macOS 10.15 the name is in the language of the user: "10.15.7-uppdatering".
	versionForm = probe.Form{Expr: `(?:^|[^0-9A-Za-z.-])((?:10\.[0-9]{1,2}|1[1-9]|[2-9][0-9])(?:\.[0-9]{1,2}){0,3})(?:$|[^0-9A-Za-z.])`}

	// macOSForm matches a name of macOS itself, in any language: "Mise à jour macOS
	// Catalina 10.15.7". In brackets it is what something else is for: "Command Line
	// Tools (macOS Mojave version 10.14) for Xcode".
	macOSForm = probe.Form{Expr: `(?:^|[^0-9A-Za-z(])(?:macOS|OS X)(?:$|[^0-9A-Za-z])`}
)

// versionIn returns the first version of macOS in the texts, or "" if there is
// none. It tries the texts in order.
func versionIn(texts ...string) string {
	for _, text := range texts {
		if form := versionForm.FindStringSubmatch(text); form != nil {
			return form[1]
		}
	}
	return ""
}

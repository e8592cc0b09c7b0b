package mac

import (
	"context"
	"slices"
	"sync"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const situationAge = time.Minute // while a window is open, a snapshot is taken every 15 s

// situationLimit is the time limit for all tools together, because an alert
// waits for them. It is a variable for the tests.
var situationLimit = 5 * time.Second

// readSituation reads what is going on at the Mac now. It queries up to five
// tools at once. systemextensionsctl is queried only if macOS's own list of
// system extensions cannot be read.
func readSituation(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Situation, []probe.Gap) {
	ctx, cancel := context.WithTimeoutCause(ctx, situationLimit, tool.ErrTimeout)
	defer cancel()
	s := probe.Situation{Asked: true, UID: m.UID}
	var (
		programs                                        []process
		shared                                          bool
		noPrograms, noNetwork, noAdmin, noLock, noSysex error
		queries                                         sync.WaitGroup
	)
	queries.Go(func() { programs, noPrograms = readProcesses(ctx, m) })
	queries.Go(func() { shared, noNetwork = readScreenShared(ctx, m) })
	queries.Go(func() { s.Admin, noAdmin = readAdmin(ctx, m) })
	queries.Go(func() { s.Locked, noLock = readLocked(ctx, m) })
	queries.Go(func() { s.Extensions, noSysex = readSystemExtensions(ctx, m, os) })
	var noConsole error
	s.ConsoleUID, noConsole = readConsoleUID(m)
	queries.Wait()

	if shared {
		s.Remote = append(s.Remote, "a connection to screen sharing")
	}
	if noPrograms == nil {
		atHand := func(p process) bool { return p.uid == 0 || p.uid == m.UID || p.uid == s.ConsoleUID }
		s.Remote = append(s.Remote, remoteSigns(programs)...)
		s.InputTools = running(inputTools, programs, atHand)
		s.PaneOpen = paneOpen(programs, os, atHand)
		s.Service = probe.AnswerOf(runs(programs, parallelsService, anybody))
		s.LoginAt = loginAt(programs, m.UID, time.Now()) // ps reports ages at this moment, not at the time of the snapshot
	}

	var gaps []probe.Gap
	addGap := func(source probe.Fact, err error, command string) {
		if err != nil {
			gaps = append(gaps, tool.Gap(source, err, command))
		}
	}
	addGap(probe.FactPrograms, noPrograms, "ps -axo uid,etime,comm")
	addGap(probe.FactNetwork, noNetwork, "netstat -an -p tcp")
	addGap(probe.FactConsoleUser, noConsole, "ls -l "+probe.ConsoleDevice)
	addGap(probe.FactScreenLock, noLock, "ioreg -n Root -d1 -a")
	addGap(probe.FactAdmin, noAdmin, "id -G")
	addGap(probe.FactSystemExtensions, noSysex, "systemextensionsctl list")
	return s, gaps
}

// parallelsService is the process of Parallels that loads its kexts.
const parallelsService = "prl_disp_service"

// cachedSituation queries only while a user may have to click Allow, or for a
// fresh snapshot, because a query starts several processes. The disk of another
// Mac has no situation.
func (p *Prober) cachedSituation(ctx context.Context, snap probe.Snapshot, fresh bool, now time.Time) (probe.Situation, []probe.Gap) {
	if p.mac.NoTools || snap.Mac.Arch == probe.AppleSilicon && !p.allVendors || !fresh && !p.waitsForAllow(snap) {
		p.situation.clear()
		return probe.Situation{}, nil
	}
	age := now.Sub(p.situationAt)
	if c := p.situation; c.valid && !fresh && age >= 0 && age < situationAge {
		return c.value, c.gaps
	}
	s, gaps := readSituation(ctx, p.mac, snap.Mac.OS)
	p.situation.setUnlessEnded(ctx, struct{}{}, s, gaps)
	p.situationAt = now
	return s, gaps
}

// waitsForAllow reports whether a watched kext is blocked and not loaded.
func (p *Prober) waitsForAllow(snap probe.Snapshot) bool {
	return snap.Policy != nil && slices.ContainsFunc(snap.Policy.Rows, func(row probe.PolicyRow) bool {
		return !row.Allowed && p.watched(row.TeamID, row.BundleID) &&
			!slices.ContainsFunc(snap.Loaded.Kexts, func(k probe.LoadedKext) bool { return k.BundleID == row.BundleID })
	})
}

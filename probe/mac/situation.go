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

const situationAge = time.Minute // while a window is open, a look comes every 15 s

// situationLimit is for all the tools together: an alert waits for them. A
// variable only so that the tests need not wait.
var situationLimit = 5 * time.Second

// readSituation looks at what is going on at the Mac. Five tools are asked at
// once; the last of them only where macOS's own list of system extensions
// cannot be read.
func readSituation(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Situation, []probe.Gap) {
	ctx, cancel := context.WithTimeoutCause(ctx, situationLimit, tool.ErrTimeout)
	defer cancel()
	s := probe.Situation{Asked: true, UID: m.UID}
	var (
		programs                                        []process
		shared                                          bool
		noPrograms, noNetwork, noAdmin, noLock, noSysex error
		asked                                           sync.WaitGroup
	)
	asked.Go(func() { programs, noPrograms = readProcesses(ctx, m) })
	asked.Go(func() { shared, noNetwork = readScreenShared(ctx, m) })
	asked.Go(func() { s.Admin, noAdmin = readAdmin(ctx, m) })
	asked.Go(func() { s.Locked, noLock = readLocked(ctx, m) })
	asked.Go(func() { s.Extensions, noSysex = readSystemExtensions(ctx, m, os) })
	var noConsole error
	s.ConsoleUID, noConsole = readConsoleUID(m)
	asked.Wait()

	if shared {
		s.Remote = append(s.Remote, "a connection to screen sharing")
	}
	if noPrograms == nil {
		atHand := func(p process) bool { return p.uid == 0 || p.uid == m.UID || p.uid == s.ConsoleUID }
		s.Remote = append(s.Remote, remoteSigns(programs)...)
		s.InputTools = running(inputTools, programs, atHand)
		s.PaneOpen = paneOpen(programs, os, atHand)
		s.Service = probe.AnswerOf(runs(programs, parallelsService, anybody))
		s.LoginAt = loginAt(programs, m.UID, time.Now()) // what ps says is of now, whatever moment is judged
	}

	var gaps []probe.Gap
	unless := func(source probe.Fact, err error, command string) {
		if err != nil {
			gaps = append(gaps, tool.Gap(source, err, command))
		}
	}
	unless(probe.FactPrograms, noPrograms, "ps -axo uid,etime,comm")
	unless(probe.FactNetwork, noNetwork, "netstat -an -p tcp")
	unless(probe.FactConsoleUser, noConsole, "ls -l "+probe.ConsoleDevice)
	unless(probe.FactScreenLock, noLock, "ioreg -n Root -d1 -a")
	unless(probe.FactAdmin, noAdmin, "id -G")
	unless(probe.FactSystemExtensions, noSysex, "systemextensionsctl list")
	return s, gaps
}

// parallelsService is the part of Parallels that loads the kernel extensions.
const parallelsService = "prl_disp_service"

// situationMemory is what the last look at the situation found.
type situationMemory struct {
	at        time.Time // zero: there was none
	situation probe.Situation
	gaps      []probe.Gap
}

// lookAtSituation looks only while somebody may have to click on Allow, or
// when asked to look afresh: it costs several processes. Of another Mac's disk
// there is no situation.
func (p *Prober) lookAtSituation(ctx context.Context, snap probe.Snapshot, fresh bool, now time.Time) (probe.Situation, []probe.Gap) {
	if p.mac.NoTools || snap.Mac.Arch == probe.AppleSilicon && !p.others || !fresh && !p.waitsForAllow(snap) {
		p.situation = situationMemory{}
		return probe.Situation{}, nil
	}
	age := now.Sub(p.situation.at)
	if m := p.situation; !fresh && !m.at.IsZero() && age >= 0 && age < situationAge {
		return m.situation, m.gaps
	}
	s, gaps := readSituation(ctx, p.mac, snap.Mac.OS)
	p.situation = situationMemory{}
	if ctx.Err() == nil {
		p.situation = situationMemory{at: now, situation: s, gaps: gaps}
	}
	return s, gaps
}

// waitsForAllow reports whether a watched extension is refused and not loaded.
func (p *Prober) waitsForAllow(snap probe.Snapshot) bool {
	return snap.Policy != nil && slices.ContainsFunc(snap.Policy.Rows, func(row probe.PolicyRow) bool {
		return !row.Allowed && p.concerns(row.TeamID, row.BundleID) &&
			!slices.ContainsFunc(snap.Loaded.Kexts, func(k probe.LoadedKext) bool { return k.BundleID == row.BundleID })
	})
}

package mac

import (
	"context"
	"slices"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/tool"
)

// situationAge is how long an answer is good. While a window is open, a snapshot
// is taken every 15 s. After a change of a file, a window may have opened: then an
// answer is good only for a burst of changes.
const (
	situationAge = time.Minute
	burstAge     = 5 * time.Second
)

// situationQueries tell what is going on at the Mac now, one query for each tool.
type situationQueries struct {
	programs   query[struct{}, programList]
	shared     query[struct{}, bool]
	admin      query[struct{}, probe.Answer]
	locked     query[struct{}, probe.Answer]
	extensions query[struct{}, []probe.SystemExtension]
}

func (q *situationQueries) clear() {
	q.programs.clear()
	q.clearOthers()
}

// clearOthers clears all but the programs.
func (q *situationQueries) clearOthers() {
	q.shared.clear()
	q.admin.clear()
	q.locked.clear()
	q.extensions.clear()
}

// programList has the running programs, and when ps listed them.
type programList struct {
	list []process
	at   time.Time // in the clock of the snapshots
	real time.Time // in the clock of this machine, in which the user logged in
}

// The processes of Parallels Desktop.
const (
	parallelsClient  = "prl_client_app"
	parallelsService = "prl_disp_service" // loads its kexts
)

// readSituation queries only while a user may have to click Allow, or for a fresh
// snapshot, because a query starts several processes. If Parallels may run without
// its kexts, only the running programs are queried. On Apple silicon where no kext
// matters, a fresh snapshot has only the system extensions: any product may have them.
// The disk of another Mac has no situation.
func (p *Prober) readSituation(s *shot) {
	noneWaits := s.snap.Mac.Arch == probe.AppleSilicon && !s.snap.AnyMatters()
	whole := p.freshWanted || !noneWaits && waitsForAllow(s.snap, s.now)
	if p.mac.NoTools || !whole && (noneWaits || !lacksKexts(s.snap)) {
		p.situation.clear()
		return
	}
	m, os, q := p.mac, s.snap.Mac.OS, &p.situation
	if whole {
		s.snap.Situation.ExtensionsAsked = true
		s.snap.Situation.Extensions = situationFact(s, &q.extensions, probe.FactSystemExtensions, "systemextensionsctl list", func(ctx context.Context) ([]probe.SystemExtension, error) {
			return readSystemExtensions(ctx, m, os)
		})
	}
	if noneWaits {
		return
	}
	asked := s.now
	programs := situationFact(s, &q.programs, probe.FactPrograms, "ps -axo uid,etime,comm", func(ctx context.Context) (programList, error) {
		began := time.Now()
		list, err := readProcesses(ctx, m)
		return programList{list, asked.Add(time.Since(began)), time.Now()}, err
	})
	s.snap.Situation.ParallelsSince = parallelsSince(programs.list, programs.at)
	if !whole {
		q.clearOthers()
		return
	}
	now := s.snap.Situation
	now.Asked, now.UID = true, m.UID
	var noConsole error
	now.ConsoleUID, noConsole = readConsoleUID(m)
	now.NobodyHere = now.ConsoleUID == 0 && !madeByRoot(m)
	if noConsole != nil {
		s.missing(tool.Gap(probe.FactConsoleUser, noConsole, "ls -l "+probe.ConsoleDevice))
	}
	if situationFact(s, &q.shared, probe.FactNetwork, "netstat -an -p tcp", func(ctx context.Context) (bool, error) { return readScreenShared(ctx, m) }) {
		now.Remote = append(now.Remote, "a connection to screen sharing")
	}
	now.Admin = situationFact(s, &q.admin, probe.FactAdmin, "id -G", func(ctx context.Context) (probe.Answer, error) { return readAdmin(ctx, m) })
	now.Locked = situationFact(s, &q.locked, probe.FactScreenLock, "ioreg -n Root -d1 -a", func(ctx context.Context) (probe.Answer, error) { return readLocked(ctx, m) })
	if len(programs.list) > 0 {
		atHand := func(p process) bool { return p.uid == 0 || p.uid == m.UID || p.uid == now.ConsoleUID }
		now.Remote = append(now.Remote, remoteSigns(programs.list)...)
		now.InputTools = running(inputTools, programs.list, atHand)
		now.PaneOpen = paneOpen(programs.list, os, atHand)
		now.Service = probe.AnswerOf(runs(programs.list, parallelsService, anybody))
		if login := loginAt(programs.list, m.UID, programs.real); !login.After(s.now) { // else the clock was corrected
			now.LoginAt = login
		}
	}
	s.snap.Situation = now
}

// situationFact returns the answer of one tool. command shows the user the problem.
func situationFact[T any](s *shot, q *query[struct{}, T], fact probe.Fact, command string, read func(context.Context) (T, error)) T {
	good := situationAge
	if s.how.Changed {
		good = burstAge
	}
	q.stale = q.stale || q.valid && !q.running && q.age(s.now) >= good
	value, gaps := answer(s, q, struct{}{}, []probe.Fact{fact}, func(ctx context.Context) (T, []probe.Gap) {
		value, err := read(ctx)
		if err != nil {
			return value, []probe.Gap{tool.Gap(fact, err, command)}
		}
		return value, nil
	})
	s.missing(gaps...)
	return value
}

// allowFor is how long macOS keeps the Allow button after a load attempt (TN2459).
const allowFor = 30 * time.Minute

// waitsForAllow reports whether a kext that matters is blocked and not loaded. macOS
// never deletes a row, so one counts only while its kext may be here: it is on the disk,
// waits in the pane, or something tried to load it lately.
func waitsForAllow(snap probe.Snapshot, now time.Time) bool {
	if snap.Policy == nil {
		return false
	}
	here, loaded := map[string]bool{}, map[string]bool{}
	for _, k := range snap.Kexts {
		here[k.BundleID] = true
	}
	for _, r := range snap.Policy.History {
		here[r.BundleID] = here[r.BundleID] || now.Sub(r.LastSeen) <= allowFor
	}
	for _, a := range snap.Attempts {
		here[a.BundleID] = here[a.BundleID] || now.Sub(a.At) <= allowFor
	}
	for _, k := range snap.Loaded.Kexts {
		loaded[k.BundleID] = true
	}
	unclear := probe.KextsUnread(snap.Gaps)
	return slices.ContainsFunc(snap.Policy.Rows, func(row probe.PolicyRow) bool {
		waits := row.Pending == probe.Yes || row.Pending == "" && !snap.Policy.TellsTimes()
		return !row.Allowed && (waits || unclear || here[row.BundleID]) && !loaded[row.BundleID] && snap.Matters(row.TeamID, row.BundleID)
	})
}

// lacksKexts reports whether Parallels Desktop may run although none of its allowed
// kexts is loaded. Up to macOS 10.15 it always needs them.
func lacksKexts(snap probe.Snapshot) bool {
	return snap.Mac.OS.Known() && !snap.Mac.OS.AtLeast(11, 0) && parallelsApp(snap) != nil &&
		!loadsDesktop(snap.Loaded) &&
		slices.ContainsFunc(snap.Kexts, func(k probe.Kext) bool {
			return fromParallels(k.TeamID, k.BundleID) && allowedNotLoaded(snap, k)
		})
}

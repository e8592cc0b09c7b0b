package loop

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// ordinaryLog is a unified log that reports attempts while it is followed.
type ordinaryLog struct {
	noLog
	mu       sync.Mutex
	followed bool
	hints    chan probe.Hint
	attempts []probe.Attempt
}

func (l *ordinaryLog) Hints() <-chan probe.Hint { return l.hints }

func (l *ordinaryLog) Want(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.followed = on
}

func (l *ordinaryLog) Attempts() []probe.Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.attempts)
}

func (l *ordinaryLog) wanted() bool {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.followed
}

func (l *ordinaryLog) report(outcome probe.Outcome) {
	l.mu.Lock()
	if l.followed {
		l.attempts = append(l.attempts, probe.Attempt{At: time.Now().UTC().Truncate(time.Second), TeamID: probe.ParallelsTeamID, BundleID: ordinaryKext, From: probe.FromLog, Outcome: outcome})
	}
	l.mu.Unlock()
	l.hints <- settled
	synctest.Wait()
}

const ordinaryKext = "com.parallels.kext.hypervisor"

// An ordinary week passes without an alert, with every policy source: a virtual machine
// is used on each day, tools are slow, the Mac sleeps, the files are touched, and
// kextwatch starts again. Between these, an idle Mac is polled rarely, and its log is
// followed only where no other source tells when a load was tried.
func TestLoopOnAnOrdinaryWeek(t *testing.T) {
	for _, macOS := range []string{"10.15.7", "11.7.10", "12.7.6", "14.6.1"} {
		for _, source := range []probe.SourceName{probe.Database, probe.Reader, probe.Framework} {
			t.Run(fmt.Sprint(macOS, " ", source), func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) { ordinaryWeek(t, dir, macOS, source) })
			})
		}
	}
}

func ordinaryWeek(t *testing.T, dir, macOS string, source probe.SourceName) {
	log := &ordinaryLog{hints: make(chan probe.Hint, 1)}
	d := newBubble()
	start := func() (stop func()) {
		edges := d.edges()
		edges.Log = log
		return d.run(t, New(edges, open(t, dir), d.set))
	}
	parallels := map[string]string{"10.15.7": "15.1.5", "11.7.10": "16.5.2", "12.7.6": "17.1.7", "14.6.1": "19.4.3"}[macOS]
	read := func(s *probe.Snapshot) {
		s.Loaded.ReadAt, s.Machines.ReadAt, s.Policy.ReadAt = time.Now(), time.Now(), time.Now()
	}
	used := func(seen time.Time) func(s *probe.Snapshot) {
		return func(s *probe.Snapshot) {
			read(s)
			if source.TellsTimes() {
				s.Policy.History = []probe.LoadRecord{{TeamID: probe.ParallelsTeamID, BundleID: ordinaryKext, LastSeen: seen.UTC().Truncate(time.Second)}}
			}
		}
	}
	machine := func(state probe.VMState, loaded bool) func(s *probe.Snapshot) {
		return func(s *probe.Snapshot) {
			read(s)
			s.Machines = probe.Machines{Known: true, From: "prlctl", Kextless: probe.Yes, ReadAt: time.Now(), List: []probe.VM{{Name: "Windows", State: state, Hypervisor: probe.ParallelsHypervisor}}}
			s.Loaded.Kexts = nil
			if loaded {
				s.Loaded.Kexts = []probe.LoadedKext{{BundleID: ordinaryKext, Version: parallels + " 1"}}
			}
		}
	}
	d.change(func(s *probe.Snapshot) {
		s.Mac.OS.Version, s.Mac.BootedAt = macOS, time.Now().Add(-time.Hour)
		s.Policy.Source, s.Sources = source, []probe.Source{{Name: source, State: probe.OK}}
		s.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: ordinaryKext, Developer: "Parallels International GmbH", Allowed: true}}
		s.Apps[0].Version, s.Apps[0].Build, s.Kexts[0].Version = parallels, "1", parallels+" 1"
		machine(probe.VMStopped, false)(s)
		used(time.Now().Add(-48 * time.Hour))(s)
	})
	stop := start()
	defer func() { stop() }()
	idle := func(when string, long time.Duration) {
		t.Helper()
		d.change(read)
		polls := d.now().polls
		time.Sleep(long)
		if polled := d.now().polls - polls; polled > 2 {
			t.Errorf("%s: %d polls in %v", when, polled, long)
		}
		if follows := !source.TellsTimes(); log.wanted() != follows {
			t.Errorf("%s: the log is followed: %v, want %v", when, log.wanted(), follows)
		}
	}
	for range 7 {
		idle("in the morning", 2*time.Hour)
		d.change(used(time.Now()))
		d.hint(probe.Hint{})
		log.report(probe.Permitted)
		time.Sleep(5 * time.Second)
		d.change(machine(probe.VMRunning, true))
		d.hint(settled)
		time.Sleep(2 * time.Minute)
		idle("while it runs", 3*time.Hour)
		d.slow()
		d.hint(settled)
		time.Sleep(20 * time.Minute)
		d.answer(read)
		d.change(machine(probe.VMSuspended, false))
		d.hint(settled)
		time.Sleep(31 * time.Minute)
		idle("after it was used", 2*time.Hour)
		for range 5 { // something else writes into the folders
			d.hint(probe.Hint{})
			d.hint(settled)
		}
		stop()
		log.attempts = nil
		stop = start()
		time.Sleep(9 * time.Hour)
		d.change(read)
		d.hint(probe.Hint{Settled: true, Woke: true})
	}
	for _, alert := range d.now().alerts {
		t.Errorf("alert: %s: %s", alert.Title, alert.Body)
	}
	for _, event := range d.take() {
		if event != string(approval.AgentStarted) && event != string(approval.AgentStopped) {
			t.Errorf("event %s", event)
		}
	}
}

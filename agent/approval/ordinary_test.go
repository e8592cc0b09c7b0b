package approval

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
)

// ordinaryMac is a Mac on which Parallels Desktop was approved long ago and works. Its
// extensions are loaded while a virtual machine runs; up to macOS 10.15 while Parallels
// is open.
type ordinaryMac struct {
	*macStory
	now    time.Time
	alerts int
}

// The Macs of the ordinary days.
var ordinaryMacs = []struct {
	macOS, parallels string
	arch             probe.Arch
}{
	{"10.15.7", "15.1.5", probe.Intel},
	{"11.7.10", "16.5.2", probe.Intel},
	{"12.7.6", "17.1.7", probe.Intel},
	{"14.6.1", "19.4.3", probe.Intel},
	{"14.6.1", "19.4.3", probe.AppleSilicon},
}

const (
	filesystemTeam = "FILESYSTEM"
	filesystemKext = "com.example.filesystem"
)

func newOrdinaryMac(t *testing.T, macOS, parallels string, arch probe.Arch, source probe.SourceName) *ordinaryMac {
	m := &ordinaryMac{macStory: newStory(t, macOS), now: at(30)}
	m.settings = DefaultSettings()
	m.settings.Vendors.All = true
	m.snap.Mac.Arch = arch
	m.snap.Policy = &probe.Policy{Source: source}
	m.snap.Sources = []probe.Source{{Name: source, State: probe.OK}}
	m.snap.Enforcement = probe.Enforcement{SIP: probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, Consent: probe.Consent{Enabled: probe.Yes}, Profile: probe.KextProfile{Present: probe.No}}
	m.snap.Situation = probe.Situation{Asked: true, UID: 501, ConsoleUID: 501, Locked: probe.No, Admin: probe.Yes}
	m.install(parallels, "1")
	m.vms(vm("Windows", probe.ParallelsHypervisor))
	m.attempt(at(-3000), allKexts...)
	m.allow()
	p := m.policy()
	p.Rows = append(p.Rows, probe.PolicyRow{TeamID: filesystemTeam, BundleID: filesystemKext, Developer: "Example", Allowed: true})
	p.History = append(p.History, probe.LoadRecord{Path: "/Library/Extensions/fs.kext", TeamID: filesystemTeam, BundleID: filesystemKext, LastSeen: at(-3000)})
	m.other()
	m.look(0)
	return m
}

// other puts the other vendor's extension on the disk. It is loaded at each start.
func (m *ordinaryMac) other() {
	m.snap.Kexts = append(m.snap.Kexts, probe.Kext{BundleID: filesystemKext, TeamID: filesystemTeam, Path: "/Library/Extensions/fs.kext", Version: "1.0"})
	m.snap.Loaded.Kexts = append(m.snap.Loaded.Kexts, probe.LoadedKext{BundleID: filesystemKext, Version: "1.0"})
}

func (m *ordinaryMac) ten() bool { return !m.snap.Mac.OS.AtLeast(11, 0) }

// look takes a snapshot after some time. No alert may follow, and nothing may be to do.
func (m *ordinaryMac) look(after time.Duration) {
	m.t.Helper()
	m.now = m.now.Add(after)
	snap := m.snap
	policy := *snap.Policy
	snap.Policy = &policy
	if policy.ReadAt.IsZero() {
		policy.ReadAt = m.now
	}
	if !policy.Source.TellsTimes() {
		policy.History = nil
	}
	if snap.Loaded.ReadAt.IsZero() {
		snap.Loaded.ReadAt = m.now
	}
	if snap.Machines.ReadAt.IsZero() {
		snap.Machines.ReadAt = m.now
	}
	var notices []Notice
	m.last, m.mem = m.settings.Assess(m.mem, snap, m.now)
	notices, m.mem = m.settings.Tell(m.mem, m.last)
	m.mem = m.mem.Posted()
	for _, n := range notices {
		if n.Urgency != Silent {
			m.alerts++
			m.t.Errorf("%s: alert %s of %s, verdict %s; rules %v", m.now.Format("Jan 2 15:04:05"), n.Event, n.Product.Name, n.Product.Verdict, m.last.Fired)
		}
	}
	if v := m.last.Verdict; v.NeedsAction() && !m.t.Failed() {
		m.t.Errorf("%s: %s; rules %v", m.now.Format("Jan 2 15:04:05"), v, m.last.Fired)
	}
}

// passes lets time pass: the agent polls, and it looks when it has to.
func (m *ordinaryMac) passes(d time.Duration) {
	m.t.Helper()
	for end := m.now.Add(d); m.now.Before(end); {
		step := 10 * time.Minute
		if next, ok := m.last.Next(); ok {
			step = min(step, next)
		}
		m.look(min(step, end.Sub(m.now)))
	}
}

// tries adds an attempt to load the extensions of Parallels, in the load history and in
// the log where that is followed.
func (m *ordinaryMac) tries() {
	if m.snap.Mac.Arch == probe.AppleSilicon {
		return
	}
	p := m.policy()
	for i, r := range p.History {
		if r.TeamID == probe.ParallelsTeamID {
			p.History[i].LastSeen = m.now
		}
	}
	if !p.Source.TellsTimes() {
		m.snap.Attempts = slices.Clone(m.snap.Attempts)
		for _, id := range allKexts {
			m.snap.Attempts = append(m.snap.Attempts, probe.Attempt{At: m.now, TeamID: probe.ParallelsTeamID, BundleID: id, From: probe.FromLog, Outcome: probe.Permitted})
		}
	}
}

// loads changes whether the extensions of Parallels are loaded.
func (m *ordinaryMac) loads(loaded bool) {
	m.snap.Loaded.Kexts = slices.DeleteFunc(slices.Clone(m.snap.Loaded.Kexts), func(k probe.LoadedKext) bool { return k.BundleID != filesystemKext })
	if !loaded || m.snap.Mac.Arch == probe.AppleSilicon {
		return
	}
	for _, id := range allKexts {
		m.snap.Loaded.Kexts = append(m.snap.Loaded.Kexts, probe.LoadedKext{BundleID: id, Version: m.snap.Apps[0].Version + " 1"})
	}
}

func (m *ordinaryMac) state(state probe.VMState) {
	list := slices.Clone(m.snap.Machines.List)
	for i := range list {
		list[i].State = state
	}
	m.snap.Machines.List = list
}

// starts starts or resumes the virtual machine. A snapshot sees it running before its
// extensions are loaded; and, in ends, after they were unloaded.
func (m *ordinaryMac) starts() {
	m.t.Helper()
	m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.Yes, m.now
	m.tries()
	m.look(time.Second)
	m.state(probe.VMRunning)
	m.look(4 * time.Second)
	m.loads(true)
	m.look(10 * time.Second)
}

// ends ends the virtual machine in a state, and quits Parallels.
func (m *ordinaryMac) ends(state probe.VMState) {
	m.t.Helper()
	m.loads(false)
	m.look(time.Second)
	m.state(state)
	m.look(20 * time.Second)
	m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.No, time.Time{}
	m.look(time.Minute)
}

// restarts restarts the Mac. From macOS 11, macOS then looks at all extensions.
func (m *ordinaryMac) restarts() {
	m.t.Helper()
	m.now = m.now.Add(time.Minute).Truncate(time.Second)
	m.restart(m.now, fmt.Sprint("boot of ", m.now))
	m.snap.Attempts = nil
	m.loads(false)
	m.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: filesystemKext, Version: "1.0"}}
	m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.No, time.Time{}
	m.agentRestarts()
	m.now = m.now.Add(4 * time.Second)
	m.scans()
	m.snap.Situation.LoginAt = m.now.Add(20 * time.Second)
	m.look(40 * time.Second)
}

// scans moves last_seen of every extension, or before macOS 11 of the other vendor's,
// which is loaded at the start.
func (m *ordinaryMac) scans() {
	p := m.policy()
	for i, r := range p.History {
		if !m.ten() || r.TeamID == filesystemTeam {
			p.History[i].LastSeen = m.now
		}
	}
}

func (m *ordinaryMac) profile(allows bool) {
	p := m.policy()
	p.Rows = slices.DeleteFunc(p.Rows, func(r probe.PolicyRow) bool { return r.TeamID == probe.ParallelsTeamID })
	p.MDM, m.snap.Enforcement.Profile = nil, probe.KextProfile{Present: probe.No}
	if allows {
		m.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, Name: "Extensions", Teams: []string{probe.ParallelsTeamID}, UserOverrides: probe.Yes}
		if p.Source.TellsTimes() {
			p.MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}}
		}
	}
}

// fails makes the tools fail: their facts are missing.
func (m *ordinaryMac) fails() (again func()) {
	was := m.snap
	gap := func(f probe.Fact) probe.Gap { return probe.NewGap(f, errors.New("it did not answer"), "") }
	m.snap.Loaded, m.snap.Machines, m.snap.Collection = probe.Loaded{}, probe.Machines{}, probe.Collection{}
	m.snap.Enforcement, m.snap.Situation = probe.Enforcement{}, probe.Situation{}
	m.snap.Mac.BootSession, m.snap.Mac.BootedAt = "", time.Time{}
	m.snap.Gaps = []probe.Gap{gap(probe.FactLoadedKexts), gap(probe.FactVMs), gap(probe.FactCollection), gap(probe.FactSIP), gap(probe.FactConsent), gap(probe.FactBootSession), gap(probe.FactBootTime)}
	return func() {
		p := m.snap.Policy
		m.snap, m.snap.Policy = was, p
	}
}

// The ordinary days. Each begins half an hour after the start of a Mac on which the agent
// was just started for the first time.
var ordinaryDays = []struct {
	name string
	play func(m *ordinaryMac)
}{
	{"the first start of the agent", func(m *ordinaryMac) { m.passes(8 * time.Hour) }},
	{"the first start of the agent, while a virtual machine runs", func(m *ordinaryMac) {
		m.mem = Memory{}
		m.tries()
		m.loads(true)
		m.state(probe.VMRunning)
		m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.Yes, m.now
		m.passes(2 * time.Hour)
		m.ends(probe.VMStopped)
		m.passes(2 * time.Hour)
	}},
	{"the first start of the agent, after a virtual machine was used", func(m *ordinaryMac) {
		m.mem = Memory{}
		m.tries()
		m.passes(8 * time.Hour)
	}},
	{"three restarts with a scan", func(m *ordinaryMac) {
		for range 3 {
			m.restarts()
			m.passes(2 * time.Hour)
		}
	}},
	{"a scan in the middle of the day", func(m *ordinaryMac) {
		m.passes(time.Hour)
		m.scans()
		m.passes(2 * time.Hour)
	}},
	{"Parallels is open and idle", func(m *ordinaryMac) {
		m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.Yes, m.now
		m.loads(m.ten())
		m.passes(8 * time.Hour)
	}},
	{"used this morning and shut down", func(m *ordinaryMac) {
		m.starts()
		m.passes(3 * time.Hour)
		m.ends(probe.VMStopped)
		m.passes(8 * time.Hour)
	}},
	{"used, and the Mac restarted", func(m *ordinaryMac) {
		m.starts()
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.restarts()
		m.passes(4 * time.Hour)
	}},
	{"used briefly, several times", func(m *ordinaryMac) {
		for range 5 {
			m.starts()
			m.passes(3 * time.Minute)
			m.ends(probe.VMStopped)
			m.passes(7 * time.Minute)
		}
	}},
	{"suspended and resumed on five days", func(m *ordinaryMac) {
		for range 5 {
			m.starts()
			m.passes(2 * time.Hour)
			m.ends(probe.VMSuspended)
			m.look(20 * time.Hour) // the Mac sleeps
		}
	}},
	{"the virtual machine opens at login", func(m *ordinaryMac) {
		m.restarts()
		m.starts()
		m.passes(4 * time.Hour)
	}},
	{"sleep over night", func(m *ordinaryMac) {
		m.passes(time.Hour)
		m.look(9 * time.Hour)
		m.passes(time.Hour)
	}},
	{"sleep over night while a virtual machine runs", func(m *ordinaryMac) {
		m.starts()
		m.look(9 * time.Hour)
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.passes(time.Hour)
	}},
	{"leftovers of programs that were removed", func(m *ordinaryMac) {
		p := m.policy()
		p.Rows = append(p.Rows, probe.PolicyRow{TeamID: "GONE", BundleID: "com.gone.kext", Developer: "Gone"},
			probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.old", Developer: "Parallels International GmbH"})
		p.History = append(p.History, probe.LoadRecord{Path: "/Library/Extensions/gone.kext", TeamID: "GONE", BundleID: "com.gone.kext", LastSeen: at(-80000)})
		m.passes(2 * time.Hour)
		m.restarts()
		m.passes(2 * time.Hour)
	}},
	{"an old Parallels in the Trash", func(m *ordinaryMac) {
		p := m.policy()
		p.Rows = append(p.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.old", Developer: "Parallels International GmbH"})
		p.History = append(p.History, probe.LoadRecord{Path: "/Users/anna/.Trash/Parallels Desktop.app/Contents/Library/Extensions/10.6/old.kext", TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.old", LastSeen: at(-80000)})
		m.passes(2 * time.Hour)
	}},
	{"Parallels is removed", func(m *ordinaryMac) {
		m.starts()
		m.ends(probe.VMStopped)
		m.uninstall()
		m.other()
		m.snap.Machines = probe.Machines{}
		m.passes(2 * time.Hour)
		m.restarts()
		m.passes(time.Hour)
	}},
	{"Parallels is removed while it is loaded", func(m *ordinaryMac) {
		m.starts()
		m.state(probe.VMStopped)
		m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.No, time.Time{}
		m.uninstall()
		m.snap.Kexts = append(m.snap.Kexts, probe.Kext{BundleID: filesystemKext, TeamID: filesystemTeam, Path: "/Library/Extensions/fs.kext", Version: "1.0"})
		m.passes(2 * time.Hour)
		m.snap.Machines = probe.Machines{}
		m.restarts()
		m.passes(time.Hour)
	}},
	{"fast user switching", func(m *ordinaryMac) {
		m.passes(time.Hour)
		m.snap.Situation.ConsoleUID = 502
		m.passes(time.Hour)
		m.snap.Situation.ConsoleUID, m.snap.Situation.Locked = 501, probe.Yes
		m.passes(time.Hour)
		m.snap.Situation.Locked = probe.No
		m.passes(time.Hour)
	}},
	{"remote control", func(m *ordinaryMac) {
		m.snap.Situation.Remote = []string{"TeamViewer"}
		m.starts()
		m.passes(time.Hour)
	}},
	{"a newer macOS of the same release", func(m *ordinaryMac) {
		m.snap.Mac.OS.Version, m.snap.Mac.OS.Build = m.snap.Mac.OS.Version+".1", "2B2"
		m.restarts()
		m.passes(2 * time.Hour)
		m.starts()
		m.passes(time.Hour)
	}},
	{"a security update of macOS", func(m *ordinaryMac) {
		m.snap.Mac.OS.Extra, m.snap.Mac.OS.Build = "(a)", "2B2"
		m.restarts()
		m.passes(2 * time.Hour)
	}},
	{"kextwatch is updated twice", func(m *ordinaryMac) {
		m.starts()
		m.agentRestarts()
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.agentRestarts()
		m.passes(time.Hour)
	}},
	{"an allowing profile is replaced", func(m *ordinaryMac) {
		m.profile(true)
		m.passes(time.Hour)
		for _, gone := range []time.Duration{time.Second, 20 * time.Second, 2 * time.Minute, 4 * time.Minute} {
			m.profile(false)
			m.look(0)
			m.passes(gone)
			m.profile(true)
			m.passes(time.Hour)
		}
	}},
	{"an allowing profile, and a virtual machine", func(m *ordinaryMac) {
		m.profile(true)
		m.restarts()
		m.starts()
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.passes(time.Hour)
	}},
	{"tools fail for an hour", func(m *ordinaryMac) {
		again := m.fails()
		m.passes(time.Hour)
		again()
		m.passes(time.Hour)
	}},
	{"tools fail for an hour while a virtual machine runs", func(m *ordinaryMac) {
		m.starts()
		again := m.fails()
		m.passes(time.Hour)
		again()
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.passes(time.Hour)
	}},
	{"tools fail as the virtual machine starts", func(m *ordinaryMac) {
		again := m.fails()
		m.look(time.Minute)
		m.tries()
		m.passes(30 * time.Minute)
		again()
		m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.Yes, m.now.Add(-30*time.Minute)
		m.loads(true)
		m.state(probe.VMRunning)
		m.passes(time.Hour)
	}},
	{"tools answer late as the virtual machine starts", func(m *ordinaryMac) {
		m.snap.Loaded.ReadAt = m.now // the answer of before
		m.snap.Pending = true
		m.snap.Situation.Service, m.snap.Situation.ParallelsSince = probe.Yes, m.now
		m.tries()
		m.look(time.Second)
		m.state(probe.VMRunning)
		m.passes(20 * time.Minute)
		m.snap.Loaded.ReadAt, m.snap.Pending = time.Time{}, false
		m.loads(true)
		m.passes(time.Hour)
	}},
	{"tools fail after a restart", func(m *ordinaryMac) {
		m.restarts()
		again := m.fails()
		m.passes(time.Hour)
		again()
		m.passes(time.Hour)
	}},
	{"the policy is read a few minutes late", func(m *ordinaryMac) {
		m.look(time.Minute)
		m.snap.Policy = m.policy()
		m.snap.Policy.ReadAt = m.now
		fresh := m.policy()
		m.starts()
		m.snap.Policy.ReadAt = fresh.ReadAt
		m.passes(5 * time.Minute)
		m.policy().ReadAt = time.Time{}
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.passes(time.Hour)
	}},
	{"the policy is an old answer for an hour", func(m *ordinaryMac) {
		m.policy().Stale = true
		m.policy().ReadAt = m.now
		m.passes(time.Hour)
		m.policy().Stale = false
		m.policy().ReadAt = time.Time{}
		m.passes(time.Hour)
	}},
	{"the clock is corrected by a minute", func(m *ordinaryMac) {
		m.starts()
		m.passes(10 * time.Minute)
		for _, minutes := range []time.Duration{1, -1, -1, 1} {
			m.now = m.now.Add(minutes * time.Minute)
			m.snap.Mac.BootedAt = m.snap.Mac.BootedAt.Add(minutes * time.Minute)
			m.look(0)
			m.passes(10 * time.Minute)
		}
		m.ends(probe.VMStopped)
		m.passes(time.Hour)
	}},
	{"another vendor's extension is loaded in the day", func(m *ordinaryMac) {
		m.passes(time.Hour)
		p := m.policy()
		for i, r := range p.History {
			if r.TeamID == filesystemTeam {
				p.History[i].LastSeen = m.now
			}
		}
		m.passes(2 * time.Hour)
	}},
	{"another policy source answers", func(m *ordinaryMac) {
		sources := []probe.SourceName{probe.Reader, probe.Framework, probe.Database, probe.Framework, probe.Reader}
		for _, source := range sources {
			p := m.policy()
			p.Source = source
			m.snap.Sources = []probe.Source{{Name: source, State: probe.OK}}
			m.passes(time.Hour)
		}
	}},
	{"the collection has the extensions, and cannot always be read", func(m *ordinaryMac) {
		if m.ten() || m.snap.Mac.Arch == probe.AppleSilicon {
			return
		}
		for _, known := range []bool{true, false, true} {
			m.collect(m.snap.Apps[0].Version+" 1", allKexts...)
			m.snap.Collection.Known = known
			m.passes(time.Hour)
		}
		m.starts()
		m.passes(time.Hour)
		m.ends(probe.VMStopped)
		m.passes(time.Hour)
	}},
	{"every virtual machine moves to Apple's hypervisor", func(m *ordinaryMac) {
		m.starts()
		m.ends(probe.VMStopped)
		m.vms(vm("Windows", probe.AppleHypervisor))
		m.passes(time.Hour)
		m.state(probe.VMRunning)
		m.loads(m.ten())
		m.passes(time.Hour)
	}},
	{"the last virtual machine is deleted", func(m *ordinaryMac) {
		m.starts()
		m.ends(probe.VMStopped)
		m.vms()
		m.passes(8 * time.Hour)
	}},
}

// On ordinary days no alert is shown, and nothing is to be done.
func TestOrdinaryDays(t *testing.T) {
	days, alerts := 0, 0
	for _, mac := range ordinaryMacs {
		for _, source := range []probe.SourceName{probe.Database, probe.Reader, probe.Framework} {
			for _, day := range ordinaryDays {
				t.Run(fmt.Sprintf("%s %s %s/%s", mac.macOS, mac.arch, source, day.name), func(t *testing.T) {
					m := newOrdinaryMac(t, mac.macOS, mac.parallels, mac.arch, source)
					day.play(m)
					days++
					alerts += m.alerts
				})
			}
		}
	}
	t.Logf("%d days × Macs (%d days), %d alerts", days, len(ordinaryDays), alerts)
}

package approval_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// A combination is one value for each dimension of the facts about Parallels
// Desktop. The first value of each is the ordinary one, so that the smallest example
// of a failure is the one that differs least from an ordinary Mac.
type combination struct {
	macOS      int
	arch       int
	app        int
	edition    int
	need       int
	source     int
	row        int
	attempt    int
	loaded     int
	collection int
	disk       int
	switches   int
	profile    int
	past       int
	running    int // since when Parallels and its service run
	boot       int
}

// dimensions name the values.
var dimensions = []struct {
	name   string
	field  func(*combination) *int
	values []string
}{
	{"macOS", func(c *combination) *int { return &c.macOS }, []string{"12.7.6", "10.13.6", "10.15.7", "11.7.10", "14.6.1", ""}},
	{"processor", func(c *combination) *int { return &c.arch }, []string{"Intel", "Apple silicon", "unknown"}},
	{"Parallels", func(c *combination) *int { return &c.app }, []string{"installed", "absent", "cannot be read"}},
	{"edition", func(c *combination) *int { return &c.edition }, []string{"standard", "App Store"}},
	{"need", func(c *combination) *int { return &c.need }, []string{"a stopped machine", "a running machine", "a suspended machine", "only Apple's hypervisor", "no machine", "unknown", "networking"}},
	{"source", func(c *combination) *int { return &c.source }, []string{"database", "reader", "framework", "none", "database whose times cannot be read"}},
	{"row", func(c *combination) *int { return &c.row }, []string{"1", "none", "0", "0 and allowed by MDM", "pending", "pending upgrade", "needs restart", "none, but allowed by MDM"}},
	{"attempt", func(c *combination) *int { return &c.attempt }, []string{"none", "before the boot", "not watched", "watched", "log: tried", "log: refused", "log: upgrade", "log: needs restart", "log: permitted",
		"log: bad ownership", "log: insecure location", "log: bad signature", "log: excluded", "log: missing dependency", "log: wrong architecture", "retry: refused"}},
	{"loaded", func(c *combination) *int { return &c.loaded }, []string{"no", "yes", "an older version", "unknown"}},
	{"collection", func(c *combination) *int { return &c.collection }, []string{"unknown", "contains it", "does not contain it"}},
	{"kext on the disk", func(c *combination) *int { return &c.disk }, []string{"yes", "no", "it cannot be read", "its folder cannot be listed"}},
	{"switches", func(c *combination) *int { return &c.switches }, []string{"approval required", "SIP does not require it", "consent is off", "unknown"}},
	{"profile", func(c *combination) *int { return &c.profile }, []string{"none", "forbids users to approve"}},
	{"past", func(c *combination) *int { return &c.past }, []string{"none", "allowed and loaded, then a restart", "allowed, then a restart", "allowed in this boot", "loaded in this boot", "allowed by MDM, then a restart", "allowed and loaded, then another macOS", "an hour in this boot"}},
	{"Parallels and its service run", func(c *combination) *int { return &c.running }, []string{"no", "for 6 minutes"}},
	{"boot", func(c *combination) *int { return &c.boot }, []string{"known", "time unknown", "session unknown"}},
}

// The values that predicates name.
const (
	intel, appleSilicon                                          = 0, 1
	appInstalled, appAbsent, appUnread                           = 0, 1, 2
	vmStopped, vmRunning, vmSuspended, vmApple, vmNone, vmUnread = 0, 1, 2, 3, 4, 5
	networking                                                   = 6
	sourceFramework, sourceNone, sourceUndated                   = 2, 3, 4
	rowAllowed, rowNone, rowBlocked, rowMDM                      = 0, 1, 2, 3
	rowPending, rowUpgrade, rowRestart, rowOnlyMDM               = 4, 5, 6, 7
	tryNone, tryBefore, tryUnwatched, tryWatched, tryLog         = 0, 1, 2, 3, 4
	tryRetry                                                     = 15
	loadedNo, loadedYes, loadedOlder, loadedUnknown              = 0, 1, 2, 3
	inCollection, notInCollection                                = 1, 2
	diskYes, diskNo, diskUnread, diskUnlisted                    = 0, 1, 2, 3
	switchesOn, sipOff, consentOff                               = 0, 1, 2
	pastNone, pastLoaded, pastAllowed, pastAllowedNow            = 0, 1, 2, 3
	pastLoadedNow, pastMDM, pastOtherMacOS, pastHour             = 4, 5, 6, 7
	bootKnown, bootUnknownTime, bootUnknownSession               = 0, 1, 2
)

// outcomes are those of the attempts in the log, in the order of the dimension.
var outcomes = append([]probe.Outcome{probe.Tried, probe.Refused, probe.Upgrade, probe.NeedsRestart, probe.Permitted}, probe.Failures...)

// possible reports whether the facts can occur together.
func (c combination) possible() bool {
	fromFramework := c.row == rowPending || c.row == rowUpgrade || c.row == rowRestart
	dated := c.attempt == tryBefore || c.attempt == tryUnwatched || c.attempt == tryWatched
	switch {
	case fromFramework && c.source != sourceFramework,
		c.source == sourceFramework && (c.row == rowMDM || c.row == rowOnlyMDM || c.past == pastMDM),
		dated && !c.tellsTimes(),
		c.source == sourceNone && c.row != rowNone,
		c.attempt == tryUnwatched && (c.past == pastAllowedNow || c.past == pastLoadedNow || c.past == pastHour), // the agent ran
		c.running > 0 && c.app != appInstalled,
		c.macOS10() && (c.collection != 0 || c.row == rowUpgrade || c.outcomeIn(2, 3)), // from macOS 11
		c.edition > 0 && c.app != appInstalled,
		c.disk == diskUnlisted && c.app != appInstalled, // the folder is in the application
		c.attempt == tryRetry && c.app == appAbsent:     // it starts the application
		return false
	}
	return true
}

func (c combination) tellsTimes() bool { return c.source < sourceFramework }
func (c combination) macOS10() bool    { return c.macOS == 1 || c.macOS == 2 }
func (c combination) macOS11() bool    { return c.macOS == 0 || c.macOS == 3 || c.macOS == 4 }

// unusual returns in how many dimensions c differs from an ordinary Mac.
func (c combination) unusual() (n int) {
	for _, d := range dimensions {
		if *d.field(&c) != 0 {
			n++
		}
	}
	return n
}

func (c combination) String() string {
	var parts []string
	for i, d := range dimensions {
		value := d.values[*d.field(&c)]
		if value == "" {
			value = "unknown"
		}
		if i < 2 || *d.field(&c) != 0 || d.name == "row" || d.name == "source" {
			parts = append(parts, d.name+": "+value)
		}
	}
	return strings.Join(parts, " · ")
}

// The times of the story that each combination ends.
var (
	boot  = time.Date(2026, 5, 6, 8, 0, 0, 0, time.UTC)
	final = boot.Add(2 * time.Hour)
	tried = final.Add(-70 * time.Second) // the watched attempt
)

var propertyKexts = []string{"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"}

// assess plays the past of c and returns the status at the end of it.
func (c combination) assess(settings approval.Settings, pasts map[[4]int]approval.Memory) approval.Status {
	key := [4]int{c.macOS, c.arch, c.source, c.past}
	memory, known := pasts[key]
	if !known {
		memory = c.livePast(settings)
		pasts[key] = memory
	}
	look := func(at time.Time) (status approval.Status) {
		status, memory = settings.Assess(memory, c.snapshot(at), at)
		return status
	}
	if c.attempt >= tryWatched {
		look(tried.Add(-10 * time.Minute))
		look(tried.Add(time.Second))
	}
	if c.need == vmRunning && c.attempt < tryWatched { // what runs without its extensions is seen twice
		look(final.Add(-65 * time.Second))
	}
	if !c.isAllowed() { // an approval is lost after two good reads
		look(final.Add(-4 * time.Second))
	}
	return look(final)
}

// livePast runs the agent through what happened before.
func (c combination) livePast(settings approval.Settings) approval.Memory {
	var memory approval.Memory
	ordinary := combination{macOS: c.macOS, arch: c.arch, source: c.source, row: rowNone}
	if c.source == sourceNone { // it answered then
		ordinary.source = 0
	}
	look := func(at time.Time, change func(*combination, *probe.Snapshot)) {
		now := ordinary
		change(&now, nil)
		snap := now.snapshot(at)
		change(&now, &snap)
		_, memory = settings.Assess(memory, snap, at)
	}
	in := func(session string, booted time.Time, row, loaded int, seen time.Time) func(*combination, *probe.Snapshot) {
		return func(c *combination, s *probe.Snapshot) {
			if c.row, c.loaded = row, loaded; s == nil {
				return
			}
			s.Mac.BootSession, s.Mac.BootedAt = session, booted
			if s.Policy != nil {
				s.Policy.History = history(c, seen)
			}
		}
	}
	before := boot.Add(-5 * time.Hour)
	switch c.past {
	case pastNone:
	case pastLoaded:
		look(before.Add(time.Hour), in("earlier", before, rowAllowed, loadedYes, before.Add(30*time.Minute)))
	case pastOtherMacOS:
		loaded := in("earlier", before, rowAllowed, loadedYes, before.Add(30*time.Minute))
		look(before.Add(time.Hour), func(c *combination, s *probe.Snapshot) {
			if loaded(c, s); s != nil && c.macOS != 5 {
				s.Mac.OS.Version, s.Mac.OS.Build = []string{"12.6", "10.13.5", "10.15.6", "11.6", "14.5"}[c.macOS], "W"
			}
		})
	case pastAllowed, pastMDM:
		allowed := rowAllowed
		if c.past == pastMDM {
			allowed = rowMDM
		}
		look(before.Add(time.Hour), in("earlier", before, rowNone, loadedNo, time.Time{}))
		look(before.Add(61*time.Minute), in("earlier", before, rowBlocked, loadedNo, before.Add(61*time.Minute)))
		look(before.Add(63*time.Minute), in("earlier", before, allowed, loadedNo, before.Add(61*time.Minute)))
	case pastAllowedNow:
		look(boot.Add(5*time.Minute), in("now", boot, rowNone, loadedNo, time.Time{}))
		look(boot.Add(6*time.Minute), in("now", boot, rowBlocked, loadedNo, boot.Add(6*time.Minute)))
		look(boot.Add(8*time.Minute), in("now", boot, rowAllowed, loadedNo, boot.Add(6*time.Minute)))
	case pastLoadedNow:
		look(boot.Add(5*time.Minute), in("now", boot, rowAllowed, loadedNo, before))
		look(boot.Add(8*time.Minute), in("now", boot, rowAllowed, loadedYes, boot.Add(7*time.Minute)))
	case pastHour:
		look(boot.Add(5*time.Minute), in("now", boot, rowAllowed, loadedNo, before))
		look(boot.Add(65*time.Minute), in("now", boot, rowAllowed, loadedNo, before))
	}
	return memory
}

// lastSeen is the last_seen of the load history at a moment of the story; zero: no
// record.
func (c combination) lastSeen(at time.Time) (seen time.Time) {
	before := boot.Add(-5 * time.Hour)
	switch c.past {
	case pastLoaded, pastOtherMacOS:
		seen = before.Add(30 * time.Minute)
	case pastAllowed, pastMDM:
		seen = before.Add(61 * time.Minute)
	case pastAllowedNow:
		seen = boot.Add(6 * time.Minute)
	case pastLoadedNow:
		seen = boot.Add(7 * time.Minute)
	case pastHour:
		seen = before
	}
	switch {
	case c.attempt == tryBefore && seen.IsZero():
		seen = before
	case c.attempt == tryUnwatched:
		seen = boot.Add(20 * time.Minute)
	case c.attempt >= tryWatched && !at.Before(tried):
		seen = tried
	}
	return seen
}

func history(c *combination, seen time.Time) (records []probe.LoadRecord) {
	if seen.IsZero() || !c.tellsTimes() {
		return nil
	}
	for _, id := range propertyKexts {
		records = append(records, probe.LoadRecord{Path: kextPath(id), TeamID: probe.ParallelsTeamID, BundleID: id, LastSeen: seen})
	}
	return records
}

func kextPath(id string) string {
	return "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_" + strings.TrimPrefix(id, "com.parallels.kext.") + ".kext"
}

// snapshot returns the facts of c at one moment of this boot.
func (c combination) snapshot(at time.Time) probe.Snapshot {
	gap := func(f probe.Fact) probe.Gap { return probe.NewGap(f, errors.New("permission denied"), "") }
	macOS := dimensions[0].values[c.macOS]
	parallels := version(macOS)
	if macOS == "" {
		parallels = "17.1.7"
	} else if parallels == "" {
		panic(fmt.Sprintf("no Parallels for macOS %s", macOS))
	}
	s := probe.Snapshot{
		Mac:         probe.Mac{OS: probe.OSVersion{Version: macOS}, Arch: []probe.Arch{probe.Intel, probe.AppleSilicon, ""}[c.arch], BootedAt: boot, BootSession: "now"},
		Enforcement: probe.Enforcement{SIP: probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, Consent: probe.Consent{Enabled: probe.Yes}, Profile: probe.KextProfile{Present: probe.No}},
		Situation:   probe.Situation{Asked: true, UID: 501, ConsoleUID: 501, Locked: probe.No, Admin: probe.Yes},
	}
	if macOS == "" {
		s.Gaps = append(s.Gaps, gap(probe.FactMacOSVersion))
	} else {
		s.Mac.OS.Build = "X"
	}
	switch c.boot {
	case 1:
		s.Mac.BootedAt = time.Time{}
		s.Gaps = append(s.Gaps, gap(probe.FactBootTime))
	case 2:
		s.Mac.BootSession = ""
		s.Gaps = append(s.Gaps, gap(probe.FactBootSession))
	}
	if c.arch == 2 {
		s.Gaps = append(s.Gaps, gap(probe.FactProcessor))
	}
	c.addApp(&s, parallels, gap)
	c.addMachines(&s, gap)
	c.addPolicy(&s, at)
	c.addKexts(&s, parallels, gap)
	c.addAttempts(&s, at)
	switch c.switches {
	case sipOff:
		s.Enforcement.SIP.State, s.Enforcement.SIP.KextApproval = probe.SIPCustom, probe.No
	case consentOff:
		s.Enforcement.Consent.Enabled = probe.No
	case 3:
		s.Enforcement.SIP, s.Enforcement.Consent = probe.SIP{}, probe.Consent{}
		s.Gaps = append(s.Gaps, gap(probe.FactSIP), gap(probe.FactConsent))
	}
	if c.profile > 0 {
		s.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, Name: "Extensions", UserOverrides: probe.No, NonAdminsAllow: probe.No}
	}
	if c.running > 0 {
		s.Situation.Service, s.Situation.ParallelsSince = probe.Yes, at.Add(-6*time.Minute)
	}
	return s
}

func (c combination) addApp(s *probe.Snapshot, parallels string, gap func(probe.Fact) probe.Gap) {
	switch c.app {
	case appInstalled:
		app := probe.App{Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.desktop.console", Path: "/Applications/Parallels Desktop.app", Version: parallels, Build: "1", Edition: probe.Standard}
		if c.edition > 0 {
			app.BundleID, app.Edition = "com.parallels.desktop.appstore", probe.AppStore
		}
		s.Apps = append(s.Apps, app)
	case appUnread:
		s.Gaps = append(s.Gaps, gap(probe.FactParallels))
	}
}

func (c combination) addMachines(s *probe.Snapshot, gap func(probe.Fact) probe.Gap) {
	s.Machines = probe.Machines{Known: true, From: "prlctl", Kextless: probe.Yes}
	machine := probe.VM{UUID: "11111111-1111-1111-1111-111111111111", Name: "Windows", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor, Nested: probe.No}
	switch c.need {
	case vmRunning:
		machine.State = probe.VMRunning
	case vmSuspended:
		machine.State = probe.VMSuspended
	case vmApple, networking:
		machine.Hypervisor = probe.AppleHypervisor
	case vmUnread:
		s.Machines = probe.Machines{}
		s.Gaps = append(s.Gaps, gap(probe.FactVMs))
		return
	case vmNone:
		return
	}
	if c.need == networking {
		s.Machines.Kextless = probe.No
	}
	s.Machines.List = []probe.VM{machine}
}

func (c combination) addPolicy(s *probe.Snapshot, at time.Time) {
	if c.source == sourceNone {
		s.Sources = []probe.Source{{Name: probe.Database, State: probe.Denied, Reason: "permission denied"}, {Name: probe.Framework, State: probe.Failed, Reason: "no answer"}}
		return
	}
	policy := &probe.Policy{Source: []probe.SourceName{probe.Database, probe.Reader, probe.Framework, "", probe.Database}[c.source], ReadAt: at}
	s.Sources = []probe.Source{{Name: policy.Source, State: probe.OK}}
	if c.source == sourceUndated {
		policy.HistoryErr = "the column last_seen is missing"
	}
	for _, id := range propertyKexts {
		if c.row == rowMDM || c.row == rowOnlyMDM {
			policy.MDM = append(policy.MDM, probe.MDMRow{TeamID: probe.ParallelsTeamID, BundleID: id, Allowed: true})
		}
		if c.row == rowNone || c.row == rowOnlyMDM {
			continue
		}
		row := probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: id, Developer: "Parallels International GmbH", Allowed: c.row == rowAllowed || c.row == rowUpgrade || c.row == rowRestart}
		if c.source == sourceFramework {
			row.Pending, row.PendingUpgrade, row.NeedsRestart = probe.AnswerOf(c.row == rowPending), probe.AnswerOf(c.row == rowUpgrade), probe.AnswerOf(c.row == rowRestart)
		}
		policy.Rows = append(policy.Rows, row)
	}
	policy.History = history(&c, c.lastSeen(at))
	s.Policy = policy
}

func (c combination) addKexts(s *probe.Snapshot, parallels string, gap func(probe.Fact) probe.Gap) {
	s.Loaded.Known = c.loaded != loadedUnknown
	if c.loaded == loadedUnknown {
		s.Gaps = append(s.Gaps, gap(probe.FactLoadedKexts))
	}
	s.Collection.Known = c.collection != 0
	if s.Collection.Known { // another vendor's, so that it is never empty
		s.Collection.Kexts = append(s.Collection.Kexts, probe.LoadedKext{BundleID: "com.example.other", Version: "1"})
	}
	if c.disk == diskUnlisted || c.disk == diskUnread {
		s.Gaps = append(s.Gaps, gap(probe.FactKextsOnDisk))
	}
	for _, id := range propertyKexts {
		kext := probe.Kext{BundleID: id, TeamID: probe.ParallelsTeamID, Path: kextPath(id), Version: parallels + " 1"}
		switch {
		case c.disk == diskYes:
			s.Kexts = append(s.Kexts, kext)
		case c.disk == diskUnread, c.disk == diskUnlisted && named(s.Policy, id):
			kext.Version, kext.Unread = "", true
			s.Kexts = append(s.Kexts, kext)
		}
		switch c.loaded {
		case loadedYes:
			s.Loaded.Kexts = append(s.Loaded.Kexts, probe.LoadedKext{BundleID: id, Version: parallels + " 1"})
		case loadedOlder:
			s.Loaded.Kexts = append(s.Loaded.Kexts, probe.LoadedKext{BundleID: id, Version: "12.0.0 1"})
		}
		if c.collection == inCollection {
			s.Collection.Kexts = append(s.Collection.Kexts, probe.LoadedKext{BundleID: id, Version: parallels + " 1"})
		}
	}
}

// named reports whether the policy names an extension. One in a folder that cannot be
// listed is known by that alone.
func named(policy *probe.Policy, id string) bool {
	return policy != nil && (slices.ContainsFunc(policy.Rows, func(r probe.PolicyRow) bool { return r.BundleID == id }) ||
		slices.ContainsFunc(policy.History, func(r probe.LoadRecord) bool { return r.BundleID == id }))
}

func (c combination) addAttempts(s *probe.Snapshot, at time.Time) {
	if c.attempt < tryLog || at.Before(tried) {
		return
	}
	if c.attempt == tryRetry {
		s.Attempts = append(s.Attempts, probe.Attempt{At: tried, TeamID: probe.ParallelsTeamID, From: probe.FromRetry, Outcome: probe.Refused})
		return
	}
	for _, id := range propertyKexts {
		s.Attempts = append(s.Attempts, probe.Attempt{At: tried, TeamID: probe.ParallelsTeamID, BundleID: id, From: probe.FromLog, Outcome: outcomes[c.attempt-tryLog]})
	}
}

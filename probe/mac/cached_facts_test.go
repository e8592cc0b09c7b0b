package mac

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// needStory is a Mac with Parallels whose tools record their calls.
type needStory struct {
	t      *testing.T
	m      root.FS
	prober *Prober
	snap   probe.Snapshot
}

func newNeedStory(t *testing.T) *needStory {
	m := homeMac(t)
	note := func(what string) string { return "echo " + what + " >>'" + filepath.Join(m.Root, "queried") + "'\n" }
	mactest.AddTool(t, m.Root, probe.PrlctlTool, note("prlctl")+prints(`[{"ID": "`+vmID+`", "Optimization": {"Hypervisor type": "apple"}}]`))
	mactest.AddTool(t, m.Root, probe.CsrutilTool, note("csrutil")+prints(sipHead+"enabled."))
	mactest.AddTool(t, m.Root, probe.SpctlTool, note("spctl")+spctl(prints(consentHead+"ENABLED"), prints(noTeamsReply)))
	mactest.AddTool(t, m.Root, probe.ProfilesTool, note("profiles")+prints(noProfiles))
	snap := probe.Snapshot{
		Mac:    probe.Mac{OS: bigSur, Arch: probe.Intel, BootSession: testSession},
		Apps:   []probe.App{*parallelsVersion("18.1.1")},
		Policy: &probe.Policy{},
	}
	return &needStory{t, m, NewProber(m), snap}
}

// queried returns the tools that were run since its last call.
func (s *needStory) queried() string {
	s.t.Helper()
	log := filepath.Join(s.m.Root, "queried")
	data, err := os.ReadFile(log)
	if err != nil && !root.NotExist(err) {
		s.t.Fatal(err)
	}
	if err := os.RemoveAll(log); err != nil {
		s.t.Fatal(err)
	}
	names := strings.Fields(string(data))
	slices.Sort(names) // they ran at the same time
	return strings.Join(names, " ")
}

// machines reads the virtual machines and waits for prlctl.
func (s *needStory) machines(ctx context.Context, fresh bool) (probe.Machines, []probe.Gap) {
	snap := s.prober.whole(ctx, time.Now(), Options{Fresh: fresh}, s.snap, s.prober.readMachines)
	return snap.Machines, snap.Gaps
}

func (s *needStory) enforcement(ctx context.Context, fresh bool) (probe.Enforcement, []probe.Gap) {
	snap := s.prober.whole(ctx, time.Now(), Options{Fresh: fresh}, s.snap, s.prober.readEnforcement)
	return snap.Enforcement, snap.Gaps
}

func (s *needStory) wantMachines(after string, fresh, queried, known bool) {
	s.t.Helper()
	got, gaps := s.machines(s.t.Context(), fresh)
	if did := s.queried() == "prlctl"; did != queried {
		s.t.Errorf("%s: prlctl was queried: %v", after, did)
	}
	if got.Known != known || known && len(got.List) != 1 || len(gaps) > 0 {
		s.t.Errorf("%s: %+v, %+v", after, got, gaps)
	}
}

func TestMachinesQueriedOnlyAfterPossibleChange(t *testing.T) {
	s := newNeedStory(t)
	s.wantMachines("first snapshot", false, true, true)
	s.wantMachines("nothing", false, false, true)
	s.wantMachines("fresh snapshot", true, true, true)

	mactest.AddFile(t, s.m.Root, "/Users/me/Parallels/One.pvm/config.pvs", config(vmID, "One", "1"))
	s.wantMachines("a new machine", false, true, true)
	mactest.AddFile(t, s.m.Root, "/Users/me/Parallels/One.pvm/config.pvs", config(vmID, "Another name", "0"))
	s.wantMachines("a changed machine", false, true, true)
	mactest.AddFile(t, s.m.Root, "/Users/me/Parallels/One.pvm/harddisk", "grows")
	s.wantMachines("its disk", false, false, true)
	mactest.AddFile(t, s.m.Root, "/Users/Shared/Parallels/Two.pvm/config.pvs", config(vmID, "Two", "1"))
	s.wantMachines("a shared machine", false, true, true)
	mactest.Remove(t, s.m.Root, "/Users/me/Parallels")
	s.wantMachines("a machine is gone", false, true, true)
	mactest.AddFile(t, s.m.Root, probe.ParallelsNetworkSettings, "<ParallelsNetworkConfig/>")
	s.wantMachines("network settings", false, true, true)
	s.snap.Apps[0].Version = "18.3.4"
	s.wantMachines("an update", false, true, true)
	mactest.AddFile(t, s.m.Root, probe.PrlctlTool+".new", "")
	s.wantMachines("another tool", false, false, true)

	seen := time.Date(2026, 7, 1, 20, 50, 0, 0, time.UTC)
	record := probe.LoadRecord{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID, LastSeen: seen}
	vnic := record
	vnic.BundleID = "com.parallels.kext.vnic"
	s.snap.Policy.History = []probe.LoadRecord{vnic, record, {TeamID: "TEAM", BundleID: "com.example", LastSeen: seen}}
	s.wantMachines("an attempt", false, true, true)
	s.snap.Policy.History = []probe.LoadRecord{{TeamID: "TEAM", BundleID: "com.example", LastSeen: seen.Add(time.Hour)}, record, vnic}
	s.wantMachines("another vendor's attempt", false, false, true)
	s.snap.Policy.History[1].LastSeen = seen.Add(time.Minute)
	s.wantMachines("another attempt", false, true, true)
	s.snap.Attempts = []probe.Attempt{{At: seen, TeamID: probe.ParallelsTeamID, From: probe.FromRetry}}
	s.wantMachines("an attempt that was told", false, true, true)
	s.snap.Policy = nil
	s.wantMachines("no policy", false, true, true)
	s.wantMachines("nothing", false, false, true)
}

func TestMachinesQueriedOnlyIfTheyMatter(t *testing.T) {
	for name, change := range map[string]func(*probe.Snapshot){
		"Apple silicon": func(snap *probe.Snapshot) { snap.Mac.Arch = probe.AppleSilicon },
		"macOS 10.15":   func(snap *probe.Snapshot) { snap.Mac.OS = probe.OSVersion{Version: "10.15.7"} },
		"App Store":     func(snap *probe.Snapshot) { snap.Apps[0].Edition = probe.AppStore },
		"Parallels 15":  func(snap *probe.Snapshot) { snap.Apps[0].Version = "15.1.5" },
		"not installed": func(snap *probe.Snapshot) { snap.Apps = nil },
		"another app":   func(snap *probe.Snapshot) { snap.Apps[0].TeamID = "TEAM" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newNeedStory(t)
			before := s.snap.Apps[0]
			change(&s.snap)
			s.wantMachines(name, true, false, false)
			s.snap.Mac, s.snap.Apps = probe.Mac{OS: bigSur, Arch: probe.Intel}, []probe.App{before}
			s.wantMachines("and back", false, true, true)
		})
	}
}

func TestMachineGapsAreCached(t *testing.T) {
	s := newNeedStory(t)
	mactest.AddTool(t, s.m.Root, probe.PrlctlTool, "echo prlctl >>'"+filepath.Join(s.m.Root, "queried")+"'; exit 255")
	for _, want := range []string{"prlctl", ""} {
		_, gaps := s.machines(t.Context(), false)
		wantGaps(t, gaps, "virtual machines, virtual machines on the disk")
		if queried := s.queried(); queried != want {
			t.Errorf("queried %q, want %q", queried, want)
		}
	}
	mactest.AddTool(t, s.m.Root, probe.PrlctlTool, "echo '[]'")
	if got, gaps := s.machines(t.Context(), false); !got.Known || len(gaps) > 0 {
		t.Errorf("another prlctl was not queried: %+v, %+v", got, gaps)
	}
}

// A snapshot that was cut short is not cached.
func TestCanceledQueriesAreNotCached(t *testing.T) {
	s := newNeedStory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, gaps := s.machines(ctx, false); got.Known || len(gaps) == 0 {
		t.Errorf("%+v, %+v", got, gaps)
	}
	if got, gaps := s.enforcement(ctx, false); got.SIP.State != "" || len(gaps) == 0 {
		t.Errorf("%+v, %+v", got, gaps)
	}
	s.wantMachines("the next snapshot", false, true, true)
	s.wantEnforcement("the next snapshot", false, allEnforcement)
}

// The teams that Recovery allows are queried, too, if a kext is blocked.
const (
	allEnforcement     = "csrutil profiles spctl"
	blockedEnforcement = "csrutil profiles spctl spctl"
)

func (s *needStory) wantEnforcement(after string, fresh bool, queried string) probe.Enforcement {
	s.t.Helper()
	got, gaps := s.enforcement(s.t.Context(), fresh)
	if did := s.queried(); did != queried {
		s.t.Errorf("%s: queried %q, want %q", after, did, queried)
	}
	if got.SIP.State != probe.SIPEnabled || got.Consent.Enabled != probe.Yes || len(gaps) > 0 {
		s.t.Errorf("%s: %+v, %+v", after, got, gaps)
	}
	return got
}

func TestEnforcementQueriedOncePerBoot(t *testing.T) {
	s := newNeedStory(t)
	s.wantEnforcement("first snapshot", false, allEnforcement)
	s.wantEnforcement("nothing", false, "")
	s.wantEnforcement("fresh snapshot", true, "profiles")
	s.snap.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID}}
	s.wantEnforcement("a block", false, "spctl")
	s.wantEnforcement("nothing", false, "")
	s.snap.Mac.BootSession = "2F0E5B43-6E6B-4C57-9F7E-0A2E2E3B7C11"
	s.wantEnforcement("a restart", false, blockedEnforcement)

	addPlist(t, s.m, probe.ManagedKextPolicy, map[string]any{})
	if got := s.wantEnforcement("a profile", false, ""); got.Profile.UserOverrides != probe.No {
		t.Errorf("%+v", got)
	}
	addPlist(t, s.m, probe.ManagedKextPolicy, map[string]any{"AllowUserOverrides": true})
	if got := s.wantEnforcement("another profile", false, ""); got.Profile.UserOverrides != probe.Yes {
		t.Errorf("%+v", got)
	}
	s.wantEnforcement("nothing", false, "")
	mactest.Remove(t, s.m.Root, probe.ManagedKextPolicy)
	if got := s.wantEnforcement("no profile", false, "profiles"); got.Profile.Present != "" {
		t.Errorf("%+v", got)
	}
}

func TestEnforcementQueriedOnlyIfKextsMatter(t *testing.T) {
	s := newNeedStory(t)
	s.snap.Mac.Arch = probe.AppleSilicon
	got, gaps := s.enforcement(t.Context(), true)
	if got.SIP.State != "" || len(gaps) > 0 || s.queried() != "" {
		t.Errorf("Apple silicon: %+v, %+v", got, gaps)
	}
	s.snap.Mac.Arch, s.snap.Apps = probe.Intel, nil
	got, gaps = s.enforcement(t.Context(), true)
	if got.SIP.State != "" || len(gaps) > 0 || s.queried() != "" {
		t.Errorf("no Parallels: %+v, %+v", got, gaps)
	}
	s.snap.Policy.Rows = []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID}}
	s.wantEnforcement("a row of Parallels", false, blockedEnforcement)
}

// BenchmarkUnchanged measures a snapshot without changes: twenty virtual machines,
// no tool.
func BenchmarkUnchanged(b *testing.B) {
	m := homeMac(b)
	for i := range 20 {
		mactest.AddFile(b, m.Root, "/Users/me/Parallels/"+strings.Repeat("x", i+1)+".pvm/config.pvs", config(vmID, "x", "1"))
	}
	mactest.AddTool(b, m.Root, probe.PrlctlTool, "echo '[]'")
	p := NewProber(m)
	snap := probe.Snapshot{Mac: probe.Mac{OS: bigSur, Arch: probe.Intel, BootSession: testSession}, Apps: []probe.App{*parallelsVersion("18.1.1")}}
	for b.Loop() {
		snap := p.whole(b.Context(), time.Now(), Options{}, snap, func(s *shot) {
			p.readMachines(s)
			p.readEnforcement(s)
		})
		if !snap.Machines.Known {
			b.Fatalf("%+v", snap.Machines)
		}
	}
}

// BenchmarkMachines measures a query of prlctl, and of twenty config.pvs.
func BenchmarkMachines(b *testing.B) {
	m := homeMac(b)
	for i := range 20 {
		mactest.AddFile(b, m.Root, "/Users/me/Parallels/"+strings.Repeat("x", i+1)+".pvm/config.pvs", config(vmID, "x", "1")+strings.Repeat("\n", 20_000))
	}
	b.Run("config.pvs", func(b *testing.B) {
		for b.Loop() {
			if got, _ := queryMachines(b.Context(), m); len(got.List) != 20 {
				b.Fatalf("%+v", got)
			}
		}
	})
	mactest.AddTool(b, m.Root, probe.PrlctlTool, prints("["+strings.TrimSuffix(strings.Repeat(`{"ID": "`+vmID+`", "Optimization": {"Hypervisor type": "apple"}},`, 20), ",")+"]"))
	b.Run("prlctl", func(b *testing.B) {
		for b.Loop() {
			if got, _ := queryMachines(b.Context(), m); len(got.List) != 20 || got.From != "prlctl" {
				b.Fatalf("%+v", got)
			}
		}
	})
}

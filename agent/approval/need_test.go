package approval

import (
	"slices"
	"testing"

	"kextwatch/probe"
)

// vms gives the Mac virtual machines, as prlctl lists them.
func (s *macStory) vms(list ...probe.VM) {
	s.snap.Machines = probe.Machines{Known: true, From: "prlctl", List: list, Kextless: probe.Yes}
}

func vm(name string, h probe.Hypervisor) probe.VM {
	return probe.VM{UUID: "8C7A0E6C-0000-4000-8000-000000000001", Name: name, State: probe.VMStopped, Hypervisor: h}
}

// Which Macs need the kernel extensions of Parallels. Without these rules, users
// of macOS 11 and later would get alerts without a reason.
func TestNeed(t *testing.T) {
	apple, parallels := vm("Windows", probe.AppleHypervisor), vm("Nested", probe.ParallelsHypervisor)
	tests := []struct {
		name      string
		macOS     string
		parallels string
		mac       func(s *macStory)
		want      Verdict
		because   Rule
		gap       bool
	}{
		{"10.15: always", "10.15.7", "16.5.1", func(s *macStory) { s.vms(apple) }, NotAsked, RuleOldMacOS, false},
		{"11+, Parallels 15: always", "11.7.10", "15.1.5", func(s *macStory) { s.vms(apple) }, NotAsked, RuleOldParallels, false},
		{"every VM on Apple's hypervisor, no row", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple, apple) }, NotNeeded, RuleAppleHypervisor, false},
		{"the same, blocked long ago", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple); s.attempt(at(5), hypervisor) }, NotNeeded, RuleAppleHypervisor, false},
		{"the same, policy unreadable", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple); s.snap.Policy = nil }, NotNeeded, RuleAppleHypervisor, false},
		{"the same, but tried just now", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple); s.attempt(at(40), hypervisor) }, BlockedOpen, RuleAppleHypervisor, false},
		{"one VM on Parallels' hypervisor", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple, parallels) }, NotAsked, RuleParallelsHypervisor, false},
		{"kernel extensions for networking", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple); s.snap.Machines.Kextless = probe.No }, NotAsked, RuleKextNetworking, false},
		{"networking is not known", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple); s.snap.Machines.Kextless = "" }, NotAsked, "", true},
		{"a VM with an unknown hypervisor", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple, vm("?", "")) }, NotAsked, "", true},
		{"not all VMs are known", "12.7.6", "17.1.7", func(s *macStory) { s.vms(apple); s.snap.Machines.Known = false }, NotAsked, "", true},
		{"no answer at all", "12.7.6", "17.1.7", func(s *macStory) {}, NotAsked, "", true},
		{"prlctl lists no virtual machine", "12.7.6", "17.1.7", func(s *macStory) { s.vms() }, NotAsked, "", false},
		{"App Store edition", "12.7.6", "17.1.7", func(s *macStory) { s.snap.Apps[0].Edition = probe.AppStore }, NotNeeded, RuleAppStore, false},
		{"Apple silicon", "14.7.2", "19.4.3", func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon }, NotNeeded, RuleAppleSilicon, false},
		{"macOS not known", "", "17.1.7", func(s *macStory) { s.vms(apple) }, NotAsked, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.macOS)
			s.install(tt.parallels, "1")
			tt.mac(s)
			status, _ := standard.Assess(Memory{}, s.snap, at(45))
			p := status.Products[0]
			if status.Verdict != tt.want || p.Need.Because != tt.because {
				t.Errorf("verdict %s because %q, want %s because %q", status.Verdict, p.Need.Because, tt.want, tt.because)
			}
			if gap := len(status.Gaps) > 0; gap != tt.gap {
				t.Errorf("gaps %v, want one: %v", status.Gaps, tt.gap)
			}
		})
	}
}

func TestWhichVirtualMachinesAreStuck(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.install("17.1.7", "51588")
	nested := vm("Lab", probe.ParallelsHypervisor)
	nested.Nested = probe.Yes
	suspended := vm("Suspended", probe.ParallelsHypervisor)
	suspended.State = probe.VMSuspended
	s.vms(vm("Office", probe.AppleHypervisor), vm("Old Windows", probe.ParallelsHypervisor), nested, suspended)
	s.attempt(at(40), hypervisor)
	status, _ := standard.Assess(Memory{}, s.snap, at(41))
	need := status.Products[0].Need
	if len(need.VMs) != 3 || len(need.CanMove()) != 1 || need.CanMove()[0].Name != "Old Windows" || len(need.Nested()) != 1 || need.Nested()[0].Name != "Lab" ||
		len(need.CanMoveLater()) != 1 || need.CanMoveLater()[0].Name != "Suspended" {
		t.Errorf("need %+v, want Old Windows that could move, Suspended that could later, and Lab that cannot", need)
	}
}

// What makes Parallels try again, and which virtual machines this user can start for
// it. Each reason of the need has its own way.
func TestWhatMakesParallelsTry(t *testing.T) {
	machine := func(name, uuid string, state probe.VMState) probe.VM {
		vm := vm(name, probe.ParallelsHypervisor)
		vm.UUID, vm.State = uuid, state
		return vm
	}
	stopped, suspended := machine("Windows", "b", probe.VMStopped), machine("Alpha", "a", probe.VMSuspended)
	second, running, paused := machine("Debian", "c", probe.VMStopped), machine("Lab", "d", probe.VMRunning), machine("Odd", "e", "")
	nameless, others, apple := machine("No UUID", "", probe.VMStopped), machine("Sue's", "f", probe.VMStopped), vm("Office", probe.AppleHypervisor)
	others.OtherUsers = true
	for _, tt := range []struct {
		name       string
		macOS      string
		parallels  string
		kextless   probe.Answer
		vms        []probe.VM
		opening    bool
		networking bool
		start      []string // UUIDs
	}{
		{"10.15", "10.15.7", "16.5.1", probe.No, []probe.VM{stopped}, true, false, nil},
		{"Parallels 15", "11.7.10", "15.1.5", probe.Yes, nil, true, false, nil},
		{"networking", "12.7.6", "17.1.7", probe.No, []probe.VM{apple}, true, true, nil},
		{"networking and a machine", "12.7.6", "17.1.7", probe.No, []probe.VM{apple, stopped}, true, true, []string{"b"}},
		{"a stopped machine before a suspended one", "12.7.6", "17.1.7", probe.Yes, []probe.VM{suspended, stopped, second}, false, false, []string{"c", "b", "a"}},
		{"a suspended machine alone", "12.7.6", "17.1.7", probe.Yes, []probe.VM{suspended}, false, false, []string{"a"}},
		{"none that this user can start", "12.7.6", "17.1.7", probe.Yes, []probe.VM{running, paused, nameless, others, apple}, false, false, nil},
		{"networking is unknown", "12.7.6", "17.1.7", "", []probe.VM{apple}, false, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.macOS)
			s.install(tt.parallels, "1")
			s.vms(tt.vms...)
			s.snap.Machines.Kextless = tt.kextless
			status, _ := standard.Assess(Memory{}, s.snap, at(45))
			need := status.Products[0].Need
			var start []string
			for _, vm := range need.Startable() {
				start = append(start, vm.UUID)
			}
			if need.ByOpening() != tt.opening || need.Networking != tt.networking || !slices.Equal(start, tt.start) {
				t.Errorf("by opening %v, networking %v, start %q; want %v, %v, %q", need.ByOpening(), need.Networking, start, tt.opening, tt.networking, tt.start)
			}
		})
	}
}

// Both reasons of a need are rules that fired.
func TestEachReasonOfTheNeedFires(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.install("17.1.7", "51588")
	s.vms(vm("Windows", probe.ParallelsHypervisor))
	s.snap.Machines.Kextless = probe.No
	status, _ := standard.Assess(Memory{}, s.snap, at(45))
	for _, rule := range []Rule{RuleKextNetworking, RuleParallelsHypervisor} {
		if !slices.ContainsFunc(status.Fired, func(f Fired) bool { return f.Rule == rule }) {
			t.Errorf("rule %s did not fire: %v", rule, status.Fired)
		}
	}
}

// What allows or forbids an extension, other than a click of the user.
func TestEnforcement(t *testing.T) {
	tests := []struct {
		name  string
		mac   func(e *probe.Enforcement)
		want  Verdict
		by    AllowedBy
		cause ReasonCode
	}{
		{"nothing special", func(e *probe.Enforcement) {}, BlockedOpen, "", ""},
		{"the team was added from Recovery", func(e *probe.Enforcement) {
			e.Consent = probe.Consent{Enabled: probe.Yes, Teams: []string{probe.ParallelsTeamID}}
		}, Approved, ByRecovery, ""},
		{"another team was", func(e *probe.Enforcement) {
			e.Consent = probe.Consent{Enabled: probe.Yes, Teams: []string{"EG7KH642X6"}}
		}, BlockedOpen, "", ""},
		{"SIP is off, its kext approval unknown", func(e *probe.Enforcement) { e.SIP.State = probe.SIPDisabled }, BlockedOpen, "", ReasonSIP},
		{"a profile forbids users", func(e *probe.Enforcement) {
			e.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, Name: "Fleet"}
		}, Managed, "", ReasonManaged},
		{"a profile lets users", func(e *probe.Enforcement) {
			e.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes}
		}, BlockedOpen, "", ""},
		{"a profile that cannot be seen", func(e *probe.Enforcement) { e.Profile = probe.KextProfile{UserOverrides: probe.No} }, BlockedOpen, "", ""},
		{"a profile allows the team", func(e *probe.Enforcement) {
			e.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, Teams: []string{probe.ParallelsTeamID}}
		}, Approved, ByMDM, ""},
		{"a profile allows one of four", func(e *probe.Enforcement) {
			e.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, Kexts: []probe.TeamKexts{{TeamID: probe.ParallelsTeamID, BundleIDs: []string{vnic}}}}
		}, BlockedOpen, "", ""},
		{"a profile allows all four", func(e *probe.Enforcement) {
			e.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, Kexts: []probe.TeamKexts{{TeamID: probe.ParallelsTeamID, BundleIDs: allKexts}}}
		}, Approved, ByMDM, ""},
		{"a profile allows the same names of another team", func(e *probe.Enforcement) {
			e.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, Kexts: []probe.TeamKexts{{TeamID: "EG7KH642X6", BundleIDs: allKexts}}}
		}, BlockedOpen, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "12.7.6")
			s.install("17.1.7", "51588")
			s.attempt(at(40), allKexts...)
			tt.mac(&s.snap.Enforcement)
			status, _ := standard.Assess(Memory{}, s.snap, at(41))
			p := status.Products[0]
			if status.Verdict != tt.want || p.Items[0].Kexts[0].AllowedBy != tt.by {
				t.Errorf("verdict %s, allowed by %q, want %s by %q", status.Verdict, p.Items[0].Kexts[0].AllowedBy, tt.want, tt.by)
			}
			if tt.cause != "" && !p.has(tt.cause) || tt.cause == "" && p.has(ReasonManaged) {
				t.Errorf("reasons %v, want %q", p.Reasons, tt.cause)
			}
		})
	}
}

func (p Product) has(code ReasonCode) bool {
	for _, r := range p.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// If a profile does not let users approve, no window is announced. After the
// profile is removed, the rest of the window counts.
func TestStoryAProfileForbidsToApprove(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.look(at(1), NotAsked)
	s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, Name: "Fleet"}
	s.attempt(at(2), allKexts...)
	s.look(at(2), Managed, "managed!")
	s.minutesLeft(-1)
	s.look(at(10), Managed)
	s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.No}
	s.look(at(12), BlockedOpen, "window-opened!")
	s.minutesLeft(20)
}

// Only Parallels needs no extension on Apple silicon. What others need is not known.
func TestAnotherDeveloperOnAppleSilicon(t *testing.T) {
	s := newStory(t, "14.7.2")
	s.snap.Mac.Arch = probe.AppleSilicon
	s.settings.Vendors.All = true
	s.place("TEAMONE", 1, at(10))
	s.allow()
	s.said(at(60))
	for _, p := range s.last.Products {
		if p.TeamID == "TEAMONE" && (p.Verdict != Approved || p.Need.Answer != "") {
			t.Errorf("%s with the need %+v, want approved and no known need", p.Verdict, p.Need)
		}
	}
}

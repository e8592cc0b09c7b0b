package approval

import (
	"testing"

	"kextwatch/probe"
)

// usedStory is a Mac on which Parallels was approved long ago and has a virtual machine
// on its own hypervisor.
func usedStory(t *testing.T, macOS string) *macStory {
	s := newStory(t, macOS)
	s.install("17.1.7", "51588")
	s.vms(vm("Windows", probe.ParallelsHypervisor))
	s.snap.Mac.BootedAt = at(-600)
	s.attempt(at(-500), allKexts...)
	s.allow()
	return s
}

// collect makes the kernel collection of this boot one with these extensions of
// Parallels, and another one.
func (s *macStory) collect(version string, ids ...string) {
	s.snap.Collection = probe.Collection{Known: true, Kexts: []probe.LoadedKext{{BundleID: "com.example.other", Version: "1.0"}}}
	for _, id := range ids {
		s.snap.Collection.Kexts = append(s.snap.Collection.Kexts, probe.LoadedKext{BundleID: id, Version: version})
	}
}

// What proves that macOS does not load an approved extension is announced once in a boot.
func TestProofsAreToldOnce(t *testing.T) {
	attempted := func(s *macStory) {
		s.attempt(at(10), allKexts...)
		s.allow()
		s.look(at(10.1), Approved)
		if !s.last.Loading || s.last.DueAt != at(11) {
			s.t.Errorf("loading %v, due %v; want to look again until the minute is over", s.last.Loading, s.last.DueAt)
		}
	}
	tests := []struct {
		name  string
		macOS string
		rule  Rule
		want  Verdict
		event string
		mac   func(s *macStory)
	}{
		{"not in the collection, and not restarted", "12.7.6", RuleNotCollected, RestartPending, "restart-needed!", func(s *macStory) { s.collect("", "") }},
		{"not in the collection after a restart", "12.7.6", RuleNotCollected, LoadFailing, "load-failing!", func(s *macStory) {
			s.restart(at(5), "SESSION-2")
			s.collect("", "")
		}},
		{"an attempt that was seen", "12.7.6", RuleAttemptFailed, LoadFailing, "load-failing!", attempted},
		{"an attempt that was seen, up to 10.15", "10.15.7", RuleAttemptFailed, LoadFailing, "load-failing!", attempted},
		{"an attempt after a restart, never loaded", "12.7.6", RuleAttemptFailed, LoadFailing, "load-failing!", func(s *macStory) {
			s.restart(at(5), "SESSION-2")
			s.attempt(at(8), allKexts...)
			s.allow()
		}},
		{"a virtual machine runs without them", "12.7.6", RuleRunsWithout, LoadFailing, "load-failing!", func(s *macStory) {
			s.snap.Machines.List[0].State = probe.VMRunning
			s.look(at(10), Approved) // it may have been started just now
		}},
		{"Parallels runs without them", "10.15.7", RuleRunsWithout, LoadFailing, "load-failing!", func(s *macStory) {
			s.snap.Situation.ParallelsSince = at(6)
			s.look(at(10.9), Approved)
		}},
		{"refused since", "12.7.6", RuleLoadFailing, LoadFailing, "load-failing!", func(s *macStory) { s.report(probe.FromLog, probe.Refused, at(10), hypervisor) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := usedStory(t, tt.macOS)
			s.look(at(1), Approved)
			tt.mac(s)
			s.look(at(11.1), tt.want, tt.event)
			if tt.want == LoadFailing && s.last.Products[0].Proof != tt.rule {
				t.Errorf("proof %s, want %s", s.last.Products[0].Proof, tt.rule)
			}
			s.snap.Collection, s.snap.Attempts = probe.Collection{}, nil // the tools do not answer any more
			s.agentRestarts()
			s.look(at(12), tt.want)
			list := s.snap.Loaded
			s.snap.Loaded = probe.Loaded{}
			s.look(at(12.5), tt.want)
			s.snap.Loaded = list
			if len(s.snap.Machines.List) > 0 {
				s.snap.Machines.List[0].State = probe.VMStopped
			}
			s.snap.Situation = probe.Situation{}
			s.look(at(13), tt.want)
			s.load("17.1.7 51588")
			s.look(at(14), Approved, "kexts-loaded!")
		})
	}
}

// Facts that look like a proof but prove nothing.
func TestNoProof(t *testing.T) {
	tests := []struct {
		name  string
		macOS string
		play  func(s *macStory)
	}{
		{"in the collection, tried, and not loaded", "12.7.6", func(s *macStory) {
			s.collect("17.1.7 51588", allKexts...)
			s.attempt(at(10), allKexts...)
			s.allow()
			s.look(at(10.1), Approved)
			s.look(at(12), Approved)
		}},
		{"the new version is in the collection after a restart", "12.7.6", func(s *macStory) {
			s.load("17.1.7 51588")
			s.look(at(2), Approved)
			s.install("17.1.8", "51600")
			s.restart(at(5), "SESSION-2")
			s.collect("17.1.8 51600", allKexts...)
			s.look(at(12), Approved, "parallels-updated")
		}},
		{"the list of loaded extensions is older than the attempt", "12.7.6", func(s *macStory) {
			s.attempt(at(10), allKexts...)
			s.allow()
			s.snap.Loaded.ReadAt = at(10)
			s.look(at(10.1), Approved)
			s.look(at(13), Approved)
			s.load("17.1.7 51588")
			s.look(at(14), Approved)
		}},
		{"the virtual machine was listed as running this morning", "12.7.6", func(s *macStory) {
			s.snap.Machines.List[0].State = probe.VMRunning
			s.snap.Machines.ReadAt, s.snap.Loaded.ReadAt = at(2), at(300)
			s.look(at(300), Approved)
		}},
		{"a virtual machine starts", "12.7.6", func(s *macStory) {
			s.attempt(at(10), allKexts...)
			s.allow()
			s.snap.Machines.List[0].State = probe.VMRunning
			s.snap.Machines.ReadAt, s.snap.Loaded.ReadAt = at(10), at(10)
			s.look(at(10.05), Approved)
			s.load("17.1.7 51588")
			s.look(at(10.1), Approved)
		}},
		{"a virtual machine ends", "12.7.6", func(s *macStory) {
			s.load("17.1.7 51588")
			s.look(at(10), Approved)
			s.snap.Machines.List[0].State = probe.VMRunning
			s.snap.Machines.ReadAt, s.snap.Loaded = at(20), probe.Loaded{Known: true, ReadAt: at(20.1)}
			s.look(at(20.1), Approved)
			s.snap.Machines.List[0].State = probe.VMStopped
			s.look(at(22), Approved)
			s.snap.Machines.List[0].State = probe.VMRunning // another one, much later
			s.snap.Machines.ReadAt, s.snap.Loaded.ReadAt = at(90), at(90)
			s.look(at(90), Approved)
		}},
		{"a staged copy that the installed version does not have", "12.7.6", func(s *macStory) {
			s.collect("17.1.7 51588", allKexts...)
			p := s.policy()
			p.Rows = append(p.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hidhook", Allowed: true})
			s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: "com.parallels.kext.hidhook", TeamID: probe.ParallelsTeamID, Staged: true, Version: "12.2 1",
				Path: app + "/Contents/Library/Extensions/10.9/prl_hid_hook.kext"})
			s.look(at(10), Approved)
			s.restart(at(20), "SESSION-2")
			s.look(at(22), Approved)
		}},
		{"loaded, and allowed again after that", "12.7.6", func(s *macStory) {
			s.load("17.1.7 51588")
			rows := s.policy().Rows
			s.look(at(2), Approved)
			s.snap.Policy.Source = probe.Framework
			s.snap.Policy.Rows = nil
			s.look(at(3), Approved, "source-changed") // it is loaded
			s.policy().Source, s.snap.Policy.Rows = probe.Database, rows
			s.look(at(4), Approved, "source-changed")
			s.snap.Loaded = probe.Loaded{} // kextstat fails
			s.look(at(5), Approved)
			s.snap.Loaded.Known = true // no virtual machine runs
			s.look(at(6), Approved)
		}},
		{"installed again after it failed", "10.15.7", func(s *macStory) {
			s.snap.Situation.ParallelsSince = at(2)
			s.look(at(8), LoadFailing, "load-failing!")
			s.snap.Situation.ParallelsSince = at(0).Add(0)
			s.uninstall()
			s.snap.Situation = probe.Situation{}
			s.look(at(60), NotInstalled, "parallels-removed")
			s.install("17.1.7", "51588")
			s.look(at(61), Approved, "parallels-installed")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := usedStory(t, tt.macOS)
			s.look(at(1), Approved)
			tt.play(s)
		})
	}
}

// The kernel has another version than the disk. A restart is missing; if that does not
// help, the update was not approved.
func TestAnotherVersionInTheCollection(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.collect("17.1.1 51537", allKexts...)
	s.look(at(1), RestartPending, "restart-needed!")
	s.restart(at(10), "SESSION-2")
	s.look(at(12), UpgradePending, "upgrade-pending!")
	s.collect("17.1.7 51588", allKexts...)
	s.restart(at(20), "SESSION-3")
	s.look(at(22), Approved, "approved!")
}

// An extension of another product of the same team does not hide a failure.
func TestAnotherProductIsLoaded(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: "com.parallels.virtualsound", TeamID: probe.ParallelsTeamID, Path: "/Applications/Parallels Access.app/Contents/k.kext", Version: "1"})
	s.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: "com.parallels.virtualsound", Version: "1"}}
	s.snap.Machines.List[0].State = probe.VMRunning
	s.look(at(1), LoadFailing, "load-failing!")
}

// The agent starts a moment after an attempt. The virtual machine that is listed as
// running may just be starting.
func TestAnAttemptJustBeforeTheFirstSight(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.attempt(at(0.5), allKexts...)
	s.allow()
	s.snap.Machines.List[0].State = probe.VMRunning
	s.look(at(1), Approved)
	s.look(at(2), LoadFailing, "load-failing!")
}

// The clock was set back. A time that lies ahead bounds nothing.
func TestClockSetBackHidesNoRefusal(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.look(at(1500), Approved) // a day ahead
	s.restart(at(5), "SESSION-2")
	s.look(at(6), Approved)
	s.report(probe.FromLog, probe.Refused, at(10), hypervisor)
	s.look(at(11), LoadFailing, "load-failing!")
}

// An approval is not lost while the answer of the source is old, the profile was not
// read, or a newer macOS begins with a new policy.
func TestAnApprovalIsNotLost(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.look(at(1), Approved)
	s.policy().Rows = nil
	s.snap.Policy.Stale = true
	s.look(at(2), Approved)
	s.look(at(3), Approved)
	s.snap.Policy.Stale = false
	s.look(at(4), Approved)
	s.look(at(5), Unknown, "approval-lost!")
	s.snap.Policy.Stale = true
	s.look(at(6), Unknown)
	s.snap.Policy = nil
	s.look(at(7), Unknown, "source-lost")
	s.snap.Policy = &probe.Policy{Source: probe.Database}
	s.look(at(8), Unknown, "source-changed")

	s = usedStory(t, "12.7.6")
	s.policy().Rows = nil
	s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, Teams: []string{probe.ParallelsTeamID}}
	s.look(at(1), Approved)
	with := s.snap.Enforcement
	s.snap.Enforcement = probe.Enforcement{}
	for _, minute := range []float64{2, 3, 20} {
		s.look(at(minute), Approved)
	}
	s.restart(at(30), "SESSION-2")
	s.look(at(32), Approved)
	s.look(at(33), Approved)
	s.snap.Enforcement = with
	s.look(at(34), Approved)

	s = usedStory(t, "10.15.7")
	s.look(at(1), Approved)
	s.snap.Mac.OS.Version = "12.7.6"
	s.restart(at(10), "SESSION-2")
	s.snap.Policy = &probe.Policy{Source: probe.Database}
	s.look(at(12), NotAsked, "macos-updated!")
	s.look(at(13), NotAsked)
}

// An update of what a profile allows needs a restart and no approval; a switch that asks
// nobody needs neither.
func TestAnUpdateOfWhatNobodyHasToApprove(t *testing.T) {
	for _, tt := range []struct {
		name string
		mac  func(s *macStory)
		want Verdict
		said []string
	}{
		{"a profile", func(s *macStory) { s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}} }, RestartPending, []string{"parallels-updated", "restart-needed!"}},
		{"a switch", func(s *macStory) { s.snap.Enforcement.Consent.Enabled = probe.No }, Approved, []string{"parallels-updated"}},
	} {
		s := newStory(t, "12.7.6")
		s.install("17.1.1", "51537")
		s.vms(vm("Windows", probe.ParallelsHypervisor))
		s.refuse(allKexts...)
		tt.mac(s)
		s.load("17.1.1 51537")
		s.look(at(1), Approved)
		s.install("17.1.7", "51588")
		s.snap.Loaded.Kexts = nil
		s.look(at(2), tt.want, tt.said...)
	}
}

// A refused retry of Parallels Desktop says nothing about Parallels Access.
func TestARefusalOfAnotherProduct(t *testing.T) {
	s := usedStory(t, "12.7.6")
	p := s.policy()
	p.Rows = append(p.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.virtualsound", Allowed: true})
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: "com.parallels.virtualsound", TeamID: probe.ParallelsTeamID, Path: "/Applications/Parallels Access.app/Contents/k.kext", Version: "1"})
	s.look(at(1), Approved)
	s.report(probe.FromRetry, probe.Refused, at(5), "")
	s.look(at(6), LoadFailing, "load-failing!")
	for _, product := range s.last.Products {
		if product.Name == "Parallels Access" && product.Verdict != Approved {
			t.Errorf("%s is %s, want approved", product.Name, product.Verdict)
		}
	}
}

// An application that cannot be read for a moment was not removed.
func TestAnApplicationThatCannotBeRead(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.look(at(1), Approved)
	apps := s.snap.Apps
	s.snap.Apps, s.snap.Gaps = nil, []probe.Gap{{Source: probe.FactParallels}}
	for _, n := range []float64{2, 3} {
		if events, _ := s.said(at(n)); events[ParallelsRemoved] > 0 {
			t.Errorf("said %v", events)
		}
	}
	s.snap.Apps, s.snap.Gaps = apps, nil
	if events, _ := s.said(at(4)); events[ParallelsInstalled] > 0 {
		t.Errorf("said %v", events)
	}
}

// The clock was set back, and the Mac restarted. A new attempt has a window although the
// earlier ones lie ahead.
func TestAttemptAfterTheClockWasSetBack(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(1500), allKexts...)
	s.look(at(1501), BlockedOpen, "window-opened!")
	s.look(at(1540), BlockedClosed, "window-closed!")
	s.restart(at(5), "SESSION-2")
	s.policy().History = nil
	s.look(at(6), BlockedUnknown, "blocked!")
	s.attempt(at(10), allKexts...)
	s.look(at(10.1), BlockedOpen, "window-reopened!")
}

// A memory that can be read only later still proves what it proved.
func TestProofsOfAnEarlierMemory(t *testing.T) {
	s := usedStory(t, "12.7.6")
	s.look(at(1), Approved)
	s.collect("", "")
	s.look(at(2), RestartPending, "restart-needed!")
	earlier := s.mem
	s.mem, s.snap.Collection = Memory{}, probe.Collection{}
	s.said(at(3)) // at first sight, without the memory
	s.mem = s.mem.After(earlier)
	s.look(at(4), RestartPending, "restart-needed!") // at first sight it looked approved

	s = usedStory(t, "12.7.6")
	s.look(at(1), Approved)
	s.policy().Rows = nil
	s.look(at(2), Approved)
	s.look(at(3), Unknown, "approval-lost!")
	earlier, s.mem = s.mem, Memory{}
	s.said(at(4))
	s.mem = s.mem.After(earlier)
	s.look(at(5), Unknown)
}

// What the earlier memory knows of loads and failures in this boot still counts, unless the
// extension was seen loaded since.
func TestLoadsOfAnEarlierMemory(t *testing.T) {
	loaded := func(s *macStory) {
		s.load("17.1.7 51588")
		s.said(at(2))
		s.snap.Loaded.Kexts = nil
	}
	for _, tt := range []struct {
		name    string
		macOS   string
		earlier func(s *macStory)
		later   func(s *macStory)
		want    Verdict
	}{
		{"updated since it was loaded", "12.7.6", func(s *macStory) { loaded(s); s.install("17.1.8", "51600") }, nil, UpgradePending},
		{"a bad signature", "10.15.7", func(s *macStory) { s.report(probe.FromLog, probe.BadSignature, at(2), hypervisor) }, nil, LoadFailing},
		{"a bad signature, and loaded since", "10.15.7", func(s *macStory) { s.report(probe.FromLog, probe.BadSignature, at(2), hypervisor) }, loaded, Approved},
		{"a virtual machine ran without them", "12.7.6", func(s *macStory) { s.snap.Machines.List[0].State = probe.VMRunning; s.said(at(1.5)) }, nil, LoadFailing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := usedStory(t, tt.macOS)
			s.said(at(1))
			tt.earlier(s)
			s.said(at(3))
			earlier := s.mem
			s.mem, s.snap.Attempts, s.snap.Machines.List[0].State = Memory{}, nil, probe.VMStopped
			s.said(at(4)) // at first sight, without the memory
			if tt.later != nil {
				tt.later(s)
			}
			s.mem = s.mem.After(earlier)
			if s.said(at(5)); s.last.Verdict != tt.want {
				t.Errorf("verdict %s, want %s; rules %v", s.last.Verdict, tt.want, s.last.Fired)
			}
		})
	}
}

// A failure belongs to the version that failed: an update, as advised, has not failed yet.
func TestAnUpdateAfterAFailure(t *testing.T) {
	s := usedStory(t, "10.15.7")
	s.look(at(1), Approved)
	s.report(probe.FromLog, probe.BadSignature, at(2), hypervisor)
	s.look(at(3), LoadFailing, "load-failing!")
	s.snap.Attempts = nil
	kexts := s.snap.Kexts
	s.snap.Kexts = nil // the folder cannot be read for a moment, and nothing is updated
	for _, k := range kexts {
		k.Version, k.Unread = "", true
		s.snap.Kexts = append(s.snap.Kexts, k)
	}
	s.look(at(4), LoadFailing)
	s.install("17.1.8", "51600")
	s.look(at(5), Approved, "parallels-updated")
}

// That the collection had another version is remembered for the version on the disk:
// once it has that one, or none, a later difference is a new one.
func TestADifferenceInTheCollectionIsOver(t *testing.T) {
	for name, over := range map[string]func(s *macStory){
		"it has the version on the disk": func(s *macStory) { s.collect("17.1.7 51588", allKexts...) },
		"it has none":                    func(s *macStory) { s.collect("", "") },
		"the version on the disk cannot be read": func(s *macStory) {
			for i := range s.snap.Kexts {
				s.snap.Kexts[i].Version, s.snap.Kexts[i].Unread = "", true
			}
			s.collect("17.1.1 51537", allKexts...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := usedStory(t, "12.7.6")
			s.collect("17.1.1 51537", allKexts...)
			s.look(at(1), RestartPending, "restart-needed!")
			s.restart(at(10), "SESSION-2")
			over(s)
			s.said(at(12))
			s.install("17.1.8", "51600")
			s.restart(at(20), "SESSION-3")
			s.collect("17.1.7 51588", allKexts...)
			s.said(at(22))
			if s.last.Verdict != RestartPending {
				t.Errorf("verdict %s by %v, want %s", s.last.Verdict, s.last.Fired, RestartPending)
			}
		})
	}
}

package approval

import (
	"testing"

	"kextwatch/probe"
)

// An extension that was not found on the disk is not "not installed" or "not asked"
// while macOS loads it, or something just tried to.
func TestAnExtensionInAPlaceThatIsNotKnown(t *testing.T) {
	reported := func(s *macStory, minutes float64, outcome probe.Outcome) {
		s.report(probe.FromLog, outcome, at(minutes), hypervisor)
	}
	allowed := func(s *macStory) { s.attempt(at(-300), allKexts...); s.allow() }
	apps := func(s *macStory) { s.install("16.5.1", "49187"); s.snap.Kexts = nil }
	unlisted := func(s *macStory) {
		apps(s)
		s.snap.Gaps = []probe.Gap{{Source: probe.FactKextsOnDisk, Err: "denied", Next: "read it"}}
	}
	staged := func(s *macStory) { // the copy that macOS keeps
		s.install("16.5.1", "49187")
		for i := range s.snap.Kexts {
			s.snap.Kexts[i].Staged = true
		}
	}
	for name, c := range map[string]struct {
		set  func(s *macStory)
		want Verdict
	}{
		"nothing":                             {func(*macStory) {}, NotInstalled},
		"loaded, no row":                      {func(s *macStory) { s.load("16.5.1 49187") }, Approved},
		"loaded and allowed":                  {func(s *macStory) { allowed(s); s.load("16.5.1 49187") }, Approved},
		"refused, a bad signature":            {func(s *macStory) { allowed(s); reported(s, 20, probe.BadSignature) }, LoadFailing},
		"refused long ago":                    {func(s *macStory) { allowed(s); reported(s, -60, probe.BadSignature) }, NotInstalled},
		"needs a restart":                     {func(s *macStory) { allowed(s); reported(s, 20, probe.NeedsRestart) }, RestartPending},
		"scanned at the start":                {func(s *macStory) { s.attempt(at(0.1), allKexts...); s.allow() }, NotInstalled},
		"with the application":                {func(s *macStory) { apps(s) }, NotAsked},
		"with the application, just tried":    {func(s *macStory) { apps(s); reported(s, 21, probe.Refused) }, NotAsked}, // its row is being written
		"with the application, refused":       {func(s *macStory) { apps(s); reported(s, 19, probe.Refused) }, Unknown},
		"with the application, tried":         {func(s *macStory) { apps(s); reported(s, 19, probe.Permitted) }, Unknown},
		"with the application, tried earlier": {func(s *macStory) { apps(s); reported(s, -60, probe.Refused) }, Unknown},
		"a folder that cannot be listed":      {unlisted, Unknown},
		"a folder that cannot be listed, none needed": {func(s *macStory) {
			unlisted(s)
			s.snap.Machines = probe.Machines{Known: true, Kextless: probe.Yes, List: []probe.VM{{Hypervisor: probe.AppleHypervisor}}}
		}, NotNeeded},
		"with the application, only staged": {staged, NotAsked},
		"with the application, only staged, loaded earlier": {func(s *macStory) {
			staged(s)
			s.load("16.5.1 49187")
			_, s.mem = s.settings.Assess(s.mem, s.snap, at(1))
			s.snap.Loaded.Kexts = nil
		}, Unknown},
		"with the application, no policy":                   {func(s *macStory) { apps(s); s.snap.Policy = nil }, Unknown},
		"with the application, our own attempt was refused": {func(s *macStory) { apps(s); s.report(probe.FromRetry, probe.Refused, at(19), "") }, Unknown},
		"none needed, and refused": {func(s *macStory) {
			apps(s)
			reported(s, 19, probe.Refused)
			s.snap.Machines = probe.Machines{Known: true, Kextless: probe.Yes, List: []probe.VM{{Hypervisor: probe.AppleHypervisor}}}
		}, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, "12.7.6")
			s.uninstall()
			c.set(s)
			if status, _ := s.settings.Assess(s.mem, s.snap, at(21.5)); status.Verdict != c.want {
				t.Errorf("%s, want %s; rules %v", status.Verdict, c.want, status.Fired)
			}
		})
	}
}

// What macOS refuses on Apple silicon is a leftover of an Intel Mac: migrated, and built
// for another processor. Parallels does not need it there.
func TestRefusedOnAppleSilicon(t *testing.T) {
	for _, outcome := range probe.Failures {
		s := newStory(t, "14.6.1")
		s.snap.Mac.Arch = probe.AppleSilicon
		s.attempt(at(-300), allKexts...)
		s.allow()
		s.snap.Attempts = []probe.Attempt{{At: at(20), TeamID: probe.ParallelsTeamID, BundleID: hypervisor, From: probe.FromLog, Outcome: outcome}}
		s.look(at(21), NotNeeded)
	}
}

// A profile allowed the extension before anything named it: an attempt that made it known
// is not answered by that.
func TestAProfileAllowsWhatIsFirstSeenWithItsAttempt(t *testing.T) {
	for outcome, want := range map[probe.Outcome]Verdict{probe.Refused: LoadFailing, probe.NeedsRestart: RestartPending, probe.Permitted: LoadFailing} {
		t.Run(string(outcome), func(t *testing.T) {
			s := newStory(t, "12.7.6")
			s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}}
			kexts := s.snap.Kexts
			s.snap.Kexts = nil
			s.look(at(19.5), NotAsked)
			s.snap.Kexts = kexts
			s.snap.Attempts = []probe.Attempt{{At: at(20), TeamID: probe.ParallelsTeamID, BundleID: hypervisor, From: probe.FromLog, Outcome: outcome}}
			for _, minutes := range []float64{20.1, 21.5} {
				s.last, s.mem = s.settings.Assess(s.mem, s.snap, at(minutes))
			}
			if s.last.Verdict != want {
				t.Errorf("%s, want %s; rules %v", s.last.Verdict, want, s.last.Fired)
			}
		})
	}
}

// An older version in the kernel is reported unless macOS is known to ask for a restart.
func TestOlderVersionLoadedOnAnUnknownMacOS(t *testing.T) {
	for macOS, want := range map[string]bool{"10.15.7": true, "": true, "12.7.6": false} {
		s := newStory(t, macOS)
		s.attempt(at(-300), allKexts...)
		s.allow()
		s.load("14.1.3 1")
		status, _ := s.settings.Assess(s.mem, s.snap, at(1))
		told := false
		for _, r := range status.Products[0].Reasons {
			told = told || r.Code == ReasonOlderLoaded
		}
		if told != want {
			t.Errorf("macOS %q: %v, want %v; verdict %s", macOS, told, want, status.Verdict)
		}
	}
}

// From macOS 11 an older version in the kernel stays there until the next start, even if
// the collection already has the new one.
func TestOlderVersionLoadedAndTheNewOneCollected(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.attempt(at(-300), allKexts...)
	s.allow()
	s.load("14.1.3 1")
	s.snap.Collection.Known = true
	for _, id := range allKexts {
		s.snap.Collection.Kexts = append(s.snap.Collection.Kexts, probe.LoadedKext{BundleID: id, Version: "16.5.1 49187"})
	}
	s.look(at(1), RestartPending, "restart-needed!")
}

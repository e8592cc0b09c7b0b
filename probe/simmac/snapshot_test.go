package simmac_test

import (
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// snapshot reads the simulated Mac with the code that reads a real one. No fact is
// missing.
func (s sim) snapshot() probe.Snapshot {
	s.t.Helper()
	return s.snapshotWith(0)
}

// snapshotWith is snapshot with so many missing facts.
func (s sim) snapshotWith(gaps int) probe.Snapshot {
	s.t.Helper()
	snap := mac.NewProber(root.FS{Root: s.dir}).Snapshot(s.t.Context(), minutes(30), mac.Options{Fresh: true})
	if len(snap.Gaps) != gaps || snap.Policy == nil {
		s.t.Fatalf("policy %v, sources %+v, gaps %+v", snap.Policy, snap.Sources, snap.Gaps)
	}
	return snap
}

func TestProberReadsSimulatedMac(t *testing.T) {
	for macOS, parallels := range map[string]string{
		"10.13.6": "13.3.2", "10.14.6": "14.1.3", "10.15.7": "16.5.1-49187",
		"11.7.10": "17.1.7", "13.7.2": "18.3.4", "15.2": "20.4.2", "26.2": "26.4.1",
	} {
		t.Run(macOS, func(t *testing.T) {
			s := newSim(t, simmac.Options{MacOS: macOS, Parallels: parallels})
			s.must(s.Attempt(minutes(10)))
			blocked := s.snapshot()
			if m := blocked.Mac; m.OS.Version != macOS || m.OS.Build == "" || m.Arch != probe.Intel || !m.BootedAt.Equal(t0) || m.BootSession == "" {
				t.Errorf("Mac: %+v", m)
			}
			if len(blocked.Apps) != 1 || blocked.Apps[0].TeamID != probe.ParallelsTeamID || blocked.Apps[0].Edition != probe.Standard {
				t.Errorf("apps: %+v", blocked.Apps)
			}
			if len(blocked.Policy.Rows) != 4 || len(blocked.Policy.History) != 6 {
				t.Errorf("policy: %+v", blocked.Policy)
			}
			for _, row := range blocked.Policy.Rows {
				if row.Allowed || row.TeamID != probe.ParallelsTeamID {
					t.Errorf("row: %+v", row)
				}
			}
			for _, record := range blocked.Policy.History {
				if record.TeamID == probe.ParallelsTeamID && !record.LastSeen.Equal(minutes(10)) {
					t.Errorf("record: %+v", record)
				}
			}
			if loaded := parallelsLoaded(blocked); len(loaded) != 0 {
				t.Errorf("loaded while blocked: %+v", loaded)
			}

			s.must(s.Allow(minutes(11)))
			s.must(s.Restart(minutes(12)))
			s.must(s.Load(minutes(13)))
			allowed := s.snapshot()
			if allowed.Mac.BootSession == blocked.Mac.BootSession || !allowed.Mac.BootedAt.Equal(minutes(12)) {
				t.Errorf("no restart: %+v", allowed.Mac)
			}
			for _, row := range allowed.Policy.Rows {
				if !row.Allowed {
					t.Errorf("row: %+v", row)
				}
			}
			loaded := parallelsLoaded(allowed)
			if len(loaded) != 4 || len(allowed.Kexts) < 4 {
				t.Errorf("loaded: %+v, on disk: %+v", allowed.Loaded, allowed.Kexts)
			}
			for _, kext := range allowed.Kexts {
				if strings.HasPrefix(kext.BundleID, "com.parallels.") && !slices.Contains(loaded, probe.LoadedKext{BundleID: kext.BundleID, Version: kext.Version}) {
					t.Errorf("not loaded in the version on disk: %+v", kext)
				}
			}
		})
	}
}

func TestProberReadsAppleSilicon(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "26.2", Parallels: "27.0.2", Arch: probe.AppleSilicon})
	snap := s.snapshot()
	if snap.Mac.Arch != probe.AppleSilicon || len(snap.Apps) != 1 || len(parallelsLoaded(snap)) != 0 {
		t.Errorf("%+v", snap)
	}
}

func parallelsLoaded(snap probe.Snapshot) (found []probe.LoadedKext) {
	for _, k := range snap.Loaded.Kexts {
		if strings.HasPrefix(k.BundleID, "com.parallels.") {
			found = append(found, k)
		}
	}
	return found
}

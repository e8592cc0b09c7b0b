package approval

import (
	"testing"

	"kextwatch/probe"
)

// The verdict incompatible needs a reliable row and a product that does not run.
// It never hides that an approval waits.
func TestMadeForAnOlderMacOS(t *testing.T) {
	tests := []struct {
		name      string
		macOS     string
		parallels string
		mac       func(s *macStory)
		want      Verdict
	}{
		{"a likely row", "13.7.2", "17.1.7", func(s *macStory) {}, Incompatible},
		{"allowed, and not loaded", "13.7.2", "17.1.7", func(s *macStory) { s.attempt(at(1), allKexts...); s.allow() }, Incompatible},
		{"the policy cannot be read", "13.7.2", "17.1.7", func(s *macStory) { s.snap.Policy = nil }, Incompatible},
		{"it runs anyway", "13.7.2", "17.1.7", func(s *macStory) { s.attempt(at(1), allKexts...); s.allow(); s.load("17.1.7 1") }, Approved},
		{"an approval waits", "13.7.2", "17.1.7", func(s *macStory) { s.attempt(at(40), allKexts...) }, BlockedOpen},
		{"not needed", "13.7.2", "17.1.7", func(s *macStory) { s.vms(vm("Windows", probe.AppleHypervisor)) }, NotNeeded},
		{"what is loaded is not known", "13.7.2", "17.1.7", func(s *macStory) { s.snap.Loaded = probe.Loaded{} }, NotAsked},
		{"an unsure row", "10.15.7", "11.2.3", func(s *macStory) {}, NotAsked},
		{"made for this macOS", "13.7.2", "18.3.4", func(s *macStory) {}, NotAsked},
		{"no row", "13.7.2", "22.0.0", func(s *macStory) {}, NotAsked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.macOS)
			s.install(tt.parallels, "1")
			tt.mac(s)
			status, _ := DefaultSettings().Assess(Memory{}, s.snap, at(45))
			if status.Verdict != tt.want {
				t.Errorf("verdict %s, want %s; rules %v", status.Verdict, tt.want, status.Fired)
			}
		})
	}
}

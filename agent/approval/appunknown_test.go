package approval

import (
	"testing"

	"kextwatch/probe"
)

// A place of Parallels Desktop that could not be read is not taken for "not installed".
func TestAppUnknown(t *testing.T) {
	gap := probe.Gap{Source: probe.FactParallels, Err: "denied", Next: "read it"}
	for name, c := range map[string]struct {
		set  func(s *macStory)
		want Verdict
	}{
		"nothing else":        {func(*macStory) {}, Unknown},
		"allowed":             {func(s *macStory) { s.attempt(at(-300), allKexts...); s.allow() }, Unknown},
		"a window is open":    {func(s *macStory) { s.attempt(at(20), allKexts...) }, BlockedOpen},
		"Apple silicon":       {func(s *macStory) { s.snap.Mac.Arch = probe.AppleSilicon }, NotNeeded},
		"no gap":              {func(s *macStory) { s.snap.Gaps = nil }, NotInstalled},
		"no gap, not Intel":   {func(s *macStory) { s.snap.Gaps = nil; s.snap.Mac.Arch = probe.AppleSilicon }, NotInstalled},
		"installed after all": {func(s *macStory) { s.install("16.5.1", "49187") }, NotAsked},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, "12.7.6")
			s.uninstall()
			s.snap.Gaps = []probe.Gap{gap}
			c.set(s)
			if status, _ := s.settings.Assess(s.mem, s.snap, at(21)); status.Verdict != c.want {
				t.Errorf("%s, want %s", status.Verdict, c.want)
			}
		})
	}
}

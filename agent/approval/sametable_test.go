package approval

import (
	"testing"

	"kextwatch/probe"
)

// The agent reads the rows that the root reader publishes, and root reads the database
// itself: these are the same rows. What the agent saw counts for root, too.
func TestRootKnowsWhatTheAgentSaw(t *testing.T) {
	s := newStory(t, "14.5")
	s.snap.Policy.Source = probe.Reader
	s.look(at(10), NotAsked)
	s.attempt(at(20), allKexts...)
	s.look(at(20.1), BlockedOpen, "window-opened!")
	s.agentRestarts()
	s.allow() // while no agent ran
	once := s.settings
	once.Once = true
	for _, source := range []probe.SourceName{probe.Reader, probe.Database} {
		s.policy().Source = source
		if st, _ := once.Assess(s.mem, s.snap, at(40)); st.Verdict != RestartPending {
			t.Errorf("%s: %s, want %s", source, st.Verdict, RestartPending)
		}
	}
	// The framework may know more or less than either of them.
	s.policy().Source = probe.Framework
	if st, _ := once.Assess(s.mem, s.snap, at(40)); st.Verdict != Approved {
		t.Errorf("the framework: %s, want %s", st.Verdict, Approved)
	}
}

// A row that was not there before the restart comes from an attempt, whoever reads it.
func TestRowAfterTheRestartByRoot(t *testing.T) {
	for _, source := range []probe.SourceName{probe.Reader, probe.Database} {
		s := newStory(t, "14.5")
		s.snap.Policy.Source = probe.Reader
		s.look(at(10), NotAsked)
		s.restart(at(60), "SESSION-2")
		s.attempt(at(61), allKexts...)
		s.policy().Source = source
		once := s.settings
		once.Once = true
		if st, _ := once.Assess(s.mem, s.snap, at(62)); st.Verdict != BlockedOpen {
			t.Errorf("%s: %s, want %s", source, st.Verdict, BlockedOpen)
		}
	}
}

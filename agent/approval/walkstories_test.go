package approval_test

import "testing"

// Sequences that once failed, as the failing test printed them.
var walkStories = []struct{ name, walk string }{
	{"a window after a login is announced", `
macOS 10.15.7, source database, log false, all vendors false, two teams of one name false
  +2s 4C6364ACXT attempts to load
  +2s the user logs in
  +2s 4C6364ACXT attempts to load
`},
	{"a reminder at the end of a snooze is not followed by another one within a minute", `
macOS 10.15.7, source database, log false, all vendors true, two teams of one name false
  +2s asleep BBBBBBBBBB attempts to load
  +2s 4C6364ACXT attempts to load
  +2s asleep the user snoozes
  +2s BBBBBBBBBB attempts to load
  +2h0m0s the tools answer
`},
	{"an old answer of the framework is not a read of this moment", `
macOS 10.15.7, source framework, log true, all vendors false, two teams of one name false
  +2s the tools are slow
  +2s 4C6364ACXT attempts to load
  +2s the clock is set back
  +2s the tools answer
`},
	{"an agent that starts again while tools are slow remembers the login", `
macOS 10.15.7, source database, log false, all vendors true, two teams of one name false
  +2s asleep AAAAAAAAAA attempts to load
  +2s the user logs in
  +2s the agent is killed while it posts
  +2s the tools are slow
  +2s 4C6364ACXT attempts to load
  +2s time passes
  +2s the tools answer
`},
	{"a remembered login of a wrong clock hides no window", `
macOS 10.15.7, source database, log false, all vendors false, two teams of one name false
  +2s the user logs in
  +1m0s asleep the tools are slow
  +2s the clock is set back
  +4m0s the user logs in
  +4m0s 4C6364ACXT attempts to load
  +11m0s AAAAAAAAAA attempts to load
`},
	{"a refusal is newer than a profile in an old answer of the framework", `
macOS 10.15.7, source framework, log true, all vendors false, two teams of one name false
  +2s 4C6364ACXT is allowed by a profile
  +2s the tools are slow
  +2s 4C6364ACXT loses the profile
  +2s 4C6364ACXT attempts to load
`},
	{"a refusal is newer than a row in an old answer of the framework", `
macOS 10.15.7, source framework, log true, all vendors false, two teams of one name false
  +2s 4C6364ACXT attempts to load
  +2s 4C6364ACXT is allowed
  +31m0s the tools are slow
  +2s 4C6364ACXT is no longer allowed
  +2s 4C6364ACXT attempts to load
`},
	{"an attempt that loaded an extension opens no window when that is unloaded", `
macOS 10.15.7, source database, log false, all vendors false, two teams of one name false
  +2s 4C6364ACXT attempts to load
  +2s 4C6364ACXT is allowed
  +2s 4C6364ACXT is loaded
  +2s 4C6364ACXT is no longer allowed
  +2s 4C6364ACXT is unloaded
`},
}

func TestStoriesOfWalks(t *testing.T) {
	for _, story := range walkStories {
		w := parseWalk(story.walk)
		for kind, failure := range w.play() {
			t.Errorf("%s: %s\n%v  %s", story.name, kind, w, failure)
		}
	}
}

// What a failing test prints can be played again.
func TestAWalkIsItsText(t *testing.T) {
	var w walk
	for _, what := range ofMac {
		w.steps = append(w.steps, step{what: what})
	}
	for _, what := range ofTeam {
		w.steps = append(w.steps, step{what: what, team: 2, awake: true})
	}
	w.macOS = "14.6.1"
	if text := w.String(); parseWalk(text).String() != text {
		t.Errorf("%s\nis read as\n%s", text, parseWalk(text))
	}
}

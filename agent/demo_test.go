package main

import (
	"errors"
	"slices"
	"testing"

	"kextwatch/agent/cli"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// A notification of the demo appears on this desktop: the tools of the simulated Mac would
// only record it.
func TestDemoPostsOnThisDesktop(t *testing.T) {
	h := newHost()
	var roots []string
	h.newPoster = func(tools string) (notify.Poster, error) {
		roots = append(roots, tools)
		return nil, errors.New("not in this test")
	}
	agent := &demoAgent{cli.Output{Stderr: t.Output()}, h.env, h.uid, h.newTray, h.newPoster, h.watch}
	agent.edges(t.Context(), root.FS{Root: t.TempDir(), Home: t.TempDir()}, probe.Clock{Now: h.clock.Now, After: h.clock.After})
	if !slices.Equal(roots, []string{"/"}) {
		t.Errorf("posters below %q, want the tools of this machine", roots)
	}
}

// The commands that the demo names at its end fit how it was called.
func TestDemoNamesCommandsToTry(t *testing.T) {
	for _, tc := range []struct{ program, story, keep, want string }{
		{"kextwatch", "update", "", "  kextwatch demo --story macfuse\n  kextwatch demo --speed 240 --keep demo-mac\n  kextwatch status --root demo-mac/mac\n"},
		{"bin/kextwatch", "macfuse", "", "  bin/kextwatch demo --story update\n  bin/kextwatch demo --speed 240 --keep demo-mac\n  bin/kextwatch status --root demo-mac/mac\n"},
		{"/My Apps/kextwatch", "restart", "a b", "  '/My Apps/kextwatch' demo --story macfuse\n  '/My Apps/kextwatch' status --root 'a b/mac'\n"},
	} {
		got := demoNext(tc.program, tc.story, tc.keep)[1:].String()
		if got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

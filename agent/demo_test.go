package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/cli"
	"kextwatch/agent/demo"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
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

// slowPoster needs longer for an alert than the story until the next one.
type slowPoster struct{}

func (slowPoster) Prepare(context.Context) {}

func (slowPoster) Post(context.Context, notify.Alert) error {
	time.Sleep(1500 * time.Millisecond)
	return nil
}

// On a slow machine the alerts are later than the story, which restarts the Mac. Each one is
// shown nevertheless.
func TestDemoOnASlowMachine(t *testing.T) {
	t.Parallel()
	h := newHost()
	h.newPoster = func(string) (notify.Poster, error) { return slowPoster{}, nil }
	h.newTray = func() (notify.Tray, error) { return nil, errors.New("no icon in this test") }
	var out bytes.Buffer
	story, _ := demo.Find("restart")
	agent := &demoAgent{cli.Output{Stderr: t.Output()}, h.env, h.uid, h.newTray, h.newPoster, h.watch}
	mactest.NoError(t, demo.Play(t.Context(), demo.Options{
		Story: story, Speed: 240, Start: time.Now(), Root: filepath.Join(t.TempDir(), "mac"), Out: &out,
		Edges: agent.edges, Install: agent.install, NoTray: errors.New("no icon"),
	}))
	for _, alert := range []string{"macOS was updated from 12.7.6", "Parallels Desktop needs your approval", "Parallels Desktop: restart your Mac"} {
		if n := strings.Count(out.String(), "alert      "+alert); n != 1 {
			t.Errorf("%q was shown %d times:\n%s", alert, n, &out)
		}
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

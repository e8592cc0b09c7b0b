package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/agent/cli"
	"kextwatch/agent/store"
	"kextwatch/probe"
)

// installation tests install, status and uninstall with real processes.
func installation(t *testing.T, p program) {
	root, _ := simulated(t, "13.7.2")
	do := func(args ...string) string {
		t.Helper()
		cmd := p.command(t, append(args, "--root", root)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s%s", args[0], err, out, &stderr)
		}
		return string(out)
	}
	home := filepath.Join(root, "Users", "me")
	plist := filepath.Join(home, "Library", "LaunchAgents", probe.AgentLabel+".plist")
	if said := do("install"); strings.Count(said, ": done\n")+strings.Count(said, ": running as process ") < 4 {
		t.Errorf("install said\n%s", said)
	}
	data, err := os.ReadFile(plist)
	if err != nil || !strings.Contains(string(data), "<string>"+p[len(p)-1]+"</string>") {
		t.Errorf("%v: the property list does not start %s:\n%s", err, p[len(p)-1], data)
	}
	if said := do("install"); strings.Contains(said, ": done\n") {
		t.Errorf("a second install has steps to do:\n%s", said)
	}
	if doc, _ := p.status(t, root); doc.Mac.MacOS != "13.7.2" {
		t.Errorf("status says macOS %q", doc.Mac.MacOS)
	}
	do("settings")
	do("logs")
	if said := do("uninstall"); !strings.Contains(said, "remove "+plist+": done") {
		t.Errorf("uninstall said\n%s", said)
	}
	for _, left := range []string{plist, store.PlacesIn(home).Log, store.PlacesIn(home).State} {
		if _, err := os.Lstat(left); err == nil {
			t.Errorf("%s is left", left)
		}
	}
	do("uninstall")
}

func TestProgramInstallation(t *testing.T) { installation(t, thisProgram(t)) }

// sudo on macOS keeps HOME. Files of root there would lock their owner out.
func TestRootInstallsNothingInAHome(t *testing.T) {
	var stderr bytes.Buffer
	home := t.TempDir()
	h := host{stdin: strings.NewReader(""), stdout: &stderr, stderr: &stderr, env: os.Getenv, uid: 0}
	code := run(t.Context(), []string{"install", "--home", home}, h)
	if code != cli.ExitUnavailable || !strings.Contains(stderr.String(), "hint: run it without sudo, as the user who sees the menu bar") {
		t.Errorf("exit %d, said\n%s", code, &stderr)
	}
	if left, _ := os.ReadDir(home); len(left) > 0 {
		t.Errorf("it wrote %v", left)
	}
}

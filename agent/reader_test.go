package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestHasTray(t *testing.T) {
	for _, tc := range []struct {
		cgo, os, tags string
		want          bool
	}{
		{"0", "darwin", "", false},
		{"1", "darwin", "", true},
		{"", "darwin", "", true}, // not known
		{"0", "linux", "tray", false},
		{"1", "linux", "", false},
		{"1", "linux", "tray", true},
		{"1", "linux", "netgo,tray,desktop", true},
		{"1", "linux", "portray", false},
	} {
		settings := []debug.BuildSetting{{Key: "GOOS", Value: tc.os}, {Key: "-tags", Value: tc.tags}}
		if tc.cgo != "" {
			settings = append(settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: tc.cgo})
		}
		if got := hasTray(settings); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestReaderProgramIsRefused(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "kextwatch-reader")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		script:                     "is not a kextwatch",
		dir:                        "is not a regular file",
		filepath.Join(dir, "none"): "no such file",
		"kextwatch-reader":         "not an absolute path",
	} {
		if content, err := readerProgram(path); content != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{
		"/usr/local/bin/kextwatch":               "/usr/local/bin/kextwatch",
		"/Applications/Kext Watch.app/kextwatch": "'/Applications/Kext Watch.app/kextwatch'",
		"/tmp/it's":                              `'/tmp/it'\''s'`,
		"$(reboot)":                              "'$(reboot)'",
		"":                                       "''",
	} {
		if got := shellWord(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

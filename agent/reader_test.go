package main

import (
	"bytes"
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

// The application brings the reader; what lies beside the program goes first.
func TestTheReaderIsFoundBesideTheProgram(t *testing.T) {
	for _, place := range []string{"MacOS/kextwatch-reader", "Helpers/kextwatch-reader", "MacOS/kextwatch"} {
		contents := t.TempDir()
		for _, name := range []string{"MacOS", "Helpers"} {
			if err := os.Mkdir(filepath.Join(contents, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		self := filepath.Join(contents, "MacOS/kextwatch")
		if err := os.WriteFile(self, []byte("with the icon"), 0o755); err != nil {
			t.Fatal(err)
		}
		if content, err := readerBeside(self); content != nil || err == nil {
			t.Errorf("took what is no kextwatch: %v", err)
		}
		if err := makeTrayless(filepath.Join(contents, place)); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(contents, place))
		if err != nil {
			t.Fatal(err)
		}
		if content, err := readerBeside(self); err != nil || !bytes.Equal(content, want) {
			t.Errorf("%s: %v", place, err)
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

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// An app that shows nothing when it is opened looks broken. A command in a terminal
// must not start the agent.
func TestOpeningTheAppShowsItsIcon(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const app, bin = "/Applications/Kextwatch.app/Contents/MacOS/kextwatch", "/usr/local/bin/kextwatch"
	run := []string{"run"}
	for _, tc := range []struct {
		name, program string
		args, want    []string
	}{
		{"opened", app, nil, run},
		{"opened, with a process number", app, []string{"-psn_0_12345"}, run},
		{"a command", app, []string{"status"}, []string{"status"}},
		{"outside the app", bin, nil, nil},
		{"outside the app, -p", bin, []string{"-psn_0_12345"}, []string{"-psn_0_12345"}},
		{"the reader in the app", "/Applications/Kextwatch.app/Contents/Helpers/kextwatch-reader", nil, nil},
	} {
		if got := arguments(tc.args, tc.program, null); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := arguments(nil, app, file); got != nil {
		t.Errorf("with a file as input: %q", got)
	}
	if got := arguments(nil, app, strings.NewReader("")); got != nil {
		t.Errorf("with a pipe as input: %q", got)
	}
}

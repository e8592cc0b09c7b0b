package desktop

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kextwatch/notify"
)

// An answer is a button of the dialog, and only one that zenity named.
func TestZenityAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		exit    int
		printed string
		want    notify.Answer
		fails   bool
	}{
		"the default button":      {0, "", "Open Security & Privacy", false},
		"the other button":        {1, "Remind Me in 5 Minutes", "Remind Me in 5 Minutes", false},
		"the cancel button":       {1, "", "Later", false},
		"nobody answers":          {5, "", "", false},
		"a button that is absent": {1, "Allow", "", true},
		"no display":              {255, "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >" + filepath.Join(root, "arguments") + "\nprintf '%s' '" + tc.printed + "'\nexit " + strconv.Itoa(tc.exit) + "\n"
			if err := os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "usr/bin/zenity"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			answer, err := Zenity{Root: root, UID: os.Geteuid()}.Ask(ctx, question())
			if answer != tc.want || (err != nil) != tc.fails {
				t.Errorf("answer %q, %v; want %q", answer, err, tc.want)
			}
			args, err := os.ReadFile(filepath.Join(root, "arguments"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"--no-markup\n", "--title=5 minutes left\n", "--text=macOS waits for you.\nClick Allow.\n",
				"--ok-label=Open Security & Privacy\n", "--cancel-label=Later\n", "--extra-button=Remind Me in 5 Minutes\n"} {
				if !strings.Contains(string(args), want) {
					t.Errorf("%q is missing in %q", want, args)
				}
			}
		})
	}
}

func TestZenityIsMissing(t *testing.T) {
	if _, err := (Zenity{Root: t.TempDir()}).Ask(ctx, question()); !errors.Is(err, ErrNoZenity) {
		t.Errorf("%v, want %v", err, ErrNoZenity)
	}
}

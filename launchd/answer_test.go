package launchd

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"kextwatch/probe/hostile"
)

func TestParseState(t *testing.T) {
	for name, tc := range map[string]struct {
		printed string
		want    State
	}{
		"running, as macOS 11 and later print it": {`gui/501/io.kextwatch.agent = {
	active count = 1
	path = /Users/ada/Library/LaunchAgents/io.kextwatch.agent.plist
	type = LaunchAgent
	state = running

	program = /Applications/kextwatch.app/Contents/MacOS/kextwatch
	arguments = {
		/Applications/kextwatch.app/Contents/MacOS/kextwatch
		run
	}
	inherited environment = {
		state = crashed
		pid = 1
	}
	runs = 1
	pid = 812
	last exit code = (never exited)
	endpoints = {
		"x" = {
			state = active
		}
	}
}
`, State{"running", 812, "(never exited)", "/Users/ada/Library/LaunchAgents/io.kextwatch.agent.plist"}},
		"as macOS 10.14 heads it": {"io.kextwatch.agent = {\n\tstate = waiting\n\tlast exit code = 0\n}\n", State{"waiting", 0, "0", ""}},
		"after a crash":           {"x = {\n\tstate = spawn scheduled\n\tlast exit code = 78: EX_CONFIG\n}\n", State{"spawn scheduled", 0, "78: EX_CONFIG", ""}},
		"a strange pid":           {"x = {\n\tstate = running\n\tpid = -5\n}\n", State{"running", 0, "", ""}},
		"control characters":      {"x = {\n\tstate = run\x1bning\n}\n", State{"running", 0, "", ""}},
		"something else":          {"state = running\npid = 5\n", State{}},
		"nothing":                 {"", State{}},
	} {
		if got := parseState(tc.printed); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add("gui/501/x = {\n\tstate = running\n\tpid = 812\n\tlast exit code = 0\n}\n")
	f.Add("x = {\n\ty = {\n\t\tstate = active\n\t}\n}\n}\n{\n")
	hostile.Fuzz(f, func(t *testing.T, output string) {
		s := parseState(output)
		if s.PID < 0 {
			t.Errorf("pid %d", s.PID)
		}
		wantShowable(t, s.Name)
		wantShowable(t, s.LastExit)
	})
}

// launchctl may say in several lines what is wrong.
func TestJudgeLines(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		output string
		want   error
		says   string
	}{
		"no session, macOS 26":    {112, "Bad request.\nCould not find domain for user gui: 501\n", ErrNoSession, "(Could not find domain for user gui: 501)"},
		"no service, macOS 26":    {113, "Bad request.\nCould not find service \"io.kextwatch.agent\" in domain for user gui: 501\n", ErrNotLoaded, "(Could not find service"},
		"a hint after the reason": {5, "Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.\n", errRefused, "(Bootstrap failed: 5: Input/output error)"},
		"usage after the reason":  {64, "Unrecognized subcommand: bootstrap\nUsage: launchctl <subcommand>\n\tload\n", errUnknownVerb, "(Unrecognized subcommand: bootstrap)"},
		"a code not known":        {7, "Bad request.\r\nNo such thing.\r\n", nil, "exit status 7: No such thing."},
		"nothing":                 {7, "\n \n", nil, "exit status 7: no message"},
	} {
		err := judge("gui/501/io.kextwatch.agent", tc.status, tc.output)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(5, "Bootstrap failed: 5: Input/output error")
	f.Add(0, "Load failed: 999999999999: \x1b[2J")
	f.Add(113, "Could not find service")
	f.Add(112, "Bad request.\nCould not find domain for user gui: 501")
	hostile.Fuzz(f, func(t *testing.T, status int, output string) {
		err := judge("gui/501/io.kextwatch.agent", status, output)
		if status != 0 && err == nil {
			t.Errorf("exit status %d is no error", status)
		}
		if err != nil {
			wantShowable(t, err.Error())
		}
	})
}

func FuzzJobOf(f *testing.F) {
	ours, _ := Agent("/usr/local/bin/kextwatch", "/Users/ada").Plist()
	f.Add(ours)
	f.Add([]byte("<?xml version=\"1.0\"?><plist><dict><key>Label</key><integer>5</integer></dict></plist>"))
	f.Add([]byte("<?xml" + strings.Repeat("<array>", 5000)))
	f.Add([]byte("bplist00"))
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		if job, err := jobOf(data); err != nil && (job.Label != "" || job.ProgramArguments != nil) {
			t.Errorf("job %+v and error %v", job, err)
		}
	})
}

// wantShowable fails for text with control characters and for very long text.
func wantShowable(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsFunc(text, unicode.IsControl) || utf8.RuneCountInString(text) > 500 {
		t.Errorf("cannot be shown: %q", text)
	}
}

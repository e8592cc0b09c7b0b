package launchd

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/tool"
)

func TestLaunchctlAnswers(t *testing.T) {
	for _, tc := range []struct {
		verb, answer string
		want         error
		says         string // for errors without a name
	}{
		{"bootstrap", "0", nil, ""},
		{"bootstrap", "5 Bootstrap failed: 5: Input/output error", errRefused, ""},
		{"bootstrap", "5 Bootstrap failed: 5: Input/output error Try re-running the command as root for richer errors.", errRefused, ""},
		{"bootstrap", "37 Bootstrap failed: 37: Operation already in progress", errBusy, ""},
		{"bootstrap", "36 Bootstrap failed: 36: Operation now in progress", errBusy, ""},
		{"bootstrap", "125 Bootstrap failed: 125: Domain does not support specified action", ErrNoSession, ""},
		{"bootstrap", "119 Bootstrap failed: 119: Service is disabled", ErrDisabled, ""},
		{"bootstrap", "5 Bootstrap failed: 119: Service is disabled", ErrDisabled, ""},
		{"bootout", "0", nil, ""},
		{"bootout", "3 Boot-out failed: 3: No such process", ErrNotLoaded, ""},
		{"bootout", "36 Boot-out failed: 36: Operation now in progress", errBusy, ""},
		{"kickstart", "0", nil, ""},
		{"kickstart", `113 Could not find service "io.kextwatch.agent" in domain for user gui: 501`, ErrNotLoaded, ""},
		{"kickstart", "37 Kickstart failed: 37: Operation already in progress", errBusy, ""},
		{"print", `113 Could not find service "io.kextwatch.agent" in domain for login`, ErrNotLoaded, ""},

		// Failures with exit status 0 are known from older releases.
		{"bootstrap", "0 Bootstrap failed: 5: Input/output error", errRefused, ""},
		{"bootstrap", "0 Load failed: 5: Input/output error", errRefused, ""},
		{"bootout", "0 Unload failed: 113: Could not find specified service", ErrNotLoaded, ""},
		{"bootstrap", "0 Bootstrap failed: 0: Undefined error", nil, "Undefined error"},

		{"bootstrap", "1 Usage: launchctl bootstrap <domain-target>", nil, "exit status 1: Usage: launchctl"},
		{"bootstrap", "64", nil, "exit status 64: no message"},
		{"print", "9 \x1b[31mred\x1b[0m \x07bell", nil, "exit status 9: [31mred[0m bell"},
		{"print", "9 " + strings.Repeat("x", 1000), nil, "xxx…"},
	} {
		t.Run(tc.verb+" "+tc.answer, func(t *testing.T) {
			m := newMac(t)
			m.answer(tc.verb, tc.answer)
			ctl, ctx := m.place.Launchctl, context.Background()
			var err error
			switch tc.verb {
			case "bootstrap":
				err = ctl.Bootstrap(ctx, uid, m.place.Plist)
			case "bootout":
				err = ctl.Bootout(ctx, uid, probe.AgentLabel)
			case "kickstart":
				err = ctl.Kickstart(ctx, uid, probe.AgentLabel)
			case "print":
				_, err = ctl.Print(ctx, uid, probe.AgentLabel)
			}
			if tc.says == "" && !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("error %v, want %q", err, tc.says)
			}
			if err != nil && len(err.Error()) > 700 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
		})
	}
}

// A launchctl without bootstrap has the command load. A daemon is not loaded with
// it, because load uses the session that it is called from.
func TestLoadWithoutBootstrap(t *testing.T) {
	m := newMac(t)
	m.answer("bootstrap", "64 Unrecognized subcommand: bootstrap", "1 launchctl: unknown subcommand \"bootstrap\"")
	if err := m.place.Launchctl.Bootstrap(context.Background(), uid, m.place.Plist); err != nil {
		t.Error(err)
	}
	if calls := m.calls(); calls != "bootstrap load" {
		t.Errorf("calls %q, want load after bootstrap", calls)
	}
	system := m.place.Launchctl
	system.System = true
	if err := system.Bootstrap(context.Background(), 0, m.place.Plist); !errors.Is(err, errUnknownVerb) {
		t.Errorf("error %v, want %v", err, errUnknownVerb)
	}
}

func TestDisabledJobErrorSaysHowToEnable(t *testing.T) {
	m := newMac(t)
	m.answer("bootstrap", "119 Bootstrap failed: 119: Service is disabled")
	err := m.place.Launchctl.Bootstrap(context.Background(), uid, m.place.Plist)
	for _, want := range []string{"System Settings > General > Login Items & Extensions", "launchctl enable gui/501/io.kextwatch.agent"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %q", err, want)
		}
	}
}

func TestLaunchctlArguments(t *testing.T) {
	m := newMac(t)
	ctl, ctx := m.place.Launchctl, context.Background()
	ctl.Bootstrap(ctx, uid, m.place.Plist)
	ctl.Print(ctx, uid, probe.AgentLabel)
	ctl.Kickstart(ctx, uid, probe.AgentLabel)
	ctl.Bootout(ctx, uid, probe.AgentLabel)
	got, err := os.ReadFile(filepath.Join(m.tools, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	want := "bootstrap gui/501 " + m.place.Plist + `
print gui/501/io.kextwatch.agent
kickstart gui/501/io.kextwatch.agent
bootout gui/501/io.kextwatch.agent
`
	if string(got) != want {
		t.Errorf("called\n%s\nwant\n%s", got, want)
	}
}

func TestLaunchctlEnvironment(t *testing.T) {
	t.Setenv("DYLD_INSERT_LIBRARIES", "/tmp/evil.dylib")
	m := newMac(t)
	m.write(m.place.Launchctl.Tool, "#!/bin/sh\nenv >\"${0%/*}/calls\"\npwd >>\"${0%/*}/calls\"\n", 0o755)
	if err := m.place.Launchctl.Bootout(context.Background(), uid, probe.AgentLabel); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(m.tools, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	got := string(data)
	if !strings.Contains(got, "PATH=/usr/bin:/bin:/usr/sbin:/sbin\n") || strings.Contains(got, "DYLD") || !strings.HasSuffix(got, "\n/\n") {
		t.Errorf("environment and working folder:\n%s", got)
	}
}

func TestMissingLaunchctl(t *testing.T) {
	dir := t.TempDir()
	ctl := Launchctl{Runner: tool.Runner{Root: dir}, Tool: filepath.Join(dir, "launchctl")}
	_, err := ctl.Print(context.Background(), uid, probe.AgentLabel)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), ctl.Tool) {
		t.Errorf("error %v", err)
	}
}

func TestLaunchctlOutputLimit(t *testing.T) {
	m := newMac(t)
	m.write(m.place.Launchctl.Tool, "#!/bin/sh\nwhile :; do echo 'all is well, all is well, all is well'; done\n", 0o755)
	if _, err := m.place.Launchctl.Print(context.Background(), uid, probe.AgentLabel); !errors.Is(err, tool.ErrTooMuch) {
		t.Errorf("error %v", err)
	}
}

// A launchctl that hangs is killed together with its children. The pipe reports
// its end only when no process has it open any more.
func TestLaunchctlTimeout(t *testing.T) {
	m := newMac(t)
	pipe := filepath.Join(m.tools, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	m.write(m.place.Launchctl.Tool, "#!/bin/sh\nexec >\"${0%/*}/pipe\" 2>&1\n(echo here; exec sleep 600) & wait\n", 0o755)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := m.place.Launchctl.Print(ctx, uid, probe.AgentLabel)
		failed <- err
	}()

	reader, err := os.Open(pipe) // waits for the tool to open it, too
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	buf := make([]byte, 5)
	if _, err := io.ReadFull(reader, buf); err != nil || string(buf) != "here\n" {
		t.Fatalf("the tool said %q: %v", buf, err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	end := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, reader)
		end <- err
	}()
	select {
	case err := <-end:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a process it started is still there")
	}
}

package launchd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
	"kextwatch/probe/tool"
)

// sharedMac is a simulated Mac with two users who are logged in. Its launchctl knows a
// session for each of them.
type sharedMac struct {
	t      *testing.T
	root   string
	place  AllUsers
	job    Job
	refuse error // what Guarded returns
}

func newSharedMac(t *testing.T) *sharedMac {
	t.Helper()
	m := &sharedMac{t: t, root: filepath.Join(t.TempDir(), "mac"), job: AgentOfAll("/Applications/Kextwatch.app/Contents/MacOS/kextwatch")}
	if _, err := simmac.New(m.root, simmac.Options{MacOS: "13.7.2", Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	m.place = AllUsers{
		Plist: filepath.Join(m.root, probe.JobOfAll), Users: []int{501, 502},
		Launchctl: Launchctl{Runner: tool.Runner{Root: m.root}, Tool: filepath.Join(m.root, probe.LaunchctlTool)},
		Guarded:   func(string) error { return m.refuse },
	}
	return m
}

// do runs the plan and returns its report with the Mac's own paths.
func (m *sharedMac) do(plan Plan, err error) (string, error) {
	m.t.Helper()
	if err != nil {
		return "", err
	}
	var said strings.Builder
	err = plan.Run(context.Background(), func(step Step, outcome string, err error) {
		if err != nil {
			outcome = "FAILED"
		}
		fmt.Fprintf(&said, "%s: %s\n", step.Does, outcome)
	})
	return strings.ReplaceAll(said.String(), m.root, ""), err
}

func (m *sharedMac) install() (string, error) {
	return m.do(m.place.Install(context.Background(), m.job))
}

func (m *sharedMac) uninstall() (string, error) {
	return m.do(m.place.Uninstall(context.Background(), m.job.Label), nil)
}

// loaded returns the property list that the session of a user has loaded.
func (m *sharedMac) loaded(uid int) string {
	m.t.Helper()
	state, err := m.place.Launchctl.Print(context.Background(), uid, m.job.Label)
	if err != nil && !errors.Is(err, ErrNotLoaded) {
		m.t.Fatal(err)
	}
	return strings.TrimPrefix(state.Path, m.root)
}

// spoil makes launchctl answer with this line for one user.
func (m *sharedMac) spoil(uid int, status int, line string) {
	m.t.Helper()
	launchctl := m.place.Launchctl.Tool
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *gui/%d*) echo '%s' >&2; exit %d;; esac\nexec \"$0.real\" \"$@\"\n", uid, line, status)
	if err := errors.Join(os.Rename(launchctl, launchctl+".real"), os.WriteFile(launchctl, []byte(script), 0o755)); err != nil {
		m.t.Fatal(err)
	}
}

// own loads the LaunchAgent that user 502 installed.
func (m *sharedMac) own() string {
	m.t.Helper()
	home := filepath.Join(m.root, "Users/other")
	content, err := Agent("/Users/other/kextwatch", home).Plist()
	path := AgentPlist(home)
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644),
		m.place.Launchctl.Bootstrap(context.Background(), 502, path)); err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimPrefix(path, m.root)
}

const installedForAll = `create the folder /Library/LaunchAgents: already done
write /Library/LaunchAgents/io.kextwatch.agent.plist: done
load io.kextwatch.agent into gui/501: done
check that io.kextwatch.agent runs: running as process 4242
load io.kextwatch.agent into gui/502: done
check that io.kextwatch.agent runs: running as process 4242
`

func TestInstallForAllUsers(t *testing.T) {
	m := newSharedMac(t)
	if said, err := m.install(); err != nil || said != installedForAll {
		t.Errorf("%v\n%s\nwant\n%s", err, said, installedForAll)
	}
	want, _ := m.job.Plist()
	if got, err := os.ReadFile(m.place.Plist); err != nil || string(got) != string(want) {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if info, err := os.Stat(m.place.Plist); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v, want 0644", info, err)
	}
	if said, err := m.install(); err != nil || strings.Count(said, ": already done\n") != 6 {
		t.Errorf("the second time: %v\n%s", err, said)
	}
	if said, err := m.uninstall(); err != nil || strings.Count(said, ": done\n") != 3 || exists(m.place.Plist) || m.loaded(501)+m.loaded(502) != "" {
		t.Errorf("uninstall: %v\n%s", err, said)
	}
	if said, err := m.uninstall(); err != nil || strings.Count(said, ": already done\n") != 3 {
		t.Errorf("the second uninstall: %v\n%s", err, said)
	}
}

// A package replaces the property list and the program before it calls install. Then
// nothing on the disk shows that launchd still runs the older job.
func TestInstallForAllUsersAfterAPackage(t *testing.T) {
	m := newSharedMac(t)
	newer := m.job
	m.job.ThrottleInterval = 60
	if _, err := m.install(); err != nil {
		t.Fatal(err)
	}
	m.job = newer
	content, err := m.job.Plist()
	if err := errors.Join(err, os.WriteFile(m.place.Plist, content, 0o644)); err != nil {
		t.Fatal(err)
	}
	m.place.Reload = true
	said, err := m.install()
	for _, want := range []string{
		"end io.kextwatch.agent and unload it from gui/501: done", "end io.kextwatch.agent and unload it from gui/502: done",
		"io.kextwatch.agent.plist: already done", "load io.kextwatch.agent into gui/501: done", "load io.kextwatch.agent into gui/502: done",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%v: no %q in\n%s", err, want, said)
		}
	}
}

// launchd runs only one of two jobs with the same label, so the user's own stays, and
// nobody runs two agents.
func TestInstallForAllUsersBesideAnOwnAgent(t *testing.T) {
	m := newSharedMac(t)
	own := m.own()
	said, err := m.install()
	if want := "load io.kextwatch.agent into gui/502: not done: this user's own " + own + " is loaded. Without sudo, kextwatch uninstall --keep-data removes it\n"; err != nil || !strings.Contains(said, want) {
		t.Errorf("%v: no %q in\n%s", err, want, said)
	}
	if m.loaded(501) != probe.JobOfAll || m.loaded(502) != own {
		t.Errorf("loaded are %q and %q", m.loaded(501), m.loaded(502))
	}
	said, err = m.uninstall()
	if err != nil || !strings.Contains(said, "gui/502: not done: this user's own "+own+" is loaded. Without sudo, kextwatch uninstall removes it\n") {
		t.Errorf("%v\n%s", err, said)
	}
	if m.loaded(501) != "" || m.loaded(502) != own || exists(m.place.Plist) {
		t.Errorf("loaded are %q and %q", m.loaded(501), m.loaded(502))
	}
}

// One session must not keep the agent from the others.
func TestInstallForAllUsersWithoutOneSession(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		line   string
		says   string
		fails  bool
	}{
		"no screen":             {125, "Domain does not support specified action", "load io.kextwatch.agent into gui/501: not now: it starts when this user next logs in at the Mac's screen\n", false},
		"launchctl is confused": {70, "Internal error", "load io.kextwatch.agent into gui/501: FAILED\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newSharedMac(t)
			m.spoil(501, tc.status, tc.line)
			said, err := m.install()
			if (err != nil) != tc.fails || !strings.Contains(said, tc.says) || m.loaded(502) != probe.JobOfAll {
				t.Errorf("%v, 502 has %q\n%s", err, m.loaded(502), said)
			}
			said, err = m.uninstall()
			if (err != nil) != tc.fails || exists(m.place.Plist) || m.loaded(502) != "" {
				t.Errorf("uninstall: %v\n%s", err, said)
			}
		})
	}
}

// Nobody is logged in while a Mac is set up automatically. launchd starts the agent at
// the first login.
func TestInstallForAllUsersWithNobodyLoggedIn(t *testing.T) {
	m := newSharedMac(t)
	m.place.Users = nil
	if said, err := m.install(); err != nil || strings.Contains(said, "load ") || !exists(m.place.Plist) {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := m.uninstall(); err != nil || exists(m.place.Plist) {
		t.Errorf("uninstall: %v\n%s", err, said)
	}
}

func TestInstallForAllUsersRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(m *sharedMac) error
		says  string
	}{
		"another job": {func(m *sharedMac) error {
			return os.WriteFile(m.place.Plist, []byte(`<plist><dict><key>Label</key><string>com.example.other</string></dict></plist>`), 0o644)
		}, `a job with the label "com.example.other"`},
		"a folder":                {func(m *sharedMac) error { return os.Mkdir(m.place.Plist, 0o755) }, "not a file"},
		"a folder for everybody":  {func(m *sharedMac) error { return os.Chmod(filepath.Dir(m.place.Plist), 0o777) }, "chmod go-w"},
		"a path of somebody else": {func(m *sharedMac) error { m.refuse = errUnguarded; return nil }, errUnguarded.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			m := newSharedMac(t)
			if err := tc.spoil(m); err != nil {
				t.Fatal(err)
			}
			if said, err := m.install(); err == nil || !strings.Contains(err.Error(), tc.says) || said != "" || m.loaded(501) != "" {
				t.Errorf("%v, want %q\n%s", err, tc.says, said)
			}
		})
	}
}

// A list that cannot be written must not be loaded: launchd would answer after 15
// seconds for each user, and the cause would be hidden among these errors.
func TestInstallForAllUsersCannotWrite(t *testing.T) {
	m := newSharedMac(t)
	plan, err := m.place.Install(context.Background(), m.job)
	if err == nil {
		err = os.Mkdir(m.place.Plist, 0o755) // since the plan was made
	}
	said, err := m.do(plan, err)
	if err == nil || !strings.Contains(said, "write /Library/LaunchAgents/io.kextwatch.agent.plist: FAILED\nload io.kextwatch.agent into gui/501: not tried: the property list could not be written\n") {
		t.Errorf("%v\n%s", err, said)
	}
}

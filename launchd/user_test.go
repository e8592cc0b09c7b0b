package launchd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kextwatch/probe"
)

// Permissions do not apply to root, so these tests run as an ordinary user.

func TestUnusableFoldersAndFiles(t *testing.T) {
	asOrdinaryUser(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			spoil func(m *mac)
			says  string
		}{
			"read-only LaunchAgents":  {func(m *mac) { chmod(m.t, filepath.Dir(m.place.Plist), 0o555) }, "sudo chown"},
			"closed LaunchAgents":     {func(m *mac) { chmod(m.t, filepath.Dir(m.place.Plist), 0) }, "sudo chown"},
			"read-only logs":          {func(m *mac) { chmod(m.t, m.logs(), 0o500) }, "sudo chown"},
			"unreadable list of ours": {func(m *mac) { chmod(m.t, m.place.Plist, 0) }, "permission denied"},
		} {
			t.Run(name, func(t *testing.T) {
				m := newMac(t)
				m.mustInstall()
				tc.spoil(m)
				_, err := m.install()
				if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v, want %q", err, tc.says)
				}
				if !m.loaded() || m.calls() != "" {
					t.Error("called launchctl, want no call")
				}
			})
		}
	})
}

func TestReadOnlyHome(t *testing.T) {
	asOrdinaryUser(t, func(t *testing.T) {
		m := newMac(t)
		chmod(t, m.home, 0o555)
		said, err := m.install()
		if !errors.Is(err, fs.ErrPermission) || strings.Count(said, "\n") != 1 || m.loaded() {
			t.Errorf("error %v\n%s", err, said)
		}
	})
}

func TestUninstallNamesFilesThatRemain(t *testing.T) {
	asOrdinaryUser(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		m.write(filepath.Join(m.state(), "memory.plist"), "", 0o600)
		chmod(t, m.state(), 0o500)
		chmod(t, filepath.Dir(m.place.Plist), 0o555)
		_, err := m.run(m.place.Uninstall(context.Background(), probe.AgentLabel, m.state(), m.logs()))
		for _, left := range []string{m.place.Plist, m.state()} {
			if err == nil || !strings.Contains(err.Error(), left) || !exists(left) {
				t.Errorf("error %v does not name %s", err, left)
			}
		}
		if m.loaded() || exists(m.logs()) {
			t.Error("did not run the steps after the failed step")
		}
	})
}

// chmod changes a mode until the test is over.
func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(path, info.Mode()) })
}

// asOrdinaryUser runs the test as an ordinary user. If this process is root's,
// it runs the test in a copy of the process as nobody.
func asOrdinaryUser(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Geteuid() != 0 {
		test(t)
		return
	}
	dir, err := os.MkdirTemp("/tmp", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "launchd.test")
	if err := errors.Join(os.WriteFile(copied, program, 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	cmd := exec.Command(copied, "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

package launchd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
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

// asOrdinaryUser runs the test as an ordinary user.
func asOrdinaryUser(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if mactest.AsOrdinaryUser(t, "testdata") {
		test(t)
	}
}

// Package simmac makes and changes a directory that passes for a Mac's "/".
//
// What lies in it has the real formats: the kernel extension policy is an
// SQLite database with Apple's schema and journal mode for that macOS,
// property lists are XML or binary as Apple and Parallels write them, and the
// tools are executables at their real places that print what the real ones
// print. So the code that reads a Mac reads such a directory unchanged.
//
// New makes one; the other methods are what happens to a Mac: Parallels tries
// to load its kernel extensions, someone clicks Allow, the Mac restarts, macOS
// or Parallels is updated. Each method is complete when it returns: the
// database is closed, every other file was replaced in one step. Only one
// method may run at a time on one directory; readers may look at any moment.
//
// It keeps what a real Mac keeps in its kernel (boot time, loaded extensions,
// launchd's jobs) in private/var/db/kextwatch-sim, for its own tools alone.
package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kextwatch/probe"
)

// Mac is a simulated Mac.
type Mac struct {
	dir string // absolute
}

// New makes a Mac in dir, which must be empty or not exist. Parallels, where
// installed, has not tried to load anything yet.
func New(dir string, o Options) (*Mac, error) {
	o = withDefaults(o)
	v, err := o.check()
	if err != nil {
		return nil, err
	}
	m, err := emptyDir(dir)
	if err != nil {
		return nil, err
	}
	if err := m.setUp(v, o); err != nil {
		return nil, fmt.Errorf("making a simulated Mac in %s: %w", dir, err)
	}
	return m, nil
}

func emptyDir(dir string) (*Mac, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty: a simulated Mac needs a directory of its own: %w", dir, fs.ErrExist)
	}
	return &Mac{dir}, nil
}

func (m *Mac) setUp(v probe.OSVersion, o Options) error {
	st := &state{
		MacOS: v.Version, Build: v.Build, Arch: o.Arch,
		HistoryUUID: newUUID(), Linked: map[string]string{}, Approved: map[string]string{}, User: o.User,
	}
	st.boot(o.Now)
	if err := m.writeSystem(st, o.User, o.Now); err != nil {
		return err
	}
	if err := m.writeConsole(); err != nil {
		return err
	}
	if err := m.writeTools(v); err != nil {
		return err
	}
	if err := m.migratePolicy(v); err != nil {
		return err
	}
	if err := m.saveState(st); err != nil {
		return err
	}
	if err := m.setUpLog(o.Standard); err != nil {
		return err
	}
	if err := m.bundleAppleExtensions(o.Now); err != nil {
		return err
	}
	for _, vm := range o.VMs {
		if err := m.AddVM(vm); err != nil {
			return err
		}
	}
	if o.Parallels == "" {
		return nil
	}
	return m.installParallels(o.Parallels, o.Edition, o.Arch)
}

// Open returns the Mac that New made in dir.
func Open(dir string) (*Mac, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &Mac{dir}
	if _, err := m.loadState(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is not a simulated Mac; make one in an empty directory: %w", dir, err)
		}
		return nil, err
	}
	return m, nil
}

// Opened returns what the Mac's open tool was asked to open, oldest first: a
// URL or a path, or options and their values separated by spaces.
func (m *Mac) Opened() ([]string, error) {
	data, err := m.readFile(simDir + "/opened")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), nil
}

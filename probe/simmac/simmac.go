// Package simmac makes and changes a simulated Mac: a directory that looks like a
// Mac's "/".
//
// Its files have the real formats. The kext policy is an SQLite database with
// Apple's schema and journal mode for that macOS. Property lists are XML or
// binary, as Apple and Parallels write them. The tools are executables at their
// real paths with the output of the real tools. So the code that reads a Mac reads
// such a directory unchanged.
//
// New makes a simulated Mac. The other methods simulate events: Parallels tries to
// load its kexts, a user clicks Allow, the Mac restarts, macOS or Parallels is
// updated. When a method returns, the database is closed and every other file was
// replaced in one step. Only one method may run at a time on one directory. Other
// programs may read the directory at any time.
//
// The facts that a real Mac keeps in its kernel (boot time, loaded kexts,
// launchd's jobs) are in private/var/db/kextwatch-sim. Only the simulated tools
// read them.
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

// New makes a Mac in dir, which must be empty or missing. Parallels, if it is
// installed, has not tried to load its kexts yet. The error wraps fs.ErrExist if
// dir is not empty.
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
	if err := m.writeLanguage(o.User, o.Language); err != nil {
		return err
	}
	if err := m.writeConsole(); err != nil {
		return err
	}
	if err := m.writeTools(v, o.Arch); err != nil {
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

// Open returns the Mac that New made in dir. The error wraps fs.ErrNotExist if
// dir is not such a Mac.
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

// Clipboard returns the text on the user's clipboard. It is empty if nothing was copied.
func (m *Mac) Clipboard() (string, error) {
	data, err := m.readFile(simDir + "/clipboard")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// Opened returns the arguments of each call of the Mac's open tool, oldest first: a
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

// Package settingstest is for tests that need settings of a user.
package settingstest

import (
	"path/filepath"
	"testing"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// The files of the settings, beneath the Mac's root.
const (
	ManagedForUser = "Library/Managed Preferences/ada/" + probe.AgentLabel + ".plist"
	ManagedForAll  = "Library/Managed Preferences/" + probe.AgentLabel + ".plist"
	OfTheUser      = "Users/ada/Library/Preferences/" + probe.AgentLabel + ".plist"
)

// Preferences is a Mac with the settings files that a test writes.
type Preferences struct {
	t    *testing.T
	Mac  root.FS
	Home string
}

// New returns a Mac without settings.
func New(t *testing.T) Preferences {
	dir := t.TempDir()
	return Preferences{t, root.FS{Root: dir}, filepath.Join(dir, "Users", "ada")}
}

// Set writes a file of settings.
func (p Preferences) Set(file string, values map[string]any) {
	p.t.Helper()
	data, err := plist.Marshal(values, plist.BinaryFormat)
	mactest.NoError(p.t, err)
	mactest.WriteFile(p.t, filepath.Join(p.Mac.Root, file), string(data))
}

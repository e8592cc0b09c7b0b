package mac

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	historyLimit      = 2 << 20 // bytes; a few hundred for each update since the volume was made
	installationLimit = 64      // installations of macOS; older ones are dropped
)

// historyCost allows as many entries as fit into the largest file.
var historyCost = root.PlistCost{Nodes: historyLimit / 16, Bytes: 2 * historyLimit}

// installed is an entry of InstallHistory.plist.
type installed struct {
	At          time.Time `plist:"date"`
	Name        string    `plist:"displayName"`
	Version     string    `plist:"displayVersion"` // may be empty
	Process     string    `plist:"processName"`
	ContentType string    `plist:"contentType"`
	Packages    []string  `plist:"packageIdentifiers"`
}

// installers are the processes that install macOS itself.
var installers = []string{"softwareupdated", "Software Update", "macOS Installer", "OS X Installer"}

// readInstallHistory returns the installations of macOS itself until now, oldest
// first. The file has only installations that were made while this volume was
// running. If a value has another type, it returns the other installations together
// with the error.
func readInstallHistory(m root.FS, now time.Time) ([]probe.Installation, error) {
	data, err := m.ReadFile(probe.InstallHistory, historyLimit)
	if err != nil {
		return nil, err
	}
	var entries []installed
	if err = root.DecodePlistWithin(data, &entries, historyCost); err != nil {
		err = fmt.Errorf("%s: %w", probe.InstallHistory, err)
	}
	var all []probe.Installation
	for _, e := range entries {
		version := e.macOS()
		if version == "" || e.At.IsZero() || e.At.After(now) {
			continue
		}
		all = append(all, probe.Installation{At: e.At.UTC(), Name: probe.Printable(e.Name), Version: version})
	}
	slices.SortStableFunc(all, func(a, b probe.Installation) int { return a.At.Compare(b.At) })
	return slices.Clone(all[max(0, len(all)-installationLimit):]), err
}

// macOS returns the version of macOS that was installed, or "" if the entry is
// about something else. "macOS 15.5" by softwareupdated, "macOS 10.14.6 Update",
// and "OS X" "10.9 (13A603)" by OS X Installer are macOS. Data such as XProtect
// and a downloaded installer are not.
func (e installed) macOS() string {
	name := strings.TrimSpace(e.Name)
	switch {
	case e.ContentType != "",
		name != "macOS" && name != "OS X" && !strings.HasPrefix(name, "macOS ") && !strings.HasPrefix(name, "OS X "),
		!slices.Contains(installers, e.Process),
		slices.ContainsFunc(e.Packages, func(id string) bool { return strings.Contains(id, "InstallAssistant") }):
		return ""
	}
	return versionIn(strings.TrimSpace(e.Version), name)
}

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
	historyLimit      = 2 << 20 // bytes; some hundred for each update, for as long as the volume lives
	installationLimit = 64      // of macOS; older ones matter to nobody
)

// historyCost fits as many entries as the file has room for.
var historyCost = root.PlistCost{Nodes: historyLimit / 16, Bytes: 2 * historyLimit}

// installed is an entry of InstallHistory.plist.
type installed struct {
	At          time.Time `plist:"date"`
	Name        string    `plist:"displayName"`
	Version     string    `plist:"displayVersion"` // may be blank
	Process     string    `plist:"processName"`
	ContentType string    `plist:"contentType"`
	Packages    []string  `plist:"packageIdentifiers"`
}

// installers are the programs that install macOS itself.
var installers = []string{"softwareupdated", "Software Update", "macOS Installer", "OS X Installer"}

// readInstallHistory are those of macOS itself, oldest first. Only what was
// installed while this volume was the running one is noted there.
func readInstallHistory(m root.FS, now time.Time) ([]probe.Installation, error) {
	data, err := m.ReadFile(probe.InstallHistory, historyLimit)
	if err != nil {
		return nil, err
	}
	var entries []installed
	if err := root.DecodePlistWithin(data, &entries, historyCost); err != nil {
		return nil, fmt.Errorf("%s: %w", probe.InstallHistory, err)
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
	return slices.Clone(all[max(0, len(all)-installationLimit):]), nil
}

// macOS is the version of macOS that the entry stands for; empty: it is
// something else. "macOS 15.5" by softwareupdated, "macOS 10.14.6 Update", and
// "OS X" "10.9 (13A603)" by OS X Installer are macOS. Data for XProtect and
// its like is not, nor is an installer that was only downloaded.
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

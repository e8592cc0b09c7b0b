package mac

import (
	"cmp"
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

// updatePackage matches the package of an update of macOS itself, up to macOS 10.15:
// "com.apple.pkg.update.os.10.12.6Patch.16G29".
var updatePackage = probe.Form{Expr: `^com\.apple\.pkg\.update\.os\.(10\.[0-9]{1,2}(?:\.[0-9]{1,2})?)`}

// macOS returns the version of macOS that was installed, or "" if the entry is
// about something else. "macOS 15.5" by softwareupdated, "macOS 10.14.6 Update",
// and "OS X" "10.9 (13A603)" by OS X Installer are macOS. Data such as XProtect
// and a downloaded installer are not. The package tells in every language.
func (e installed) macOS() string {
	if e.ContentType != "" || slices.ContainsFunc(e.Packages, func(id string) bool { return strings.Contains(id, "InstallAssistant") }) {
		return ""
	}
	version := ""
	for _, id := range e.Packages {
		if form := updatePackage.FindStringSubmatch(id); form != nil {
			version = form[1]
		}
	}
	if version == "" && !(macOSForm.MatchString(e.Name) && slices.Contains(installers, e.Process)) {
		return ""
	}
	return cmp.Or(versionIn(strings.TrimSpace(e.Version), e.Name), version)
}

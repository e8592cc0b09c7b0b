package simmac

import (
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

type systemVersion struct {
	ProductBuildVersion       string
	ProductCopyright          string
	ProductName               string
	ProductUserVisibleVersion string
	ProductVersion            string
}

type installed struct {
	ContentType        string    `plist:"contentType,omitempty"`
	Date               time.Time `plist:"date"`
	DisplayName        string    `plist:"displayName"`
	DisplayVersion     string    `plist:"displayVersion"`
	PackageIdentifiers []string  `plist:"packageIdentifiers,omitempty"`
	ProcessName        string    `plist:"processName"`
}

// writeSystem writes the folders and files that every Mac has.
func (m *Mac) writeSystem(st *state, user string, now time.Time) error {
	home := "/Users/" + user
	for _, dir := range []string{
		"/Applications", "/Library/Application Support", "/Library/Extensions", "/Library/Filesystems/NetFSPlugins", "/Library/LaunchAgents", "/Library/LaunchDaemons",
		"/Library/PrivilegedHelperTools", "/Library/StagedExtensions", "/Library/SystemExtensions",
		"/Users/Shared", home + "/Library/Application Support", home + "/Library/LaunchAgents",
		home + "/Library/Logs", home + "/Library/Preferences",
		policyDir, "/private/var/tmp", simDir,
	} {
		if err := m.mkdirAll(dir); err != nil {
			return err
		}
	}
	if err := m.symlink("private/var", "/var"); err != nil {
		return err
	}
	if err := m.writeSystemVersion(st.version()); err != nil {
		return err
	}
	history := []installed{{
		ContentType: "config-data", Date: now.UTC(), DisplayName: "XProtectPlistConfigData", DisplayVersion: "2164",
		PackageIdentifiers: []string{"com.apple.pkg.XProtectPlistConfigData_10_15.16U4380"}, ProcessName: "softwareupdated",
	}, macOSInstalled(st.version(), now)}
	if err := m.writePlist(probe.InstallHistory, history, plist.XMLFormat); err != nil {
		return err
	}
	if err := m.SetLastUser(user); err != nil {
		return err
	}
	return m.writeOffers(st.version(), nil, now)
}

// SetLastUser saves who logged in at the screen last, as the login window does.
func (m *Mac) SetLastUser(name string) error {
	return m.writePlist(probe.LoginWindowSettings, map[string]any{"lastUser": "loggedIn", "lastUserName": name}, plist.BinaryFormat)
}

// writeLanguage writes the languages that the user prefers, as the settings of macOS do:
// English is what macOS falls back to.
func (m *Mac) writeLanguage(user, language string) error {
	if language == "" {
		return nil
	}
	languages := map[string]any{"AppleLanguages": []string{language, "en-US"}}
	return m.writePlist("/Users/"+user+"/"+probe.GlobalPreferences, languages, plist.BinaryFormat)
}

func productName(v probe.OSVersion) string {
	if v.Major() == 10 {
		return "Mac OS X"
	}
	return "macOS"
}

func (m *Mac) writeSystemVersion(v probe.OSVersion) error {
	return m.writePlist(probe.SystemVersion, systemVersion{
		ProductBuildVersion:       v.Build,
		ProductCopyright:          "Apple Inc.",
		ProductName:               productName(v),
		ProductUserVisibleVersion: v.Version,
		ProductVersion:            v.Version,
	}, plist.XMLFormat)
}

// macOSInstalled returns the entry of InstallHistory.plist for an installed macOS.
// From macOS 11 it names no packages.
func macOSInstalled(v probe.OSVersion, now time.Time) installed {
	entry := installed{
		Date: now.UTC(), DisplayName: "macOS " + v.Version, DisplayVersion: v.Version, ProcessName: "softwareupdated",
	}
	if v.Major() == 10 {
		entry.DisplayName += " Update"
		entry.PackageIdentifiers = []string{"com.apple.pkg.update.os." + v.Version + "." + v.Build}
	}
	return entry
}

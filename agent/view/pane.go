package view

import "kextwatch/probe"

// Pane is a place in System Settings, or System Preferences up to macOS 12.
type Pane struct {
	URL  string // what /usr/bin/open opens
	Name string // "Security & Privacy"
	Path string // the way there, in words
	URLs []string
}

const urlScheme = "x-apple.systempreferences:"

// PaneFor is where this macOS shows the Allow button. macOS 13 renamed the
// pane and gave it another identifier; the older one may stop working there
// (EndpointSecurity's ESClient.h), and is tried where the newer one fails.
// Where the version is not known the older one is the safer.
func PaneFor(os probe.OSVersion) Pane {
	const (
		older = urlScheme + "com.apple.preference.security?General"
		newer = urlScheme + "com.apple.settings.PrivacySecurity.extension"
	)
	if os.AtLeast(13, 0) {
		return Pane{
			URL: newer, URLs: []string{newer, older},
			Name: "Privacy & Security",
			Path: "System Settings > Privacy & Security (scroll down to Security)",
		}
	}
	return Pane{
		URL: older, URLs: []string{older, urlScheme + "com.apple.preference.security"},
		Name: "Security & Privacy",
		Path: "System Preferences > Security & Privacy > General",
	}
}

// SystemExtensionPane is where system extensions, which are something else,
// wait for approval: from macOS 15 on in a place of their own.
func SystemExtensionPane(os probe.OSVersion) Pane {
	if os.AtLeast(15, 0) {
		const url = urlScheme + "com.apple.LoginItems-Settings.extension"
		return Pane{
			URL: url, URLs: []string{url}, Name: "Login Items & Extensions",
			Path: "System Settings > General > Login Items & Extensions",
		}
	}
	return PaneFor(os)
}

// settingsApp is the application that has the panes; where the version is not
// known, by the name it has today.
func settingsApp(os probe.OSVersion) string {
	if os.Known() && !os.AtLeast(13, 0) {
		return "System Preferences"
	}
	return "System Settings"
}

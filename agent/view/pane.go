package view

import "kextwatch/probe"

// Pane is where macOS shows the Allow button.
type Pane struct {
	URL  string // what /usr/bin/open opens
	Name string // "Security & Privacy"
	Path string // the way there, in words
}

// PaneFor is the pane of this macOS. macOS 13 renamed it and gave it another
// identifier; the older one may stop working there (EndpointSecurity's
// ESClient.h). Where the version is not known the older one is the safer.
func PaneFor(os probe.OSVersion) Pane {
	if os.AtLeast(13, 0) {
		return Pane{
			URL:  "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension",
			Name: "Privacy & Security",
			Path: "System Settings > Privacy & Security (scroll down to Security)",
		}
	}
	return Pane{
		URL:  "x-apple.systempreferences:com.apple.preference.security?General",
		Name: "Security & Privacy",
		Path: "System Preferences > Security & Privacy > General",
	}
}

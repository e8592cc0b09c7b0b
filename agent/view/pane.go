package view

import (
	"slices"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Pane is a place in System Settings, or System Preferences up to macOS 12. Its labels
// are those on the screen of the Mac.
type Pane struct {
	URL  string // what /usr/bin/open opens
	Name string // "Security & Privacy"
	Path string // how to get there: "System Settings > …"
	URLs []string

	short string // Path, without where the button is on the pane
}

const urlScheme = "x-apple.systempreferences:"

// PaneFor returns the pane with the Allow button on this macOS. macOS 13 renamed
// the pane and changed its identifier. The older identifier may stop working
// there (EndpointSecurity's ESClient.h), so it is the fallback. For an unknown
// version the older one is safer.
func PaneFor(mac probe.Mac) Pane {
	const (
		older = urlScheme + "com.apple.preference.security?General"
		newer = urlScheme + "com.apple.settings.PrivacySecurity.extension"
	)
	if mac.OS.AtLeast(13, 0) {
		return Pane{
			URL: newer, URLs: []string{newer, older},
			Name: OnScreen(mac, "{Privacy & Security}"),
			Path: OnScreen(mac, "{System Settings} > {Privacy & Security} (scroll down to {Security})"),

			short: OnScreen(mac, "{System Settings} > {Privacy & Security}"),
		}
	}
	return Pane{
		URL: older, URLs: []string{older, urlScheme + "com.apple.preference.security"},
		Name: OnScreen(mac, "{Security & Privacy}"),
		Path: OnScreen(mac, "{System Preferences} > {Security & Privacy} > {General}"),

		short: OnScreen(mac, "{System Preferences} > {Security & Privacy}"),
	}
}

// PaneHelps reports whether something may wait in the pane with the Allow button.
// It returns true if kextwatch cannot tell.
func PaneHelps(st approval.Status) bool {
	if !Certain(st) {
		return true
	}
	seen := map[string]bool{}
	for _, p := range st.Products {
		seen[p.TeamID] = true
		if row := verdictWords[p.Verdict]; row.pane != nil && row.pane(p) {
			return true
		}
	}
	return st.Verdict != approval.Managed && slices.ContainsFunc(st.Waiting, func(d approval.Developer) bool { return !seen[d.TeamID] })
}

// PaneIsEmpty says that nothing waits in the pane, and what to do instead. next is
// empty if there is nothing to do.
func PaneIsEmpty(st approval.Status) (why, next string) {
	p, found := GuideProduct(st) // one that is only listed can be blocked, too
	if !found || !p.Verdict.NeedsAction() {
		return "No kernel extension waits there for your approval.", ""
	}
	return OnScreen(st.Mac, "There is no {Allow} button there now. %s: %s.", p.Name, State(p)), withContact(nextInShort(p, st), st)
}

// SystemExtensionPane returns the pane in which system extensions wait for
// approval. From macOS 15 that is a separate pane.
func SystemExtensionPane(mac probe.Mac) Pane {
	if mac.OS.AtLeast(15, 0) {
		const url = urlScheme + "com.apple.LoginItems-Settings.extension"
		return Pane{
			URL: url, URLs: []string{url}, Name: OnScreen(mac, "{Login Items & Extensions}"),
			Path: OnScreen(mac, "{System Settings} > {General} > {Login Items & Extensions}"),
		}
	}
	return PaneFor(mac)
}

// settingsApp returns the name of the application that contains the panes. For
// an unknown version it is today's name.
func settingsApp(mac probe.Mac) string {
	if mac.OS.Known() && !mac.OS.AtLeast(13, 0) {
		return OnScreen(mac, "{System Preferences}")
	}
	return OnScreen(mac, "{System Settings}")
}

package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
)

// releaseNotes returns the page with Parallels' release notes for the installed
// version, or, without such notes, its system requirements (KB 124223).
func releaseNotes(p approval.Product) string {
	if p.Made != nil && p.Made.ReleaseNotes != "" {
		return p.Made.ReleaseNotes
	}
	return "https://kb.parallels.com/124223"
}

// errorPage returns Parallels' page about error 56521. Parallels' own message
// links to the same page.
func errorPage(p approval.Product) string {
	major := ""
	if p.App != nil {
		major, _, _ = strings.Cut(p.App.Version, ".")
	}
	if major == "" || len(major) > 3 || strings.ContainsFunc(major, func(r rune) bool { return r < '0' || r > '9' }) {
		return "https://kb.parallels.com/125319"
	}
	return fmt.Sprintf("https://www.parallels.com/products/desktop/supportinfo/pdfm%s_en_US_56521", major)
}

// macOSNotes returns Apple's page that lists what is new in macOS updates.
func macOSNotes() string { return "https://support.apple.com/100100" }

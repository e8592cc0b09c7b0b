package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
)

// releaseNotes are Parallels' own notes about the installed version, or where
// no page is known what it asks of a Mac (KB 124223).
func releaseNotes(p approval.Product) string {
	if p.Made != nil && p.Made.ReleaseNotes != "" {
		return p.Made.ReleaseNotes
	}
	return "https://kb.parallels.com/124223"
}

// errorPage is Parallels' page about error 56521, as its own message names it.
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

// macOSNotes is Apple's page about what is new in the updates of macOS.
func macOSNotes() string { return "https://support.apple.com/100100" }

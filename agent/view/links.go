package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// requirements is Parallels' page with the system requirements of each version.
const requirements = "https://kb.parallels.com/124223"

// updateFor says which version of Parallels to install for a macOS. It leads to what was
// made for that macOS, not to the notes of the installed version.
func updateFor(p approval.Product, st approval.Status, os probe.OSVersion) string {
	row, known := st.Compat.Newest(os, st.Mac.Arch)
	switch {
	case !known:
		return fmt.Sprintf("kextwatch knows no version of %s for macOS %s; Parallels lists what each version needs (%s)", p.Name, os, requirements)
	case row.ReleaseNotes == "":
		return fmt.Sprintf("update %s to version %d (what it needs: %s)", p.Name, row.Major, requirements)
	}
	return fmt.Sprintf("update %s to version %d (%s)", p.Name, row.Major, row.ReleaseNotes)
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

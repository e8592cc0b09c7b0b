package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"howett.net/plist"

	"kextwatch/probe"
)

const (
	bundleID = probe.AgentLabel // Login Items finds the app by it
	iconFile = "kextwatch.icns"
)

// info is the app's Info.plist. The app requests no permissions, so it has no usage
// descriptions.
//
// LSMinimumSystemVersion is one version for both processors: every Mac with Apple
// silicon has macOS 11 or later, and Apple documents no key for arm64 in
// LSMinimumSystemVersionByArchitecture. It is the deployment target of the Intel
// program, the oldest macOS that can load it. The README has the supported versions.
type info struct {
	CFBundleDevelopmentRegion     string
	CFBundleExecutable            string
	CFBundleIconFile              string
	CFBundleIdentifier            string
	CFBundleInfoDictionaryVersion string
	CFBundleLocalizations         []string
	CFBundleName                  string
	CFBundlePackageType           string
	CFBundleShortVersionString    string // three numbers, for About
	CFBundleVersion               string // grows with every commit
	LSApplicationCategoryType     string
	LSMinimumSystemVersion        string
	LSUIElement                   bool // no icon in the Dock
	NSHighResolutionCapable       bool // otherwise the icon and the text are blurred (systray's README)
	NSHumanReadableCopyright      string
	KextwatchVersion              string // output of git describe
	KextwatchLayoutOnly           string `plist:",omitempty"` // set if the app is not for use; says why
}

const layoutOnly = "This app was built without the menu-bar icon, which only a Mac can link. " +
	"It is a test of the layout and not for use."

func newInfo(version, build string, tray bool) (info, error) {
	if !digits.MatchString(build) {
		return info{}, fmt.Errorf("the build %q is not a number", build)
	}
	copyright, err := copyright("LICENSE")
	if err != nil {
		return info{}, err
	}
	i := info{
		CFBundleDevelopmentRegion:     "en",
		CFBundleExecutable:            "kextwatch",
		CFBundleIconFile:              iconFile,
		CFBundleIdentifier:            bundleID,
		CFBundleInfoDictionaryVersion: "6.0",
		CFBundleLocalizations:         []string{"en"},
		CFBundleName:                  "Kextwatch",
		CFBundlePackageType:           "APPL",
		CFBundleShortVersionString:    threeNumbers(version),
		CFBundleVersion:               build,
		LSApplicationCategoryType:     "public.app-category.utilities",
		LSMinimumSystemVersion:        highSierra.String(),
		LSUIElement:                   true,
		NSHighResolutionCapable:       true,
		NSHumanReadableCopyright:      copyright,
		KextwatchVersion:              version,
	}
	if !tray {
		i.KextwatchLayoutOnly = layoutOnly
	}
	return i, nil
}

var (
	digits   = regexp.MustCompile(`^[0-9]+$`)
	release3 = regexp.MustCompile(`^v?([0-9]+\.[0-9]+\.[0-9]+)`)
)

// threeNumbers returns the release in a version of git describe, or 0.0.0 before the
// first release.
func threeNumbers(version string) string {
	if m := release3.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return "0.0.0"
}

var since = regexp.MustCompile(`-([0-9]+)-g[0-9a-f]+(?:-dirty)?$`)

// installerVersion returns a version of git describe as numbers that Installer compares:
// the release and the commits since then. Before the first release it is 0.0.0 and
// the build, which grows with every commit, too.
func installerVersion(version, build string) (string, error) {
	if !digits.MatchString(build) {
		return "", fmt.Errorf("the build %q is not a number", build)
	}
	numbers, commits := threeNumbers(version), "0"
	if m := since.FindStringSubmatch(version); m != nil {
		commits = m[1]
	}
	if !release3.MatchString(version) {
		commits = build
	}
	return numbers + "." + commits, nil
}

// copyright returns the copyright line of the license.
func copyright(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "Copyright") {
			return strings.Replace(line, "(c)", "©", 1), nil
		}
	}
	return "", fmt.Errorf("%s has no copyright line", path)
}

func (i info) plist() ([]byte, error) {
	data, err := plist.MarshalIndent(i, plist.XMLFormat, "\t")
	return append(data, '\n'), err
}

func readInfo(path string) (info, error) {
	var i info
	data, err := os.ReadFile(path)
	if err != nil {
		return i, err
	}
	if _, err := plist.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("%s: %w", path, err)
	}
	return i, nil
}

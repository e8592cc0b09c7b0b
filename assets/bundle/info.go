package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"howett.net/plist"
)

const (
	bundleID = "io.kextwatch.agent" // launchd.AgentLabel: Login Items find the app by it
	iconFile = "kextwatch.icns"
)

// info is the app's Info.plist. It asks for no right of its own, so there is
// no usage description.
//
// LSMinimumSystemVersion is one figure for both processors: no Mac with Apple
// silicon has a macOS older than 11, and Apple lists no key for arm64 in
// LSMinimumSystemVersionByArchitecture. It is the deployment target of the
// Intel half, and says what the program is built to load on; what is supported
// stands in the README.
type info struct {
	CFBundleDevelopmentRegion     string
	CFBundleExecutable            string
	CFBundleIconFile              string
	CFBundleIdentifier            string
	CFBundleInfoDictionaryVersion string
	CFBundleLocalizations         []string
	CFBundleName                  string
	CFBundlePackageType           string
	CFBundleShortVersionString    string // three numbers: what About shows
	CFBundleVersion               string // grows with every commit
	LSApplicationCategoryType     string
	LSMinimumSystemVersion        string
	LSUIElement                   bool // no icon in the Dock
	NSHighResolutionCapable       bool // or the icon and the text are blurred: systray's README
	NSHumanReadableCopyright      string
	KextwatchVersion              string // as git describe says it
	KextwatchLayoutOnly           string `plist:",omitempty"` // says that this app is not for use, and why
}

const layoutOnly = "This app was put together without the menu-bar icon, which only a Mac can link. " +
	"It is there to test how the app is laid out, and is not for use."

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

// threeNumbers is the release that a version of git describe counts from;
// before the first one it is 0.0.0.
func threeNumbers(version string) string {
	if m := release3.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return "0.0.0"
}

// copyright is the line of the licence that says whose it is.
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
	return "", fmt.Errorf("%s does not say whose copyright it is", path)
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

package mac

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (

// The copy in the cryptex names the rapid response or background security
// improvement that lies over the sealed system.
)

var (
	osVersionForm = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){1,3}$`)
	osBuildForm   = regexp.MustCompile(`^[0-9A-Za-z]{1,16}$`)
	osExtraForm   = regexp.MustCompile(`^\([a-z]{1,4}\)$`)
)

type systemVersionPlist struct {
	Version string `plist:"ProductVersion"`
	Build   string `plist:"ProductBuildVersion"`
	Extra   string `plist:"ProductVersionExtra"`
}

// ReadOS reads the version of macOS. Where only the supplemental version could
// not be read, the error comes with the rest.
func ReadOS(m root.FS) (probe.OSVersion, error) {
	var v systemVersionPlist
	if err := m.ReadPlist(probe.SystemVersion, &v); err != nil {
		return probe.OSVersion{}, err
	}
	switch {
	case v.Version == "10.16":
		// What macOS 11 and later tell programs that ask as if it were 10.15.
		return probe.OSVersion{}, errors.New("macOS names itself 10.16 because SYSTEM_VERSION_COMPAT is set")
	case !osVersionForm.MatchString(v.Version):
		return probe.OSVersion{}, fmt.Errorf("%s: %q is no version of macOS", probe.SystemVersion, probe.Printable(v.Version))
	case !osBuildForm.MatchString(v.Build):
		return probe.OSVersion{}, fmt.Errorf("%s: %q is no build of macOS", probe.SystemVersion, probe.Printable(v.Build))
	}
	os := probe.OSVersion{Version: strings.Clone(v.Version), Build: strings.Clone(v.Build)}
	var cryptex systemVersionPlist
	switch err := m.ReadPlist(probe.CryptexSystemVersion, &cryptex); {
	case err == nil && cryptex.Extra != "":
		v.Extra = cryptex.Extra
	case err != nil && !root.NotExist(err):
		return os, err
	}
	if v.Extra != "" && !osExtraForm.MatchString(v.Extra) {
		return os, fmt.Errorf("%q is no supplemental version of macOS", probe.Printable(v.Extra))
	}
	os.Extra = strings.Clone(v.Extra)
	return os, nil
}

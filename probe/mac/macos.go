package mac

import (
	"errors"
	"fmt"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

var (
	osVersionForm = probe.Form{Expr: `^[0-9]{1,3}(\.[0-9]{1,3}){1,3}$`}
	osBuildForm   = probe.Form{Expr: `^[0-9A-Za-z]{1,16}$`}
	osExtraForm   = probe.Form{Expr: `^\([a-z]{1,4}\)$`}
)

type systemVersionPlist struct {
	Version string `plist:"ProductVersion"`
	Build   string `plist:"ProductBuildVersion"`
	Extra   string `plist:"ProductVersionExtra"`
}

// ReadOS reads the version of macOS from SystemVersion.plist. The copy in the
// cryptex adds the supplemental version of a rapid security response or a
// background security improvement. If only the supplemental version cannot be
// read, ReadOS returns the rest together with the error.
func ReadOS(m root.FS) (probe.OSVersion, error) {
	var v systemVersionPlist
	odd := m.ReadPlist(probe.SystemVersion, &v)
	if odd != nil && !errors.Is(odd, root.ErrOtherType) {
		return probe.OSVersion{}, odd
	}
	switch {
	case v.Version == "10.16":
		// macOS 11 and later report this version in compatibility mode.
		return probe.OSVersion{}, errors.New("macOS reports version 10.16 because SYSTEM_VERSION_COMPAT is set")
	case !osVersionForm.MatchString(v.Version):
		return probe.OSVersion{}, fmt.Errorf("%s: invalid version of macOS %q", probe.SystemVersion, probe.Printable(v.Version))
	case !osBuildForm.MatchString(v.Build):
		return probe.OSVersion{}, fmt.Errorf("%s: invalid build of macOS %q", probe.SystemVersion, probe.Printable(v.Build))
	}
	os := probe.OSVersion{Version: strings.Clone(v.Version), Build: strings.Clone(v.Build)}
	var cryptex systemVersionPlist
	switch err := m.ReadPlist(probe.CryptexSystemVersion, &cryptex); {
	case err == nil && cryptex.Extra != "":
		v.Extra, odd = cryptex.Extra, nil
	case err != nil && !root.NotExist(err):
		return os, err
	}
	if v.Extra != "" && !osExtraForm.MatchString(v.Extra) {
		return os, fmt.Errorf("invalid supplemental version of macOS %q", probe.Printable(v.Extra))
	}
	os.Extra = strings.Clone(v.Extra)
	return os, odd
}

package probe

import (
	"strconv"
	"strings"
)

// OSVersion is a version of macOS: "10.15.7" "19H2026", or "26.3.1" "25D2128"
// with the extra "(a)" of a rapid security response.
type OSVersion struct {
	Version string `plist:"Version"`
	Build   string `plist:"Build"`
	Extra   string `plist:"Extra"`
}

// Known reports whether the version could be read.
func (v OSVersion) Known() bool { return v.Version != "" }

// AtLeast reports whether this macOS is major.minor or later. It is false for
// an unknown version.
func (v OSVersion) AtLeast(major, minor int) bool {
	have, haveMinor := v.Major(), v.Minor()
	return have > major || have == major && haveMinor >= minor
}

// Before reports whether this macOS is of an earlier release than another one, such as
// "10.15" or "13". Up to 10.15 the second number counted releases. It is false if one of
// them is unknown.
func (v OSVersion) Before(release string) bool { return OSVersion{Version: release}.After(v.Version) }

// After is Before with the two exchanged.
func (v OSVersion) After(release string) bool {
	other := OSVersion{Version: release}
	if !v.Known() || !other.Known() {
		return false
	}
	if v.Major() == 10 && other.Major() == 10 {
		return v.Minor() > other.Minor()
	}
	return v.Major() > other.Major()
}

// Major returns the first number of the version; 0: not known.
func (v OSVersion) Major() int { return v.number(0) }

// Minor returns the second number of the version; 0 if it is missing.
func (v OSVersion) Minor() int { return v.number(1) }

func (v OSVersion) number(i int) int {
	part, rest, _ := strings.Cut(v.Version, ".")
	for ; i > 0; i-- {
		part, rest, _ = strings.Cut(rest, ".")
	}
	n, err := strconv.Atoi(part)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// String returns the version as people write it: "26.3.1 (a)".
func (v OSVersion) String() string {
	if v.Extra == "" {
		return v.Version
	}
	return v.Version + " " + v.Extra
}
